"""The official SDKs of the vendors, each asked in its own way: what they make of an answer, and what they send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anthropic
import attrs
import ollama
import openai
from google import genai

from circuit_breaker.llm.response import ChatCompletionResponse
from tests.llm.faces import KEY, ChatFace, OllamaFace, ResponsesFace
from tests.llm.vendor_faces import AnthropicFace, GoogleFace

REASONS = {
    "completed": "stop", "end_turn": "stop", "stop_sequence": "stop", "STOP": "stop", "tool_use": "tool_calls",
    "max_tokens": "length", "MAX_TOKENS": "length", "max_output_tokens": "length",
}  # fmt: skip

ENDS = ("response.completed", "response.incomplete")


@attrs.frozen(kw_only=True)
class Understood:
    """What a client makes of an answer.

    Attributes:
        text: The text.
        calls: Names and arguments of the tools that are called.
        thinking: What was thought before.
        tokens: Of input, of output, and of the input what came from a cache.
        reason: Why it ended, in our words.
    """

    text: str
    calls: tuple[tuple[str, Any], ...]
    thinking: str
    tokens: tuple[int, int, int]
    reason: str

    @classmethod
    def ours(cls, response: ChatCompletionResponse) -> Understood:
        """What we make of it."""
        usage = response.usage
        return cls(
            text=response.content,
            calls=tuple((call.name, json.loads(call.arguments)) for call in response.tool_calls),
            thinking=response.message.thinking,
            tokens=(usage.input_tokens, usage.output_tokens, usage.cached_tokens),
            reason=response.finish_reason,
        )


class OpenAIChat:
    """The package openai, chat completions."""

    face = ChatFace()
    spoken: Mapping[str, str] = {}
    """The version of the interface, where this SDK speaks a newer one than our provider does unless told."""

    def _client(self, url):
        return openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0)

    async def whole(self, url, asked):
        async with self._client(url) as client:
            return self._told(await client.chat.completions.create(**asked))

    async def streamed(self, url, asked):
        async with self._client(url) as client, client.chat.completions.stream(**asked) as stream:
            try:
                return self._told(await stream.get_final_completion())
            except openai.LengthFinishReasonError as cut:
                return self._told(cut.completion)

    def _told(self, found):
        message, usage = found.choices[0].message, found.usage
        calls = message.tool_calls or ()
        return Understood(
            text=message.content or "",
            calls=tuple((call.function.name, json.loads(call.function.arguments)) for call in calls),
            thinking="",
            tokens=(usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens),
            reason=found.choices[0].finish_reason,
        )


class OpenAIResponses(OpenAIChat):
    """The package openai, responses."""

    face = ResponsesFace()

    async def whole(self, url, asked):
        async with self._client(url) as client:
            return self._told(await client.responses.create(**asked))

    async def streamed(self, url, asked):
        async with self._client(url) as client, client.responses.stream(**asked) as stream:
            ended = [event.response async for event in stream if event.type in ENDS]
        return self._told(ended[0])

    def _told(self, found):
        calls = [item for item in found.output if item.type == "function_call"]
        thoughts = [part.text for item in found.output if item.type == "reasoning" for part in item.summary]
        details, usage = found.incomplete_details, found.usage
        reason = REASONS[details.reason if details else found.status]
        return Understood(
            text=found.output_text,
            calls=tuple((call.name, json.loads(call.arguments)) for call in calls),
            thinking="".join(thoughts),
            tokens=(usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens),
            reason="tool_calls" if calls and reason == "stop" else reason,
        )


class Anthropic:
    """The package anthropic."""

    face = AnthropicFace()
    spoken = {"auth": "bearer", "version": "2026-10-21"}  # noqa: RUF012

    def _client(self, url):
        return anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0)

    async def whole(self, url, asked):
        async with self._client(url) as client:
            return self._told(await client.messages.create(**asked))

    async def streamed(self, url, asked):
        async with self._client(url) as client, client.messages.stream(**asked) as stream:
            return self._told(await stream.get_final_message())

    def _told(self, found):
        usage = found.usage
        read = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens
        blocks = found.content
        return Understood(
            text="".join(block.text for block in blocks if block.type == "text"),
            calls=tuple((block.name, block.input) for block in blocks if block.type == "tool_use"),
            thinking="".join(block.thinking for block in blocks if block.type == "thinking"),
            tokens=(read, usage.output_tokens, usage.cache_read_input_tokens),
            reason=REASONS[found.stop_reason],
        )


class Google:
    """The package google-genai."""

    face = GoogleFace()
    spoken = {"version": "v1"}  # noqa: RUF012

    def _client(self, url):
        return genai.Client(api_key=KEY, http_options={"base_url": url}).aio

    async def whole(self, url, asked):
        async with self._client(url) as client:
            return self._told([await client.models.generate_content(**asked)])

    async def streamed(self, url, asked):
        async with self._client(url) as client:
            return self._told([piece async for piece in await client.models.generate_content_stream(**asked)])

    def _told(self, pieces):
        parts = [part for piece in pieces for part in piece.candidates[0].content.parts or ()]
        usage, calls = pieces[-1].usage_metadata, [part.function_call for part in parts if part.function_call]
        reason = REASONS[pieces[-1].candidates[0].finish_reason.value]
        return Understood(
            text="".join(part.text or "" for part in parts if not part.thought),
            calls=tuple((call.name, call.args) for call in calls),
            thinking="".join(part.text for part in parts if part.thought),
            tokens=(
                usage.prompt_token_count,
                usage.candidates_token_count + usage.thoughts_token_count,
                usage.cached_content_token_count,
            ),
            reason="tool_calls" if calls and reason == "stop" else reason,
        )


class Ollama:
    """The package ollama."""

    face = OllamaFace()
    spoken: Mapping[str, str] = {}

    def _client(self, url):
        return ollama.AsyncClient(host=url, headers={"Authorization": f"Bearer {KEY}"})

    async def whole(self, url, asked):
        async with self._client(url) as client:
            return self._told([await client.chat(**asked)])

    async def streamed(self, url, asked):
        async with self._client(url) as client:
            return self._told([piece async for piece in await client.chat(**asked, stream=True)])

    def _told(self, pieces):
        messages, last = [piece.message for piece in pieces], pieces[-1]
        calls = [call.function for message in messages for call in message.tool_calls or ()]
        return Understood(
            text="".join(message.content or "" for message in messages),
            calls=tuple((call.name, dict(call.arguments)) for call in calls),
            thinking="".join(message.thinking or "" for message in messages),
            tokens=(last.prompt_eval_count, last.eval_count, 0),
            reason="tool_calls" if calls and last.done_reason == "stop" else last.done_reason,
        )


SDKS = (OpenAIChat(), OpenAIResponses(), Anthropic(), Google(), Ollama())
