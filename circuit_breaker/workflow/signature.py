"""Signatures: how the function of an action is called, and calls in a definition that do not fit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from circuit_breaker.errors import Fault, WorkflowInvalid, nearest

__all__ = ["action_misfit", "merge_misfit", "spelled", "wants_context"]

F = TypeVar("F", bound=Callable[..., Any])


def wants_context(action: Callable[..., Any]) -> bool:
    """Whether an action is called with a context beside the token.

    It is if it requires two arguments, has one that is called ``context``, or takes any number of them.
    """
    signature = _signature(action)
    positional = [] if signature is None else [p for p in signature.parameters.values() if p.kind in _POSITIONAL]
    return (
        sum(p.default is p.empty and p.kind != p.VAR_POSITIONAL for p in positional) > 1
        or any(p.name == "context" for p in positional)
        or any(p.kind == p.VAR_POSITIONAL for p in positional)
    )


_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


def action_misfit(action: Callable[..., Any]) -> str:
    """Why an action cannot be called with a token, and a context if it wants one; empty if it can."""
    return _misfit(action, 2 if wants_context(action) else 1)


def merge_misfit(function: Callable[..., Any]) -> str:
    """Why a function cannot be called with the tokens that it is to merge; empty if it can."""
    return _misfit(function, 1)


def _misfit(function: Callable[..., Any], given: int) -> str:
    signature = _signature(function)
    try:
        if signature is not None:
            signature.bind(*range(given))
    except TypeError:
        return f"takes {_bare(signature)}"
    return ""


def _bare(signature: inspect.Signature | None) -> str:
    """A signature without annotations."""
    parameters = signature.parameters.values() if signature is not None else ()
    return str(inspect.Signature([parameter.replace(annotation=parameter.empty) for parameter in parameters]))


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """The signature, or None for what does not tell it, such as some builtins."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def spelled(function: F) -> F:
    """The function, which tells in the words of a definition where the arguments of a call do not fit.

    Raises:
        WorkflowInvalid: An argument is unknown (with the nearest right name), missing, or one too many.
    """

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except TypeError:
            _refuse_misfit(function, arguments, named)
            raise

    return cast(F, called)


def _refuse_misfit(function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        place = _title(function, arguments)
        faults = list(_unknown(signature, named, place))
        if len(faults) == 1:
            raise WorkflowInvalid(f"{place} {faults[0].message}", remedy=faults[0].remedy) from None
        if faults:
            raise WorkflowInvalid(f"{place} cannot be called so", faults=faults) from None
        form = ", ".join(_written(p) for p in signature.parameters.values() if p.name != "self")
        raise WorkflowInvalid(f"{place}: {error}", remedy=f"it takes ({form})") from None


def _written(parameter: inspect.Parameter) -> str:
    if parameter.kind == parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}=..."


def _title(function: Callable[..., Any], arguments: Sequence[Any]) -> str:
    """What to call a function in a message: a step after the title of its flow, a class by its name."""
    owner, _, name = function.__qualname__.rpartition(".")
    if name == "__init__":
        return f"{owner}()"
    title = getattr(arguments[0], "title", "") if arguments else ""
    return f"{title}: .{name}()" if owner and isinstance(title, str) and title else f"{name}()"


def _unknown(signature: inspect.Signature, named: Mapping[str, Any], place: str) -> Iterator[Fault]:
    known = [p.name for p in signature.parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for name in named:
        if name not in known:
            yield Fault(place, f"takes no '{name}'", nearest(name, [one for one in known if one != "self"]))
