"""Secrets by reference: a definition and a journal hold the name, the value appears only where the work is done.

``secret("APISECRET")`` stands for a value in parameters that allow it, such as environments and headers. It is plain
JSON, ``{"$secret": "APISECRET"}``, so that it can be written in a file and kept in a journal. The executor asks the
operator's source for the value when it runs, and :class:`Redaction` takes the values out again of whatever the work
says.
"""

from __future__ import annotations

import base64
import html
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, quote_plus

import attrs

from circuit_breaker.engine.secrecy import REFERENCE
from circuit_breaker.errors import Fault, ParameterInvalid, SecretNotFound
from circuit_breaker.executors.marks import filled, is_mark, mark, marked

__all__ = [
    "HIDDEN",
    "NO_SECRETS",
    "Redaction",
    "SecretSource",
    "holds_secret",
    "is_secret",
    "revealed",
    "secret",
    "sound_variables",
]

SecretSource = Mapping[str, str] | Callable[[str], str | Awaitable[str | None] | None]
"""Where secrets come from: by name, or by a function of the name that gives None for an unknown one."""

NO_SECRETS: Final[Mapping[str, str]] = MappingProxyType({})
HIDDEN: Final = "***"
_LONG_LINE: Final = 8
_NET: Final = "&<>'\"+`"
_FIRST_WHOLE: Final = (0, 2, 3)


def secret(name: str) -> dict[str, str]:
    """A reference to the secret of that name, as plain JSON."""
    return mark(REFERENCE, name)


def holds_secret(value: Any) -> bool:
    """Whether a reference to a secret is anywhere in the value."""
    return any(marked(value, REFERENCE))


def is_secret(value: Any) -> bool:
    """Whether the value is a reference to a secret."""
    return is_mark(value, REFERENCE)


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
        yield quote(text)
        yield quote_plus(text, safe="")
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


async def revealed(value: Any, source: SecretSource) -> tuple[Any, Redaction]:
    """The JSON value with its references replaced by the secrets, and what takes them out of text again.

    Raises:
        SecretNotFound: Nobody has given one of them; all that are missing are named.
    """
    names = sorted(set(marked(value, REFERENCE)))
    values = {name: await _asked(source, name) for name in names}
    missing = [name for name, found in values.items() if not found]
    if missing:
        raise SecretNotFound(
            f"there is no secret {', '.join(map(repr, missing))}",
            remedy="give the executor a source that has it: .under(secrets=...)",
        )
    found = {name: str(text) for name, text in values.items()}
    return filled(value, REFERENCE, found.__getitem__), Redaction.of(found.values())


def sound_variables(environment: Mapping[str, Any]) -> None:
    """Does nothing if these can be variables of a program, now that their secrets are known.

    Raises:
        ParameterInvalid: One has a null character, which no variable can hold; its value is not shown.
    """
    faults = [
        Fault(f"environment['{name}']", "has a null character", "give the operator's source a secret without it")
        for name, value in environment.items()
        if isinstance(value, str) and "\0" in value
    ]
    if faults:
        raise ParameterInvalid("The variables are wrong with their secrets", faults=faults)


async def _asked(source: SecretSource, name: str) -> str | None:
    given = source.get(name) if isinstance(source, Mapping) else source(name)
    return await given if inspect.isawaitable(given) else given
