"""What a definition may say of how a model answers: temperature, top_p and the like, checked before it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from circuit_breaker.errors import Fault, RuleInvalid, nearest
from circuit_breaker.executors.schema import shown
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat
from circuit_breaker.rules.schema import checked

__all__ = ["form_of", "sampling_faults"]

_NUMBER: Final = (int, float)
_KINDS: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "temperature": _NUMBER,
        "top_p": _NUMBER,
        "top_k": (int,),
        "max_tokens": (int,),
        "frequency_penalty": _NUMBER,
        "presence_penalty": _NUMBER,
        "stop": (str, list, tuple),
        "seed": (int,),
        "tool_choice": (str,),
        "parallel_tool_calls": (bool,),
        "reasoning_effort": (str,),
        "user": (str,),
        "extra": (dict,),
    }
)


def sampling_faults(parameters: Mapping[str, Any], tools: tuple[Any, ...] = ()) -> Iterator[Fault]:
    """What is wrong with the parameters, all of it.

    Args:
        parameters: By name, as :class:`ChatCompletionRequest` has them.
        tools: Definitions of the tools, one of which ``tool_choice`` may name.
    """
    fitting = {}
    for name, value in parameters.items():
        place = f"parameter 'parameters.{name}'"
        if name not in _KINDS:
            yield Fault(place, "is not known", nearest(name, _KINDS))
        elif value is not None and not _is_of(value, _KINDS[name]):
            wanted = " or ".join(kind.__name__ for kind in _KINDS[name])
            yield Fault(place, f"the value {shown(value)} is invalid", f"give {wanted}")
        else:
            fitting[name] = value
    request = ChatCompletionRequest(model="any", messages=(user("any"),), tools=tools, **fitting)
    for fault in request.faults():
        yield Fault(f"parameter 'parameters.{fault.place}'", f"the value is invalid: {fault.message}", fault.remedy)


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether the value is of one of the types; True is no number."""
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def form_of(schema: Mapping[str, Any] | None) -> ResponseFormat | None:
    """The form of an answer that must fit a schema; None where there is none.

    Raises:
        RuleInvalid: The schema is none.
    """
    if schema is None:
        return None
    try:
        return ResponseFormat(kind="json_schema", schema=checked(schema, "output_schema"))
    except RecursionError as error:
        raise RuleInvalid("output_schema is nested too deep", remedy="flatten it") from error
