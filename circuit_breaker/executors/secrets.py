"""Secrets by reference: a definition and a journal hold the name, the value appears only where the work is done.

``secret("API_KEY")`` stands for a value in parameters that allow it, such as environments and headers. It is plain
JSON, ``{"$secret": "API_KEY"}``, so that it can be written in a file and kept in a journal. The executor asks the
operator's source for the value when it runs, and :class:`Redaction` takes the values out again of whatever the work
says.
"""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from circuit_breaker.errors import SecretNotFound

__all__ = ["HIDDEN", "NO_SECRETS", "Redaction", "SecretSource", "is_secret", "revealed", "secret"]

SecretSource = Mapping[str, str] | Callable[[str], str | Awaitable[str | None] | None]
"""Where secrets come from: by name, or by a function of the name that gives None for an unknown one."""

NO_SECRETS: Final[Mapping[str, str]] = MappingProxyType({})
HIDDEN: Final = "***"
_KEY: Final = "$secret"
_LONG_LINE: Final = 8


def secret(name: str) -> dict[str, str]:
    """A reference to the secret of that name, as plain JSON."""
    if not name or not isinstance(name, str):
        raise ValueError(f"the name of a secret is a text, not {name!r}")
    return {_KEY: name}


def is_secret(value: Any) -> bool:
    """Whether the value is a reference to a secret."""
    return isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get(_KEY), str)


@attrs.frozen
class Redaction:
    """Takes secrets out of text: each value is replaced by ``***``, also where it is escaped as JSON or in base64.

    Of a secret of several lines, such as a key in PEM, each line of eight characters or more is taken out as well.
    """

    _patterns: tuple[str, ...] = attrs.field(default=(), repr=False)

    @classmethod
    def of(cls, values: Iterable[str]) -> Redaction:
        """What takes these values out."""
        forms = {form for value in values for form in _forms(value) if form}
        return cls(tuple(sorted(forms, key=len, reverse=True)))

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
        """The JSON value without the secrets in its texts and keys."""
        if not self._patterns:
            return value
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {self.clean(str(key)): self.clean_json(inner) for key, inner in value.items()}
        return [self.clean_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _forms(value: str) -> Iterable[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield base64.b64encode(value.encode()).decode()
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LONG_LINE)


async def revealed(value: Any, source: SecretSource) -> tuple[Any, Redaction]:
    """The JSON value with its references replaced by the secrets, and what takes them out of text again.

    Raises:
        SecretNotFound: Nobody has given one of them; all that are missing are named.
    """
    names = sorted(set(_names(value)))
    values = {name: await _asked(source, name) for name in names}
    missing = [name for name, found in values.items() if not found]
    if missing:
        raise SecretNotFound(
            f"there is no secret {', '.join(map(repr, missing))}",
            remedy="give the executor a source that has it: .under(secrets=...)",
        )
    found = {name: str(text) for name, text in values.items()}
    return _filled(value, found), Redaction.of(found.values())


def _names(value: Any) -> Iterable[str]:
    if is_secret(value):
        yield value[_KEY]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _names(inner)


async def _asked(source: SecretSource, name: str) -> str | None:
    given = source.get(name) if isinstance(source, Mapping) else source(name)
    return await given if inspect.isawaitable(given) else given


def _filled(value: Any, found: Mapping[str, str]) -> Any:
    if is_secret(value):
        return found[value[_KEY]]
    if isinstance(value, Mapping):
        return {key: _filled(inner, found) for key, inner in value.items()}
    return [_filled(inner, found) for inner in value] if isinstance(value, (list, tuple)) else value
