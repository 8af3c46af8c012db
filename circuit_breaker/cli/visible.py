"""Visible: text from outside, with every character that could steer a terminal written out."""

from __future__ import annotations

import errno
import json
import re
from typing import Any

from rich.console import Console
from rich.text import Text

__all__ = ["Line", "SafeConsole", "json_text", "safe_json", "visible"]

# Control characters, what turns the direction of writing, what nobody sees, and halves of characters. The two joiners
# U+200C and U+200D stay, for Persian, the scripts of India and families of emoji need them.
_INVISIBLE = "\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_BEYOND = "\ud800-\udfff\U000e0000-\U000e007f"
_UNSAFE = re.compile(f"[\x00-\x1f{_INVISIBLE}{_BEYOND}]")
_UNSAFE_IN_JSON = re.compile(f"[{_INVISIBLE}{_BEYOND}]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with ``\x1b`` and the like instead of what could steer a terminal or deceive its reader.

    Args:
        text: Any text, such as a name, a message or a value.
        keep: Characters that stay as they are, such as the line breaks of a text of several lines.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def _written_out(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as file names and arguments have it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(document: Any, *, indent: int | None = None) -> str:
    """The document as JSON that is safe to print: what could steer a terminal is escaped, as JSON does it."""
    return safe_json(json.dumps(document, ensure_ascii=False, indent=indent, default=str))


def safe_json(text: str) -> str:
    """JSON that is safe to print: what could steer a terminal is escaped, as JSON does it."""
    return _UNSAFE_IN_JSON.sub(lambda found: _escaped(found[0]), text)


def _escaped(char: str) -> str:
    """The character as an escape; half a character, which no strict reader of JSON takes, as it is shown to people."""
    return json.dumps(_written_out(char) if "\ud800" <= char <= "\udfff" else char)[1:-1]


class Line(Text):
    """A line for people; whatever comes into it is made visible, a line break included."""

    def __init__(self, text: str = "", style: Any = "", **options: Any) -> None:
        super().__init__(visible(text), style, **options)

    def append(self, text: Text | str, style: Any = None) -> Line:
        """The line itself, longer by this text."""
        super().append(visible(text) if isinstance(text, str) else text, style)
        return self


class SafeConsole(Console):
    """A console to which a text is a text: nothing in it is markup, and nothing in it steers the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def on_broken_pipe(self) -> None:
        """Raises an error that whoever prints from a task can pass on; rich would leave the process where it stands."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, "nobody reads on")

    def render_str(self, text: str, **options: Any) -> Text:
        """The text as it is printed."""
        return super().render_str(visible(text, keep="\n"), **options)
