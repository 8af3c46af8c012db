"""Secrets taken out of what others say, in whichever spelling it comes back: one home for the spellings."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import attrs

from circuit_breaker.lazy import Later

if TYPE_CHECKING:
    import html
else:
    html = Later("html")  # its table of entities takes longer to import than the rest

__all__ = ["HIDDEN", "Redaction"]

HIDDEN: Final = "***"

_LONG_LINE: Final = 8
_NET: Final = "&<>'\"+`"
_FIRST_WHOLE: Final = (0, 2, 3)
_ESCAPED: Final = re.compile("%[0-9A-F]{2}")
_GAP: Final = re.compile("[\\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


@attrs.frozen
class Redaction:
    """Takes secrets out of text: each value is replaced by ``***``, also as programs of many kinds write it.

    These are JSON, with the escapes of Go and .NET as well, Python's ``repr`` and Go's ``%q``, HTML, URLs and base64.

    Of a secret of several lines, such as a key in PEM, each line of eight characters or more is taken out as well.
    """

    _patterns: tuple[str, ...] = attrs.field(default=(), repr=False)

    @classmethod
    def of(cls, values: Iterable[str]) -> Redaction:
        """What takes these values out."""
        forms = {form for value in values for form in _forms(value) if form}
        return cls(tuple(sorted(forms, key=len, reverse=True)))

    def also(self, other: Redaction) -> Redaction:
        """What takes out the values of both."""
        return Redaction(tuple(sorted({*self._patterns, *other._patterns}, key=len, reverse=True)))

    @property
    def longest(self) -> int:
        """Characters of the longest text that is taken out; 0 when there is none."""
        return len(self._patterns[0]) if self._patterns else 0

    def clean(self, text: str) -> str:
        """The text without the secrets."""
        for pattern in self._patterns:
            text = text.replace(pattern, HIDDEN)
        return text

    def clean_spread(self, text: str) -> str:
        """The text without the secrets, nor those in which blanks, ends of lines or unseen characters stand."""
        text = self.clean(text)
        spread = self._spread(_GAP.sub("", text))
        if not spread:
            return text
        seen = [at for at, character in enumerate(text) if _GAP.match(character) is None]
        kept: list[str] = []
        end = 0
        for first, last in spread:
            if seen[first] >= end:
                kept += [text[end : seen[first]], HIDDEN]
            end = max(end, seen[last] + 1)
        return "".join((*kept, text[end:]))

    def _spread(self, dense: str) -> list[tuple[int, int]]:
        """Where secrets begin and end in a text without gaps, in order; short ones are passed over."""
        long_ones = (pattern for pattern in self._patterns if len(pattern) >= _LONG_LINE and pattern in dense)
        return sorted(
            (found.start(), found.end() - 1)
            for pattern in long_ones
            for found in re.finditer(re.escape(pattern), dense)
        )

    def clean_bytes(self, data: bytes) -> bytes:
        """The bytes without the secrets as UTF-8 would write them."""
        for pattern in self._patterns:
            data = data.replace(pattern.encode(), HIDDEN.encode())
        return data

    def clean_json(self, value: Any) -> Any:
        """The JSON value without the secrets in its texts, keys and numbers."""
        if not self._patterns or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, (int, float)):
            return value if (text := repr(value)) == self.clean(text) else HIDDEN
        if isinstance(value, Mapping):
            return {self.clean(str(key)): self.clean_json(inner) for key, inner in value.items()}
        return [self.clean_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _forms(value: str) -> Iterable[str]:
    """The value as programs may write it: as it is, trimmed, by lines, and as JSON, URLs and base64 hold it."""
    lines = value.splitlines()
    long_lines = (line.strip() for line in lines if len(lines) > 1)
    for text in (value, value.strip(), *(line for line in long_lines if len(line) >= _LONG_LINE)):
        yield text
        for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            yield from _json_forms(escaped)
        yield from (html.escape(text), html.escape(text, quote=False))
        yield from _source_forms(text)
        yield from _address_forms(text)
    yield from _base64_forms(value.encode())
    yield from _base64_forms(value.strip().encode())


def _json_forms(escaped: str) -> Iterable[str]:
    """What is in JSON already, with more escaped: slashes, and what HTML would read, as Go, Ruby, PHP and .NET do."""
    yield escaped
    yield escaped.replace("/", "\\/")
    inner = escaped.replace('\\"', '"')
    for plain, characters in ((escaped, "&<>"), (escaped, "&<>'"), (inner, _NET), (inner, _NET.replace("+`", ""))):
        for form in ("\\u{:04x}", "\\u{:04X}"):
            safe = plain.translate({ord(one): form.format(ord(one)) for one in characters})
            yield safe
            yield safe.replace("/", "\\/")


def _address_forms(text: str) -> Iterable[str]:
    """As addresses and forms hold it, with the letters of hexadecimal numbers in either case."""
    for escaped in (quote(text), quote(text, safe=""), quote_plus(text, safe="")):
        yield escaped
        yield _ESCAPED.sub(lambda found: found[0].lower(), escaped)


def _source_forms(text: str) -> Iterable[str]:
    """As the literals of Python and Go have it, in either kind of quotation marks."""
    for literal in (repr(text)[1:-1], ascii(text)[1:-1], repr(text.encode())[2:-1]):
        plain = literal.replace("\\'", "'")
        yield from (literal, plain.replace("'", "\\'"), plain.replace('"', '\\"'))


def _base64_forms(value: bytes) -> Iterable[str]:
    """The value in base64, also where it is a part of what is encoded, such as the password in ``user:password``."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(value).decode().rstrip("=")
        for offset in range(3):
            middle = encode(bytes(offset) + value).decode()[_FIRST_WHOLE[offset] : (offset + len(value)) * 8 // 6]
            if len(middle) >= _LONG_LINE:
                yield middle
