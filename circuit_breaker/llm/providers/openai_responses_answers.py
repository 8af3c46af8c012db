"""OpenAI's responses: its answers as ours, whole and streamed.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded_piece, json_text
from circuit_breaker.llm.failures import VendorFault, http_failure
from circuit_breaker.llm.providers.openai_chat import KINDS, fault_of
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import EventDecoder, ServerEvent
from circuit_breaker.llm.usage import Usage

__all__ = ["ResponsesReader", "read_response"]

_ENDINGS: Final[Mapping[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_KNOWN: Final = frozenset(
    "id object created_at model output usage error status incomplete_details instructions max_output_tokens metadata "
    "parallel_tool_calls temperature text tool_choice tools top_p truncation user reasoning store "
    "previous_response_id background".split()
)
_COUNTED: Final[Mapping[str, Any]] = {
    "input_tokens": None,
    "output_tokens": None,
    "total_tokens": None,
    "input_tokens_details": {"cached_tokens": None, "cache_write_tokens": None},
    "output_tokens_details": {"reasoning_tokens": None},
}
_BESIDE_TEXT: Final = ("annotations", "logprobs")


def read_response(document: Any, assembly: Assembly) -> None:
    """Tells the assembly of a whole answer.

    Raises:
        LLMError: It failed.
    """
    _begin(document, assembly)
    for place, item in enumerate(document["output"]):
        _read_item(item, place, assembly)
    _end(document, assembly)


def _begin(document: Any, assembly: Assembly) -> None:
    created = int(document.get("created_at") or 0)
    assembly.started(id=document.get("id") or "", model=document.get("model") or "", created=created)


def _read_item(item: Any, place: int, assembly: Assembly) -> None:
    match item.get("type"):
        case "message":
            for content in item.get("content") or ():
                assembly.text(content.get("text"))
                assembly.refusal(content.get("refusal"))
                _note(content, assembly)
        case "function_call":
            assembly.call(item.get("arguments"), at=place, id=item.get("call_id"), name=item.get("name"))
        case "reasoning":
            for number, summary in enumerate(item.get("summary") or ()):
                assembly.thinking(("\n\n" if number else "") + (summary.get("text") or ""))
            _sign(item, assembly)
        case _:
            _keep(item, assembly)


def _note(content: Any, assembly: Assembly) -> None:
    """Keeps what a text is annotated with, such as where it is from, for all of the answer."""
    found = {name: value for name in _BESIDE_TEXT if (value := content.get(name))}
    if found:
        assembly.members.gather(found)


def _keep(item: Any, assembly: Assembly) -> None:
    """Keeps an item of a kind that we do not know, such as what a tool of the vendor's own did."""
    assembly.members.gather({"output": [item]})


def _sign(item: Any, assembly: Assembly) -> None:
    """The thought is complete: what goes back is the item as it came."""
    if item.get("encrypted_content"):
        kept = {name: item.get(name) for name in ("type", "id", "summary", "encrypted_content")}
        assembly.thinking("", signature=json_text(kept))
    assembly.thought_ended()


def _end(document: Any, assembly: Assembly) -> None:
    """Why it ended, and the tokens.

    Raises:
        LLMError: It failed.
    """
    if document.get("error") or document.get("status") == "failed":
        raise http_failure(assembly.asked, fault_of(document) or VendorFault(), kinds=KINDS)
    reason = (document.get("incomplete_details") or {}).get("reason") or ""
    assembly.finish(_ENDINGS.get(reason, "other") if reason else "stop", reason or document.get("status") or "")
    if document.get("usage"):
        assembly.usage = _usage(document["usage"])
        assembly.members.count(_COUNTED, document["usage"])
    assembly.members.keep({name: document[name] for name in document.keys() - _KNOWN if document[name] is not None})


def _usage(usage: Mapping[str, Any]) -> Usage:
    read, written = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("input_tokens") or 0,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=read.get("cached_tokens") or 0,
        cache_write_tokens=read.get("cache_write_tokens") or 0,
        reasoning_tokens=written.get("reasoning_tokens") or 0,
    )


class ResponsesReader:
    """Reads a streamed answer."""

    def __init__(self, assembly: Assembly) -> None:
        self.decoder = EventDecoder()
        self.over = False
        self._assembly = assembly
        self._written: set[int] = set()
        """Calls whose arguments have come piece by piece."""

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of an event.

        Raises:
            LLMError: The event is an error.
        """
        if not event.data.strip() or event.data.startswith(b"[DONE]"):
            return
        told = decoded_piece(event.data)
        kind = told.get("type") or event.event
        match kind:
            case "response.output_text.delta":
                self._assembly.text(told.get("delta"))
            case "response.refusal.delta":
                self._assembly.refusal(told.get("delta"))
            case "response.reasoning_summary_text.delta":
                self._assembly.thinking(told.get("delta"))
            case "response.reasoning_summary_part.added" if told.get("summary_index"):
                self._assembly.thinking("\n\n")
            case "response.created":
                _begin(told["response"], self._assembly)
            case "response.completed" | "response.incomplete" | "response.failed":
                self._end(told["response"])
            case "error":
                raise http_failure(self._assembly.asked, fault_of(told) or VendorFault(), kinds=KINDS)
            case _:
                self._item(kind, told)

    def _item(self, kind: str, told: Any) -> None:
        place = told.get("output_index", 0)
        match kind:
            case "response.output_item.added" if told["item"].get("type") == "function_call":
                self._call(told["item"], place)
            case "response.function_call_arguments.delta":
                self._written.add(place)
                self._assembly.call(told.get("delta"), at=place)
            case "response.function_call_arguments.done":
                self._whole(told, place)
            case "response.output_item.done":
                self._done(told["item"], place)

    def _call(self, item: Any, place: int) -> None:
        self._assembly.call("", at=place, id=item.get("call_id"), name=item.get("name"))

    def _whole(self, told: Any, place: int) -> None:
        """The arguments, where they did not come piece by piece."""
        if place not in self._written:
            self._written.add(place)
            self._assembly.call(told.get("arguments"), at=place)

    def _done(self, item: Any, place: int) -> None:
        if item.get("type") == "function_call":
            self._whole(item, place)
            self._assembly.call_ended(at=place)
        elif item.get("type") == "reasoning":
            _sign(item, self._assembly)
        elif item.get("type") == "message":
            for content in item.get("content") or ():
                _note(content, self._assembly)
        else:
            _keep(item, self._assembly)

    def _end(self, document: Any) -> None:
        _begin(document, self._assembly)
        _end(document, self._assembly)
        self.over = True
