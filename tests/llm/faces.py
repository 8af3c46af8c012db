"""The vendors as fakes: what they answer, byte for byte, when a model says something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from circuit_breaker.llm.keys import Secret
from circuit_breaker.llm.patience import Patience, Retries, Timeouts
from circuit_breaker.llm.providers import CustomProvider, OllamaProvider, OpenAIProvider

KEY = "sk-secret-0123456789abcdef"
QUICK = Patience(
    timeouts=Timeouts(connect=2.0, first_byte=5.0, idle=5.0, total=20.0), retries=Retries(most=3, pause=0.001)
)


@attrs.frozen(kw_only=True)
class Said:
    """What a model says.

    Attributes:
        pieces: The text, in the pieces in which it is streamed.
        calls: Names and arguments of the tools that it calls.
        thinking: What it thought before, in pieces.
        input_tokens: What it read.
        output_tokens: What it wrote.
        length: Whether it ended because it was too long.
    """

    pieces: tuple[str, ...] = ("Hel", "lo, ", "wörld 🦊!")
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    thinking: tuple[str, ...] = ()
    input_tokens: int = 11
    output_tokens: int = 7
    length: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Face(Protocol):
    """One vendor.

    Attributes:
        kind: As the provider's.
        model: A model that can do everything that the contract asks for.
        stream_type: The media type of a stream.
        thinks: Whether thoughts are told.
        embeds: Whether it makes vectors.
    """

    kind: str
    model: str
    stream_type: str
    thinks: bool
    embeds: bool

    def provider(self, url: str, *, patience: Patience = QUICK, api_key: Secret = KEY, **options: Any) -> Any: ...

    def whole(self, said: Said) -> bytes: ...

    def events(self, said: Said) -> list[bytes]:
        """The stream; each member is one event, and the last ones end the answer."""
        ...

    def broken(self, message: str) -> bytes:
        """An error in the middle of a stream."""
        ...

    def error(self, status: int, message: str) -> bytes: ...

    def unknown_model(self) -> tuple[int, bytes]:
        """What is answered for a model that there is not."""
        ...

    def too_long(self) -> tuple[int, bytes]:
        """What is answered for a conversation that is too long."""
        ...

    def formed(self, text: str) -> Said:
        """How the model gives an answer of a form."""
        ...

    def listing(self, models: list[str]) -> bytes: ...

    def vectors(self, vectors: list[list[float]], tokens: int) -> bytes: ...

    def stop_of(self, body: Any) -> Any: ...

    def seed_of(self, body: Any) -> Any: ...


def dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


class ChatFace:
    """OpenAI's chat completions."""

    kind = "openai"
    model = "gpt-4o"
    stream_type = "text/event-stream"
    thinks = False
    embeds = True

    def provider(self, url, *, patience=QUICK, api_key=KEY, **options):
        return OpenAIProvider(api_key=api_key, base_url=f"{url}/v1", patience=patience, **options)

    def _head(self, kind):
        return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": self.model}

    def _usage(self, said):
        read, written = said.input_tokens, said.output_tokens
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        }

    def _reason(self, said):
        return "length" if said.length else "tool_calls" if said.calls else "stop"

    def whole(self, said):
        message = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.thinking:
            message["reasoning_content"] = "".join(said.thinking)
        if said.calls:
            message["tool_calls"] = [
                {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for n, (name, arguments) in enumerate(said.calls)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason(said)}
        return dumped({**self._head("chat.completion"), "choices": [choice], "usage": self._usage(said)})

    def chunk(self, delta, reason=None, **more):
        """One event of the stream."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice], "usage": None, **more}
        return b"data: " + dumped(chunk) + b"\n\n"

    def call(self, place, name, arguments):
        """A call of a tool, in pieces."""
        text = json.dumps(arguments)
        first = {"index": place, "id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": ""}}
        yield self.chunk({"tool_calls": [first]})
        for at in range(0, len(text), 5):
            more = {"index": place, "function": {"arguments": text[at : at + 5]}}
            yield self.chunk({"tool_calls": [more]})

    def events(self, said):
        return [
            self.chunk({"role": "assistant", "content": ""}),
            *(self.chunk({"reasoning_content": piece}) for piece in said.thinking),
            *(self.chunk({"content": piece}) for piece in said.pieces),
            *(event for n, (name, arguments) in enumerate(said.calls) for event in self.call(n, name, arguments)),
            self.chunk({}, self._reason(said)),
            self.chunk({}, choices=[], usage=self._usage(said)),
            b"data: [DONE]\n\n",
        ]

    def broken(self, message):
        return b"data: " + self.error(500, message) + b"\n\n"

    def error(self, status, message):
        return dumped({"error": {"message": message, "type": "x_error", "param": None, "code": None}})

    def unknown_model(self):
        error = {"message": "no such model", "type": "invalid_request_error", "param": None, "code": "model_not_found"}
        return 404, dumped({"error": error})

    def too_long(self):
        told = {"message": "This is too much.", "type": "invalid_request_error", "code": "context_length_exceeded"}
        return 400, dumped({"error": told})

    def formed(self, text):
        return Said(pieces=(text[:3], text[3:]))

    def listing(self, models):
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in models]
        return dumped({"object": "list", "data": data})

    def vectors(self, vectors, tokens):
        data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return dumped({"object": "list", "data": data[::-1], "model": "m", "usage": usage})

    def stop_of(self, body):
        return body["stop"]

    def seed_of(self, body):
        return body["seed"]


class CustomFace(ChatFace):
    """A server that speaks as OpenAI does."""

    kind = "custom"
    model = "qwen2.5-coder"
    thinks = True

    def provider(self, url, *, patience=QUICK, api_key=KEY, **options):
        return CustomProvider(api_key=api_key, base_url=f"{url}/v1", patience=patience, **options)


class ResponsesFace(ChatFace):
    """OpenAI's responses."""

    model = "gpt-5"

    def provider(self, url, *, patience=QUICK, api_key=KEY, **options):
        return super().provider(url, patience=patience, api_key=api_key, api="responses", **options)

    thinks = True

    def _items(self, said):
        if said.thinking:
            summary = [{"type": "summary_text", "text": "".join(said.thinking)}]
            yield {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "xyz"}
        if said.text:
            content = [{"type": "output_text", "text": said.text, "annotations": []}]
            yield {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
        for n, (name, arguments) in enumerate(said.calls):
            call = {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": name}
            yield call | {"arguments": json.dumps(arguments), "status": "completed"}

    def _response(self, said, status="completed"):
        usage = {
            "input_tokens": said.input_tokens,
            "input_tokens_details": {"cached_tokens": 3},
            "output_tokens": said.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": said.input_tokens + said.output_tokens,
        }
        status, details = ("incomplete", {"reason": "max_output_tokens"}) if said.length else (status, None)
        head = {"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": self.model}
        return head | {
            "status": status,
            "error": None,
            "incomplete_details": details,
            "output": list(self._items(said)),
            "usage": usage,
        }

    def whole(self, said):
        return dumped(self._response(said))

    def events(self, said):
        told = [("response.created", {"response": self._response(Said(pieces=()), "in_progress")})]
        for place, item in enumerate(self._items(said)):
            told += self._told(place, item, said)
        ending = "response.incomplete" if said.length else "response.completed"
        told.append((ending, {"response": self._response(said)}))
        return [self._event(kind, n, more) for n, (kind, more) in enumerate(told)]

    def _event(self, kind, number, more):
        document = {"type": kind, "sequence_number": number, **more}
        return b"event: " + kind.encode() + b"\ndata: " + dumped(document) + b"\n\n"

    def _told(self, place, item, said):
        at = {"output_index": place}
        empty = {**item, "summary": [], "content": [], "arguments": ""}
        yield "response.output_item.added", {**at, "item": empty}
        if item["type"] == "reasoning":
            at |= {"item_id": item["id"], "summary_index": 0}
            yield "response.reasoning_summary_part.added", {**at, "part": {"type": "summary_text", "text": ""}}
            for piece in said.thinking:
                yield "response.reasoning_summary_text.delta", {**at, "delta": piece}
        elif item["type"] == "message":
            at |= {"item_id": item["id"], "content_index": 0}
            part = {"type": "output_text", "text": "", "annotations": []}
            yield "response.content_part.added", {**at, "part": part}
            for piece in said.pieces:
                yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
            yield "response.output_text.done", {**at, "text": said.text, "logprobs": []}
            yield "response.content_part.done", {**at, "part": {**part, "text": said.text}}
        else:
            text = item["arguments"]
            at |= {"item_id": item["id"]}
            for start in range(0, len(text), 5):
                yield "response.function_call_arguments.delta", {**at, "delta": text[start : start + 5]}
            yield "response.function_call_arguments.done", {**at, "arguments": text}
        yield "response.output_item.done", {"output_index": place, "item": item}

    def broken(self, message):
        return self._event("error", 9, {"code": "server_error", "message": message, "param": None})

    def stop_of(self, body):
        return body.get("stop")

    def seed_of(self, body):
        return body.get("seed")


class OllamaFace:
    """Ollama."""

    kind = "ollama"
    model = "qwen3"
    stream_type = "application/x-ndjson"
    thinks = True
    embeds = True

    def provider(self, url, *, patience=QUICK, api_key=KEY, **options):
        return OllamaProvider(base_url=url, api_key=api_key, patience=patience, **options)

    def _line(self, message, **more):
        head = {"model": self.model, "created_at": "2026-11-20T10:00:00Z"}
        return {**head, "message": {"role": "assistant", "content": "", **message}, "done": False, **more}

    def _calls(self, said):
        return [{"function": {"name": name, "arguments": arguments}} for name, arguments in said.calls]

    def _last(self, said, **message):
        counts = {"prompt_eval_count": said.input_tokens, "eval_count": said.output_tokens, "total_duration": 5}
        return self._line(message, done=True, done_reason="length" if said.length else "stop", **counts)

    def whole(self, said):
        message = {"content": said.text, "thinking": "".join(said.thinking) or None}
        return dumped(self._last(said, **message, **({"tool_calls": self._calls(said)} if said.calls else {})))

    def events(self, said):
        lines = [
            *(self._line({"thinking": piece}) for piece in said.thinking),
            *(self._line({"content": piece}) for piece in said.pieces),
            *(self._line({"tool_calls": [call]}) for call in self._calls(said)),
            self._last(said),
        ]
        return [dumped(line) + b"\n" for line in lines]

    def broken(self, message):
        return dumped({"error": message}) + b"\n"

    def error(self, status, message):
        return dumped({"error": message})

    def unknown_model(self):
        return 404, dumped({"error": "model 'x' not found"})

    def too_long(self):
        return 400, dumped({"error": "the input exceeds the context length"})

    def formed(self, text):
        return Said(pieces=(text[:3], text[3:]))

    def listing(self, models):
        return dumped({"models": [{"name": name, "size": 1} for name in models]})

    def vectors(self, vectors, tokens):
        return dumped({"model": "m", "embeddings": vectors, "prompt_eval_count": tokens})

    def stop_of(self, body):
        return body["options"]["stop"]

    def seed_of(self, body):
        return body["options"]["seed"]
