"""JSON Schema as a condition: compiled once, with no way out to the network or the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NoReturn

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules.constant import exact, frozen, kind_of, plain

__all__ = ["checked", "fitting", "misfit", "misfits"]


def _refuse(reference: str) -> NoReturn:
    """Refuses every reference that leads out of the schema.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"'{reference}' is outside of the schema")


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    # Loading the validator takes longer than the whole package, and few workflows have a schema.
    import jsonschema_rs  # noqa: PLC0415

    try:
        return jsonschema_rs.validator_for(text, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        message = getattr(error, "message", "") or str(error)
        raise RuleInvalid(f"the JSON schema is not valid: {message.splitlines()[0]}") from error


def checked(schema: Any, where: str) -> Any:
    """The schema, frozen.

    Raises:
        RuleInvalid: It is no schema, refers to something outside of it, or has a pattern with look-around.
    """
    if kind_of(schema) not in {"object", "boolean"}:
        raise RuleInvalid(f"{where}: {schema!r} is no JSON schema", remedy="give a dict such as {'type': 'object'}")
    kept = frozen(schema, where=where)
    _compiled(exact(kept))
    return kept


def fitting(schema: Any) -> Callable[[Any], bool]:
    """A function that says whether a value fits the schema."""
    validator = _compiled(exact(schema))
    return lambda seen: bool(validator.is_valid(plain(seen)))


def misfit(schema: Any, seen: Any) -> str:
    """Why the value does not fit: the first fault, with its place in the value."""
    place, message = next(misfits(schema, seen))
    return f"{place}: {message}" if place else message


def misfits(schema: Any, seen: Any) -> Iterator[tuple[str, str]]:
    """Every fault of a value that does not fit, with its place in the value; an empty text stands for all of it."""
    for error in _compiled(exact(schema)).iter_errors(plain(seen)):
        yield ".".join(map(str, error.instance_path)), str(error.message)
