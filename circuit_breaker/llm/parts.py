"""What a message is made of: text, images, files, thoughts, calls of tools and their results."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

__all__ = ["EXTRA", "File", "Image", "Part", "Text", "Thinking", "ToolCall", "ToolResult"]

EXTRA: Final[Mapping[str, Any]] = MappingProxyType({})
"""Nothing beyond what we know."""


@attrs.frozen
class Text:
    """A text.

    Attributes:
        text: What it says.
        extra: Members of a vendor's that we do not know, which are passed on to the same vendor.
    """

    text: str
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)


@attrs.frozen(kw_only=True)
class Image:
    """An image, by its address or by its bytes.

    Attributes:
        url: Where it is, or None.
        data: Its bytes in base64, or None.
        media_type: Such as ``"image/png"``.
        detail: ``"auto"``, ``"low"`` or ``"high"``, where a vendor asks for it.
        extra: Members of a vendor's that we do not know, such as ``cache_control``.
    """

    url: str | None = None
    data: str | None = attrs.field(default=None, repr=False)
    media_type: str = "image/png"
    detail: str | None = None
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)

    @property
    def ability(self) -> str:
        """What a model must be able to do to take it: one of its profile's capabilities."""
        return "images"

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (self.data is None):
            raise ValueError("an image has either a url or data")


@attrs.frozen(kw_only=True)
class File:
    """A file, such as a document in PDF or a recording.

    Attributes:
        data: Its bytes in base64, or None.
        url: Where it is, or None.
        file_id: What the vendor calls it, or None.
        media_type: Such as ``"application/pdf"``.
        name: What it is called, or an empty text.
        extra: Members of a vendor's that we do not know, such as ``cache_control``.
    """

    data: str | None = attrs.field(default=None, repr=False)
    url: str | None = None
    file_id: str | None = None
    media_type: str = "application/pdf"
    name: str = ""
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)

    @property
    def is_audio(self) -> bool:
        """Whether it is to be heard."""
        return self.media_type.startswith("audio/")

    @property
    def ability(self) -> str:
        """What a model must be able to do to take it: one of its profile's capabilities."""
        return "audio" if self.is_audio else "files"


@attrs.frozen(kw_only=True)
class Thinking:
    """What a model thought before it answered. It goes back to the same vendor unchanged, and to no other.

    Attributes:
        text: What is readable of it.
        signature: What the vendor needs to accept it again, or None.
        redacted: What the vendor keeps unreadable, or None.
        provider: The kind of provider that it came from, such as ``"anthropic"``.
    """

    text: str = ""
    signature: str | None = attrs.field(default=None, repr=False)
    redacted: str | None = attrs.field(default=None, repr=False)
    provider: str = ""


@attrs.frozen(kw_only=True)
class ToolCall:
    """A tool that the model wants to be called.

    Attributes:
        id: Unique in the conversation; made by us where the vendor gives none.
        name: The name of the tool.
        arguments: A JSON text as the model wrote it, which may be none; see :meth:`circuit_breaker.llm.arguments_of`.
        extra: Members of a vendor's that it wants back, such as a signature.
    """

    id: str
    name: str
    arguments: str = "{}"
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)


@attrs.frozen(kw_only=True)
class ToolResult:
    """What a tool gave.

    Attributes:
        call_id: The id of the :class:`ToolCall`.
        name: The name of the tool.
        content: A text; JSON where the tool gave more.
        is_error: Whether the tool failed.
        extra: Members of a vendor's that we do not know, such as ``cache_control``.
    """

    call_id: str
    name: str = ""
    content: str = ""
    is_error: bool = False
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)


Part = Text | Image | File | Thinking | ToolCall | ToolResult
