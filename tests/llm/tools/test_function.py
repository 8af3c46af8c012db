"""Functions as tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import attrs
import msgspec
import pytest

from circuit_breaker.errors import ToolInvalid
from circuit_breaker.llm.tools import ToolContext, tool
from circuit_breaker.llm.tools.docstring import Docstring


@attrs.frozen
class Place:
    city: str
    country: str = "IT"


@tool
def weather(  # noqa: D417 - a docstring may leave some out
    place: Place,
    unit: Literal["C", "F"] = "C",
    days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 1,
    tags: list[str] = [],  # noqa: B006 - each call gets one of its own
    limits: dict[str, float] | None = None,
) -> dict[str, Any]:
    """The weather of a place
    in the next days.

    Not for the past.

    Args:
        place: Where,
            as exactly as possible.
        unit (str): The scale.

    Returns:
        A mapping.
    """
    tags.append(unit)
    return {"place": place, "days": days, "tags": tags, "limits": limits}


def test_the_signature_is_the_schema():
    """Literals, options, lists, dicts, constraints and attrs classes become JSON Schema."""
    parameters = weather.definition().parameters

    assert ["place"] == parameters["required"]
    assert {"C", "F"} == set(parameters["properties"]["unit"]["enum"])
    assert {"type": "integer", "minimum": 1, "maximum": 14, "default": 1} == parameters["properties"]["days"]
    assert {"type": "string"} == parameters["properties"]["tags"]["items"]
    assert ["city"] == parameters["$defs"]["Place"]["required"]


def test_the_docstring_is_the_description():
    """What stands before the first section describes the tool, ``Args`` its arguments."""
    definition = weather.definition()

    assert "The weather of a place in the next days.\n\nNot for the past." == definition.description
    assert "Where, as exactly as possible." == definition.parameters["properties"]["place"]["description"]
    assert "The scale." == definition.parameters["properties"]["unit"]["description"]


def test_arguments_become_values_of_the_declared_types():
    """A mapping becomes the attrs class that the function declares, and defaults are never shared."""
    first = weather.execute(place={"city": "Rome"})

    assert Place("Rome") == first["place"]
    assert ["C"] == first["tags"] == weather.execute(place={"city": "Rome"})["tags"]


def test_a_decorated_function_is_still_the_function():
    """Called like the function, a tool is the function."""
    assert 3 == weather(Place("Rome"), days=3)["days"]


def test_a_parameter_of_type_context_is_not_the_models():
    """The context is given, and no part of the schema."""

    @tool(name="count", description="Counts", timeout=2)
    async def counting(by: int, context: ToolContext):
        return {"call": context.call_id, "by": by}

    assert {"by"} == set(counting.parameters["properties"])
    assert ("count", "Counts", 2, True) == (counting.name, counting.description, counting.timeout, counting.is_async)


def test_all_faults_of_a_signature_are_told_at_once():
    """What a model cannot give is named, parameter by parameter."""

    def wrong(one, /, *many, _hidden: int, stream: object = None, **rest):
        """Is wrong."""

    with pytest.raises(ToolInvalid) as found:
        tool(wrong)

    assert ["'one'", "'many'", "'_hidden'", "'stream'", "'rest'"] == [
        fault.place.removeprefix("parameter ") for fault in found.value.faults
    ]


def test_an_annotation_that_does_not_exist_is_a_fault():
    """A misspelt type is found when the tool is made."""

    def wrong(a: Nonsense):  # noqa: F821
        """Is wrong."""

    with pytest.raises(ToolInvalid, match="Nonsense"):
        tool(wrong)


def test_a_function_needs_a_description():
    """A tool that no model could choose is refused."""

    def silent(a: int):
        return a

    with pytest.raises(ToolInvalid, match="say what the tool is for"):
        tool(silent)


def test_a_docstring_without_arguments_has_none():
    """A function without a docstring, or without that section, is read all the same."""
    assert Docstring() == Docstring.of(lambda: None)
    assert {} == Docstring.of(Place).arguments or Docstring.of(Place).summary
