"""The arguments of a call of a tool, read out of the text that the model wrote."""

from __future__ import annotations

import json
from typing import Any, Final

from circuit_breaker.errors import ResponseInvalid
from circuit_breaker.llm.encoding import refuse_constant
from circuit_breaker.llm.parts import ToolCall

__all__ = ["arguments_of"]


_READ: Final = json.JSONDecoder(parse_constant=refuse_constant)


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments by name; none where the model wrote nothing or null.

    Raises:
        ResponseInvalid: The text is no JSON object, or more than one.
    """
    if not call.arguments.strip():
        return {}
    try:
        found = _READ.decode(call.arguments)
    except (ValueError, RecursionError) as error:
        raise ResponseInvalid(
            f"the arguments of the tool '{call.name}' are no JSON: {error}", remedy="write one JSON object"
        ) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ResponseInvalid(
            f"the arguments of the tool '{call.name}' are {call.arguments[:40]!r}, which is no JSON object",
            remedy='write an object, such as {"name": "value"}',
        )
    return found
