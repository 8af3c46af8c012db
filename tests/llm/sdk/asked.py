"""The same requests in our words and in those of each vendor's SDK."""

from __future__ import annotations

import ollama
from google.genai import types

from circuit_breaker.llm.messages import assistant, system, tool_result, user
from circuit_breaker.llm.parts import Image, ToolCall
from circuit_breaker.llm.request import ResponseFormat, ToolDefinition

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PICTURE = "iVBORw0KGgo="
CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Rom"}')

OURS = {
    "text": {
        "messages": [system("Be brief."), user("Hello?")],
        "temperature": 0.5,
        "max_tokens": 100,
        "stop": ("END",),
    },
    "tools": {
        "messages": [user("Rain?"), assistant(CALL), tool_result(CALL, "dry")],
        "tools": (ToolDefinition(name="weather", description="Tells.", parameters=CITY),),
        "tool_choice": "required",
        "max_tokens": 100,
    },
    "picture": {"messages": [user("What?", Image(data=PICTURE))], "max_tokens": 100},
    "form": {
        "messages": [user("Where?")],
        "max_tokens": 100,
        "response_format": ResponseFormat(kind="json_schema", schema=CITY, name="city"),
    },
}
"""What is asked, by what is particular about it."""


def text(value, kind="text"):
    return {"type": kind, "text": value}


CHAT = {
    "text": {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        "temperature": 0.5,
        "max_tokens": 100,
        "stop": ["END"],
    },
    "tools": {
        "messages": [
            {"role": "user", "content": "Rain?"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Rom"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "dry"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "description": "Tells.", "parameters": CITY}}],
        "tool_choice": "required",
        "max_tokens": 100,
    },
    "picture": {
        "messages": [
            {
                "role": "user",
                "content": [
                    text("What?"),
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
                ],
            }
        ],
        "max_tokens": 100,
    },
    "form": {
        "messages": [{"role": "user", "content": "Where?"}],
        "max_tokens": 100,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "city", "schema": CITY, "strict": True},
        },
    },
}

_STATELESS = {"store": False, "include": ["reasoning.encrypted_content"], "max_output_tokens": 100}
RESPONSES = {
    "text": {
        "input": [
            {"role": "system", "content": [text("Be brief.", "input_text")]},
            {"role": "user", "content": [text("Hello?", "input_text")]},
        ],
        **_STATELESS,
    },
    "tools": {
        "input": [
            {"role": "user", "content": [text("Rain?", "input_text")]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Rom"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "dry"},
        ],
        "tools": [
            {"type": "function", "name": "weather", "description": "Tells.", "parameters": CITY, "strict": False}
        ],
        "tool_choice": "required",
        **_STATELESS,
    },
    "picture": {
        "input": [
            {
                "role": "user",
                "content": [
                    text("What?", "input_text"),
                    {
                        "type": "input_image",
                        "image_url": f"data:image/png;base64,{PICTURE}",
                        "detail": "auto",
                    },
                ],
            }
        ],
        **_STATELESS,
    },
    "form": {
        "input": [{"role": "user", "content": [text("Where?", "input_text")]}],
        "text": {"format": {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}},
        **_STATELESS,
    },
}

ANTHROPIC = {
    "text": {
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [text("Hello?")]}],
        "extra_body": {"temperature": 0.5},
        "max_tokens": 100,
        "stop_sequences": ["END"],
    },
    "tools": {
        "messages": [
            {"role": "user", "content": [text("Rain?")]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rom"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "dry"}]},
        ],
        "tools": [{"name": "weather", "description": "Tells.", "input_schema": CITY}],
        "tool_choice": {"type": "any"},
        "max_tokens": 100,
    },
    "picture": {
        "messages": [
            {
                "role": "user",
                "content": [
                    text("What?"),
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
                ],
            }
        ],
        "max_tokens": 100,
    },
    "form": {
        "messages": [{"role": "user", "content": [text("Where?")]}],
        "output_config": {"format": {"type": "json_schema", "schema": CITY}},
        "max_tokens": 100,
    },
}

_BARE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _said(*parts, role="user"):
    return types.Content(role=role, parts=list(parts))


GOOGLE = {
    "text": {
        "contents": [_said(types.Part(text="Hello?"))],
        "config": types.GenerateContentConfig(
            system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
            temperature=0.5,
            max_output_tokens=100,
            stop_sequences=["END"],
        ),
    },
    "tools": {
        "contents": [
            _said(types.Part(text="Rain?")),
            _said(types.Part.from_function_call(name="weather", args={"city": "Rom"}), role="model"),
            _said(types.Part.from_function_response(name="weather", response={"result": "dry"})),
        ],
        "config": types.GenerateContentConfig(
            tools=[
                types.Tool(
                    function_declarations=[
                        types.FunctionDeclaration(name="weather", description="Tells.", parameters=_BARE)
                    ]
                )
            ],
            tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
            max_output_tokens=100,
        ),
    },
    "picture": {
        "contents": [
            _said(
                types.Part(text="What?"),
                types.Part(inline_data=types.Blob(mime_type="image/png", data=PICTURE)),
            )
        ],
        "config": types.GenerateContentConfig(max_output_tokens=100),
    },
    "form": {
        "contents": [_said(types.Part(text="Where?"))],
        "config": types.GenerateContentConfig(
            max_output_tokens=100, response_mime_type="application/json", response_schema=_BARE
        ),
    },
}

OLLAMA = {
    "text": {
        "messages": [
            ollama.Message(role="system", content="Be brief."),
            ollama.Message(role="user", content="Hello?"),
        ],
        "options": ollama.Options(temperature=0.5, num_predict=100, stop=["END"]),
    },
    "tools": {
        "messages": [
            ollama.Message(role="user", content="Rain?"),
            ollama.Message(
                role="assistant",
                content="",
                tool_calls=[{"function": {"name": "weather", "arguments": {"city": "Rom"}}}],
            ),
            ollama.Message(role="tool", content="dry", tool_name="weather"),
        ],
        "tools": [ollama.Tool(function={"name": "weather", "description": "Tells.", "parameters": CITY})],
        "options": ollama.Options(num_predict=100),
    },
    "picture": {
        "messages": [ollama.Message(role="user", content="What?", images=[ollama.Image(value=PICTURE)])],
        "options": ollama.Options(num_predict=100),
    },
    "form": {
        "messages": [ollama.Message(role="user", content="Where?")],
        "format": CITY,
        "options": ollama.Options(num_predict=100),
    },
}

THEIRS = {
    "OpenAIChat": CHAT,
    "OpenAIResponses": RESPONSES,
    "Anthropic": ANTHROPIC,
    "Google": GOOGLE,
    "Ollama": OLLAMA,
}
"""The same, as the SDKs want it."""
