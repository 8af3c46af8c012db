"""Anthropic's answers: its messages, whole and streamed, as ours, and its errors.

A block that we do not know, such as the search of a server's own, must go back unchanged and in its place if the
conversation goes on. So it is kept as what the vendor alone can read: a :class:`~circuit_breaker.llm.parts.Thinking`
whose ``redacted`` is the block's JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from circuit_breaker.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    LLMError,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimitExceeded,
    RequestRefused,
    ResponseTimeout,
)
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded, decoded_piece, json_text
from circuit_breaker.llm.failures import VendorFault, http_failure
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import EventDecoder, ServerEvent
from circuit_breaker.llm.usage import Usage

__all__ = ["KINDS", "MessageReader", "fault_of", "read_message"]

KINDS: Final[Mapping[str, type[LLMError]]] = {
    "authentication_error": AuthenticationFailed,
    "permission_error": AuthenticationFailed,
    "billing_error": QuotaExhausted,
    "request_too_large": ContextTooLong,
    "rate_limit_error": RateLimitExceeded,
    "api_error": ProviderOverloaded,
    "timeout_error": ResponseTimeout,
    "overloaded_error": ProviderOverloaded,
    "content_filter": ContentFiltered,
    "model_not_found": ModelNotFound,
    "context_too_long": ContextTooLong,
}
_IN_STREAM: Final = {**KINDS, "invalid_request_error": RequestRefused}
"""Where no number says what kind of fault it is."""

_SAID: Final = {
    "content filtering policy": "content_filter",
    "credit balance is too low": "billing_error",
    "prompt is too long": "context_too_long",
    "exceed context limit": "context_too_long",
}
"""What the vendor says in words only, in the message of an ``invalid_request_error``."""

_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "paused",
}
_CALL: Final[Mapping[str, Any]] = {"type": "tool_use"}
_KNOWN: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "usage", "error"})

_COUNTED: Final[Mapping[str, Any]] = {
    "input_tokens": None,
    "output_tokens": None,
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": None,
    "output_tokens_details": {"thinking_tokens": None},
}


def fault_of(document: Any) -> VendorFault | None:
    """What is wrong, in the vendor's words."""
    told = document.get("error") if isinstance(document, dict) else None
    if isinstance(told, str):
        return VendorFault(message=told)
    if not isinstance(told, dict):
        return None
    message, kind = str(told.get("message") or ""), str(told.get("type") or "")
    code = ""
    if kind == "invalid_request_error":
        code = next((code for words, code in _SAID.items() if words in message.lower()), "")
    elif kind == "not_found_error" and message.startswith("model"):
        code = "model_not_found"
    return VendorFault(message=message, type=kind, code=code)


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """The tokens that it tells of; those of the cache are told beside the others, and count as input."""
    written, cached = usage.get("cache_creation_input_tokens") or 0, usage.get("cache_read_input_tokens") or 0
    return Usage(
        input_tokens=(usage.get("input_tokens") or 0) + written + cached,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=(usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
    )


def read_message(document: Any, assembly: Assembly) -> None:
    """Tells the assembly of a whole message."""
    assembly.started(id=document.get("id") or "", model=document.get("model") or "")
    for at, block in enumerate(document["content"]):
        _begin(at, block, assembly)
        if block["type"] not in _BEGINNINGS:
            _keep(block, assembly)
        _end(at, block, assembly)
    _finish(document, assembly)
    if document.get("usage"):
        assembly.usage = usage_of(document["usage"])
        assembly.members.count(_COUNTED, document["usage"])
    _note(document, assembly)


def _note(document: Mapping[str, Any], assembly: Assembly) -> None:
    assembly.members.keep({name: document[name] for name in document.keys() - _KNOWN if document[name] is not None})


def _finish(told: Mapping[str, Any], assembly: Assembly) -> None:
    reason = told.get("stop_reason")
    if reason:
        assembly.finish(_REASONS.get(reason, "other"), reason)


def _begin(at: int | None, block: Mapping[str, Any], assembly: Assembly) -> None:
    """A block begins; it may be whole already."""
    begin = _BEGINNINGS.get(block["type"])
    if begin is not None:
        begin(at, block, assembly)


def _begin_text(at: int | None, block: Mapping[str, Any], assembly: Assembly) -> None:
    del at
    assembly.text(block.get("text"))
    _cite(block.get("citations"), assembly)


def _cite(citations: Any, assembly: Assembly) -> None:
    """Notes where a text is from, for all of the answer."""
    if citations:
        assembly.members.gather({"citations": list(citations)})


def _begin_call(at: int | None, block: Mapping[str, Any], assembly: Assembly) -> None:
    assembly.call(block.get("input") or "", at=at, id=block.get("id"), name=block.get("name"))


def _begin_thought(at: int | None, block: Mapping[str, Any], assembly: Assembly) -> None:
    del at
    assembly.thinking(block.get("thinking"), signature=block.get("signature") or None)


def _begin_redacted(at: int | None, block: Mapping[str, Any], assembly: Assembly) -> None:
    del at
    assembly.thinking(None, redacted=block["data"])


_BEGINNINGS: Final[Mapping[str, Callable[[int | None, Mapping[str, Any], Assembly], None]]] = {
    "text": _begin_text,
    "tool_use": _begin_call,
    "thinking": _begin_thought,
    "redacted_thinking": _begin_redacted,
}


def _keep(block: Mapping[str, Any], assembly: Assembly) -> None:
    """Keeps a block that only the vendor can read."""
    assembly.thinking(None, redacted=json_text(block))


def _end(at: int | None, block: Mapping[str, Any], assembly: Assembly) -> None:
    kind = block["type"]
    if kind == "tool_use":
        if at is not None:
            assembly.call_ended(at=at)
    elif kind != "text":
        assembly.thought_ended()


class MessageReader:
    """Reads a streamed message."""

    def __init__(self, assembly: Assembly) -> None:
        self.decoder = EventDecoder()
        self.over = False
        self._assembly = assembly
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int | None, dict[str, Any]] = {}
        self._inputs: dict[int | None, list[str]] = {}
        self._takes: Mapping[str, Callable[[Any], None]] = {
            "message_start": self._start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._stop,
            "error": self._error,
        }

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of an event; a ping and what we do not know are passed over.

        Raises:
            LLMError: The event is an error.
        """
        document = decoded_piece(event.data)
        take = self._takes.get(document.get("type") or event.event)
        if take is not None:
            take(document)

    def _start(self, document: Any) -> None:
        message = document["message"]
        self._assembly.started(id=message.get("id") or "", model=message.get("model") or "")
        self._count(message.get("usage"))
        _note(message, self._assembly)

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Takes over what is told: the counts are of all so far, and those that are absent stay."""
        if usage:
            self._usage |= {name: value for name, value in usage.items() if value is not None}
            self._assembly.usage = usage_of(self._usage)
            self._assembly.members.count(_COUNTED, self._usage)

    def _block_start(self, document: Any) -> None:
        at, block = document.get("index"), document["content_block"]
        self._assembly.members.weigh(block)
        self._blocks[at] = block
        _begin(at, block, self._assembly)

    def _block_delta(self, document: Any) -> None:
        at, delta = document.get("index"), document["delta"]
        match delta["type"]:
            case "text_delta":
                self._assembly.text(delta["text"])
            case "input_json_delta":
                self._input(at, delta.get("partial_json") or "")
            case "thinking_delta":
                self._assembly.thinking(delta["thinking"])
            case "signature_delta":
                self._assembly.thinking(None, signature=delta["signature"])
            case "citations_delta":
                _cite([delta["citation"]], self._assembly)

    def _input(self, at: int | None, piece: str) -> None:
        if self._blocks.get(at, _CALL)["type"] == "tool_use":
            self._assembly.call(piece, at=at)
        else:
            self._assembly.members.weigh(piece)
            self._inputs.setdefault(at, []).append(piece)

    def _block_stop(self, document: Any) -> None:
        at = document.get("index")
        block = self._blocks.pop(at, None)
        if block is None:
            return
        if block["type"] not in _BEGINNINGS:
            pieces = self._inputs.pop(at, None)
            _keep({**block, "input": decoded("".join(pieces) or "{}")} if pieces else block, self._assembly)
        _end(at, block, self._assembly)

    def _message_delta(self, document: Any) -> None:
        delta = document.get("delta") or {}
        _finish(delta, self._assembly)
        _note(delta, self._assembly)
        self._count(document.get("usage"))

    def _stop(self, _: Any) -> None:
        self.over = True
        self._assembly.close()

    def _error(self, document: Any) -> None:
        raise http_failure(self._assembly.asked, fault_of(document) or VendorFault(), kinds=_IN_STREAM)
