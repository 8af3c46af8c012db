"""Messages as the documents that OpenAI's API has for them, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from circuit_breaker.errors import Fault
from circuit_breaker.llm.messages import ChatMessage, Role
from circuit_breaker.llm.parts import EXTRA, File, Image, Part, Text, ToolCall, ToolResult
from circuit_breaker.llm.providers.openai_messages import content_of

__all__ = ["Reading", "message_document"]

_KNOWN: Final = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "reasoning_content"}
)
_KNOWN_OF_CALL: Final = frozenset({"id", "type", "function", "index"})
_KEPT: Final = frozenset({"cache_control"})
"""Members of messages, parts and tools that we do not know, and keep for the vendors that do."""

_KEPT_OF_CALL: Final = _KEPT | {"thoughtSignature", "functionCallId", "extra_content"}
"""Those of calls: a vendor wants them back as it gave them."""

_NOTHING: Final[frozenset[str]] = frozenset()
_SILENT: Final[tuple[Any, ...]] = (None, [], {})
_AUDIO: Final = {"mp3": "mpeg"}
_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def message_document(message: ChatMessage) -> Iterator[dict[str, Any]]:
    """The documents that say what a message says: each result of a tool has one of its own."""
    for result in message.tool_results:
        yield {**result.extra, "role": "tool", "tool_call_id": result.call_id, "content": result.content}
    parts = [part for part in message.parts if isinstance(part, (Text, Image, File))]
    if message.tool_results and not parts:
        return
    document: dict[str, Any] = {**message.extra, "role": message.role if message.role != "tool" else "user"}
    document["content"] = content_of(parts) if parts else (None if message.tool_calls else "")
    if message.name:
        document["name"] = message.name
    if message.thinking:
        document["reasoning_content"] = message.thinking
    if message.tool_calls:
        document["tool_calls"] = [_call_document(call) for call in message.tool_calls]
    yield document


def _call_document(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {**call.extra, "id": call.id, "type": "function", "function": function}


class Reading:
    """Reads the messages of a document, and gathers all that is wrong with them.

    Attributes:
        faults: What is wrong.
        unknown: What is said that we do not know, by its place.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.unknown: dict[str, Any] = {}
        self._functions = 0

    def wrong(self, place: str, value: Any, wanted: str) -> None:
        """Notes a value that is not what is wanted."""
        self.faults.append(Fault(place, f"{value!r:.60} is not {wanted}", f"give {wanted}"))

    def kept(
        self, given: Mapping[Any, Any], place: str, *, known: frozenset[str] = _NOTHING, kept: frozenset[str] = _KEPT
    ) -> Mapping[str, Any]:
        """The members that are kept although we do not know them; the others are noted, if they say anything."""
        more = {name: value for name, value in given.items() if name not in known and value not in _SILENT}
        found = {name: value for name, value in more.items() if name in kept and _is_fair(name, value)}
        self.unknown |= {f"{place}.{name}": value for name, value in more.items() if name not in found}
        return found or EXTRA

    def messages(self, document: Any) -> list[ChatMessage]:
        """The messages; those with faults are left out."""
        if not isinstance(document, list) or not document:
            self.wrong("messages", document, "a list of messages")
            return []
        found = (self._message(one, f"messages[{number}]") for number, one in enumerate(document))
        return [message for message in found if message is not None]

    def _message(self, document: Any, place: str) -> ChatMessage | None:
        if not isinstance(document, Mapping):
            self.wrong(place, document, "an object with role and content")
            return None
        role = _ROLES.get(document["role"]) if isinstance(document.get("role"), str) else None
        if role is None:
            self.wrong(f"{place}.role", document.get("role"), f"one of {', '.join(_ROLES)}")
            return None
        parts = self._content(document.get("content"), f"{place}.content")
        if role == "tool":
            return self._result(document, "".join(part.text for part in parts if isinstance(part, Text)), place)
        parts += self._calls(document.get("tool_calls"), f"{place}.tool_calls")
        parts += self._function_call(document.get("function_call"), f"{place}.function_call")
        name = document.get("name")
        extra = self.kept(document, place, known=_KNOWN)
        return ChatMessage(role, tuple(parts), name=name if isinstance(name, str) else None, extra=extra)

    def _result(self, document: Mapping[str, Any], content: str, place: str) -> ChatMessage:
        call_id = document.get("tool_call_id")
        if document["role"] == "function":
            call_id = _id_of_function(self._functions)
        if not isinstance(call_id, str):
            self.wrong(f"{place}.tool_call_id", call_id, "the id of a call")
            call_id = ""
        extra = self.kept(document, place, known=_KNOWN)
        result = ToolResult(call_id=call_id, name=str(document.get("name") or ""), content=content, extra=extra)
        return ChatMessage("tool", (result,))

    def _content(self, content: Any, place: str) -> list[Part]:
        if content is None or isinstance(content, str):
            return [Text(content)] if content else []
        if not isinstance(content, list):
            self.wrong(place, content, "a text or a list of parts")
            return []
        found = (self._part(part, f"{place}[{number}]") for number, part in enumerate(content))
        return [part for part in found if part is not None]

    def _part(self, part: Any, place: str) -> Part | None:
        match part:
            case str(text):
                return Text(text)
            case {"type": "text" | "refusal" | "input_text", "text": str(text), **more}:
                return Text(text, self.kept(more, place))
            case {"type": "image_url", "image_url": {"url": str(url), **options}, **more}:
                return _image(url, options.get("detail"), self.kept(more, place))
            case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(kind)}, **more}:
                media_type = f"audio/{_AUDIO.get(kind, kind)}"
                return File(data=data, media_type=media_type, extra=self.kept(more, place))
            case {"type": "file", "file": {"file_id": str(file_id)}, **more}:
                return File(file_id=file_id, extra=self.kept(more, place))
            case {"type": "file", "file": {"file_data": str(data), **options}, **more}:
                media_type, data = _inline(data, "application/pdf")
                name = str(options.get("filename") or "")
                return File(data=data, media_type=media_type, name=name, extra=self.kept(more, place))
        self.wrong(place, part, "a part of type text, image_url, input_audio or file")
        return None

    def _function_call(self, call: Any, place: str) -> list[Part]:
        """A call as it was told before there were several at once: the next message of role function answers it."""
        match call:
            case None:
                return []
            case {"name": str(name), "arguments": str(arguments)}:
                self._functions += 1
                return [ToolCall(id=_id_of_function(self._functions), name=name, arguments=arguments or "{}")]
        self.wrong(place, call, "a call with name and arguments")
        return []

    def _calls(self, calls: Any, place: str) -> list[Part]:
        if calls is None:
            return []
        if not isinstance(calls, list):
            self.wrong(place, calls, "a list of calls")
            return []
        found = (self._call(call, f"{place}[{number}]") for number, call in enumerate(calls))
        return [call for call in found if call is not None]

    def _call(self, call: Any, place: str) -> ToolCall | None:
        match call:
            case {"id": str(number), "function": {"name": str(name), "arguments": str() | None as arguments}}:
                extra = self.kept(call, place, known=_KNOWN_OF_CALL, kept=_KEPT_OF_CALL)
                return ToolCall(id=number, name=name, arguments=arguments or "{}", extra=extra)
        self.wrong(place, call, "a call with an id and a function with name and arguments")
        return None


def _is_fair(name: str, value: Any) -> bool:
    """Whether a member costs what we count with: what the cache holds for an hour costs more than that."""
    return name != "cache_control" or value in ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "5m"})


def _id_of_function(number: int) -> str:
    return f"call_function_{number}"


def _image(url: str, detail: Any, extra: Mapping[str, Any]) -> Image:
    told = detail if isinstance(detail, str) else None
    if not url.startswith("data:"):
        return Image(url=url, detail=told, extra=extra)
    media_type, data = _inline(url, "image/png")
    return Image(data=data, media_type=media_type, detail=told, extra=extra)


def _inline(url: str, otherwise: str) -> tuple[str, str]:
    """The media type and the base64 of a data URL, as in RFC 2397; base64 alone will do."""
    if not url.startswith("data:"):
        return otherwise, url
    head, _, data = url.removeprefix("data:").partition(",")
    return head.partition(";")[0] or otherwise, data
