"""What a tool is."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import ToolInvalid
from circuit_breaker.llm.tools import ChainableTool, Tool


class Weather(Tool):
    """A tool as the documents write one."""

    def __init__(self):
        super().__init__(
            name="weather",
            description="The weather of a city",
            parameters={
                "city": {"type": "string", "description": "Its name"},
                "unit": {"type": "string", "default": "C"},
                "days": {"type": "integer", "required": False},
            },
            fallback_response={"degrees": None},
        )

    def execute(self, **arguments):
        return {"degrees": 21, **arguments}


def test_the_arguments_of_a_tool_become_a_schema():
    """K1: each argument has a type and a description; one with a default, or said to be optional, may be left out."""
    parameters = Weather().definition().parameters

    assert ["city"] == parameters["required"]
    assert {"type": "string", "description": "Its name"} == parameters["properties"]["city"]
    assert {"type": "integer"} == parameters["properties"]["days"]
    assert parameters["additionalProperties"] is False


def test_a_tool_works_by_itself():
    """K1, K5: ``execute(**args)`` returns a mapping, and the tool says what stands in for one."""
    assert {"degrees": 21, "city": "Rome"} == Weather().execute(city="Rome")
    assert {"degrees": None} == Weather().fallback_response


def test_a_whole_schema_is_taken_as_it_is():
    """A JSON Schema of an object is not taken for the names of arguments."""
    schema = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}

    assert schema == Tool("t", "d", schema).definition().parameters
    assert ["type"] == Tool("t", "d", {"type": {"type": "string"}}).parameters["required"]


def test_a_type_alone_stands_for_a_schema():
    """The shortest way to write an argument is its type."""
    assert {"type": "integer"} == Tool("t", "d", {"n": "integer"}).parameters["properties"]["n"]


def test_all_faults_of_a_tool_are_told_at_once():
    """A wrong name, an empty description, a wrong schema and a wrong timeout are one error."""
    with pytest.raises(ToolInvalid) as wrong:
        Tool("no name", " ", {"a": {"type": "text"}}, timeout=0)

    assert ["name", "description", "timeout", "parameters"] == [fault.place for fault in wrong.value.faults]
    assert "'no name'" in str(wrong.value)


def test_a_tool_without_work_says_so():
    """A subclass that forgot ``execute`` is named."""
    with pytest.raises(NotImplementedError, match="Tool has no execute"):
        Tool("t", "d").execute()
    with pytest.raises(NotImplementedError, match="ChainableTool has no execute"):
        ChainableTool("t", "d").execute({}, None)


def test_a_chainable_tool_handles_what_fits_its_input():
    """K2: ``can_handle`` answers by the schema of the input; a plain tool handles no result."""
    counter = ChainableTool("count", "Counts", {"words": {"type": "array"}}, {"count": {"type": "integer"}})

    assert counter.can_handle({"words": []})
    assert not counter.can_handle({"words": 5})
    assert not Weather().can_handle({"city": "Rome"})
    assert counter.input_schema == counter.parameters
    assert ["count"] == counter.output_schema["required"]


def test_a_tool_shows_its_name():
    """A tool in a log or a debugger says which one it is."""
    assert "Weather('weather')" == repr(Weather())
