"""Anthropic and Google as fakes: what they answer, byte for byte, when a model says something."""

from __future__ import annotations

import json

from circuit_breaker.llm.providers import AnthropicProvider, GoogleProvider
from tests.llm.faces import KEY, QUICK, Said, dumped

_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 409: "conflict_error", 413: "request_too_large", 422: "invalid_request_error",
    429: "rate_limit_error", 500: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    413: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED", 529: "UNAVAILABLE",
}  # fmt: skip


def compact(arguments):
    """Arguments as the vendor's model writes them."""
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


def pieces_of(text, size=5):
    return [text[at : at + size] for at in range(0, len(text), size)]


class AnthropicFace:
    """Anthropic's messages."""

    kind = "anthropic"
    model = "claude-sonnet-4-5"
    stream_type = "text/event-stream; charset=utf-8"
    thinks = True
    embeds = False
    signature = "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"

    def provider(self, url, *, patience=QUICK, api_key=KEY, **options):
        return AnthropicProvider(api_key=api_key, base_url=url, patience=patience, **options)

    def _message(self, said, content, reason, written):
        return {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": said.input_tokens - 5,
                "cache_creation_input_tokens": 2,
                "cache_read_input_tokens": 3,
                "output_tokens": written,
            },
        }

    def _reason(self, said):
        return "max_tokens" if said.length else "tool_use" if said.calls else "end_turn"

    def _blocks(self, said):
        if said.thinking:
            yield {"type": "thinking", "thinking": "".join(said.thinking), "signature": self.signature}
        if said.text:
            yield {"type": "text", "text": said.text}
        for n, (name, arguments) in enumerate(said.calls):
            yield {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": arguments}

    def whole(self, said):
        return dumped(self._message(said, list(self._blocks(said)), self._reason(said), said.output_tokens))

    def event(self, kind, **more):
        """One event of the stream."""
        return b"event: " + kind.encode() + b"\ndata: " + dumped({"type": kind, **more}) + b"\n\n"

    def _deltas(self, block, said):
        """The block when it begins, and what comes of it."""
        match block["type"]:
            case "thinking":
                yield {"type": "thinking", "thinking": "", "signature": ""}
                yield from ({"type": "thinking_delta", "thinking": piece} for piece in said.thinking)
                yield {"type": "signature_delta", "signature": self.signature}
            case "text":
                yield {"type": "text", "text": ""}
                yield from ({"type": "text_delta", "text": piece} for piece in said.pieces)
            case _:
                yield {**block, "input": {}}
                text = compact(block["input"]) if block["input"] else ""
                yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces_of(text)])

    def events(self, said):
        events = [self.event("message_start", message=self._message(said, [], None, 1))]
        for index, block in enumerate(self._blocks(said)):
            begun, *deltas = self._deltas(block, said)
            events.append(self.event("content_block_start", index=index, content_block=begun))
            events.extend(self.event("content_block_delta", index=index, delta=delta) for delta in deltas)
            events.append(self.event("content_block_stop", index=index))
        delta = {"stop_reason": self._reason(said), "stop_sequence": None}
        return [
            *events,
            self.event("ping"),
            self.event("message_delta", delta=delta, usage={"output_tokens": said.output_tokens}),
            self.event("message_stop"),
        ]

    def broken(self, message):
        return self.event("error", error={"type": "overloaded_error", "message": message})

    def error(self, status, message):
        error = {"type": _TYPES.get(status, "api_error"), "message": message}
        return dumped({"type": "error", "error": error, "request_id": "req_1"})

    def unknown_model(self):
        return 404, self.error(404, "model: claude-0")

    def too_long(self):
        return 400, self.error(400, "prompt is too long: 210000 tokens > 200000 maximum")

    def formed(self, text):
        return Said(pieces=(text[:3], text[3:]))

    def listing(self, models):
        data = [{"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01"} for name in models]
        return dumped({"data": data, "has_more": False, "first_id": models[0], "last_id": models[-1]})

    def stop_of(self, body):
        return body["stop_sequences"]

    def seed_of(self, body):
        return body.get("seed")


class GoogleFace:
    """Google's Gemini."""

    kind = "google"
    model = "gemini-2.5-flash"
    stream_type = "text/event-stream"
    thinks = True
    embeds = True

    def provider(self, url, *, patience=QUICK, api_key=KEY, **options):
        return GoogleProvider(api_key=api_key, base_url=url, patience=patience, **options)

    def _usage(self, said):
        return {
            "promptTokenCount": said.input_tokens,
            "candidatesTokenCount": said.output_tokens - 2,
            "thoughtsTokenCount": 2,
            "totalTokenCount": said.input_tokens + said.output_tokens,
            "cachedContentTokenCount": 3,
        }

    def _calls(self, said):
        return [
            {"functionCall": {"id": f"fc{n}", "name": name, "args": arguments}, "thoughtSignature": f"c2ln{n}A=="}
            for n, (name, arguments) in enumerate(said.calls)
        ]

    def document(self, parts, said, reason=None):
        """An answer, or one event of a stream."""
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        usage = self._usage(said)
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": self.model, "responseId": "r1"}

    def _reason(self, said):
        return "MAX_TOKENS" if said.length else "STOP"

    def whole(self, said):
        parts = [{"text": "".join(said.thinking), "thought": True}] if said.thinking else []
        parts += [{"text": said.text}] if said.text else []
        return dumped(self.document([*parts, *self._calls(said)], said, self._reason(said)))

    def events(self, said):
        documents = [
            *(self.document([{"text": piece, "thought": True}], said) for piece in said.thinking),
            *(self.document([{"text": piece}], said) for piece in said.pieces),
            self.document(self._calls(said), said),
            self.document([{"text": ""}], said, self._reason(said)),
        ]
        return [b"data: " + dumped(document) + b"\r\n\r\n" for document in documents]

    def broken(self, message):
        """A bare object, over several lines."""
        error = {"code": 503, "message": message, "status": "UNAVAILABLE"}
        return json.dumps({"error": error}, indent=2).encode()

    def error(self, status, message, details=()):
        error = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
        return dumped({"error": {**error, "details": list(details)}})

    def unknown_model(self):
        return 404, self.error(404, "models/gemini-0 is not found for API version v1beta")

    def too_long(self):
        return 400, self.error(400, "The input token count (1200000) exceeds the maximum number of tokens allowed")

    def formed(self, text):
        return Said(pieces=(text[:3], text[3:]))

    def listing(self, models):
        return dumped({"models": [{"name": f"models/{name}", "version": "1"} for name in models]})

    def vectors(self, vectors, tokens):
        embeddings = [{"values": vector} for vector in vectors]
        return dumped({"embeddings": embeddings, "usageMetadata": {"promptTokenCount": tokens}})

    def stop_of(self, body):
        return body["generationConfig"]["stopSequences"]

    def seed_of(self, body):
        return body["generationConfig"]["seed"]
