"""Secrets by reference: a definition and a journal hold the name, the value appears only where the work is done.

``secret("APISECRET")`` stands for a value in parameters that allow it, such as environments and headers. It is plain
JSON, ``{"$secret": "APISECRET"}``, so that it can be written in a file and kept in a journal. The executor asks the
operator's source for the value when it runs, and :class:`Redaction` takes the values out again of whatever the work
says.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from circuit_breaker.engine.secrecy import REFERENCE
from circuit_breaker.errors import Fault, ParameterInvalid, SecretNotFound
from circuit_breaker.executors.marks import filled, is_mark, mark, marked
from circuit_breaker.outgoing.redaction import HIDDEN, Redaction

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


def secret(name: str) -> dict[str, str]:
    """A reference to the secret of that name, as plain JSON."""
    return mark(REFERENCE, name)


def holds_secret(value: Any) -> bool:
    """Whether a reference to a secret is anywhere in the value."""
    return any(marked(value, REFERENCE))


def is_secret(value: Any) -> bool:
    """Whether the value is a reference to a secret."""
    return is_mark(value, REFERENCE)


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
