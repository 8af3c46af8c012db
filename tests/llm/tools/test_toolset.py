"""Sets of tools."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import ToolInvalid, ToolNotFound
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import Tool, Toolset


def named(name, **options):
    return Tool(name, f"Does {name}", **options)


TOOLS = Toolset(named("web_search"), named("web_fetch"), named("delete", roles="admin", approval=True))


def test_tools_are_added_and_removed():
    """K3: ``add_tool``, ``add_tools``, ``remove_tool`` and ``clear_tools`` give another set; the first stays."""
    more = TOOLS.add_tool(named("mail")).add_tools([named("a"), named("b")]).remove_tool("web_fetch")

    assert ("web_search", "delete", "mail", "a", "b") == more.names
    assert 3 == len(TOOLS)
    assert () == more.clear_tools().names
    assert ("web_search", "web_fetch", "delete", "x") == (TOOLS + Toolset(named("x"))).names


def test_two_tools_of_one_name_do_not_go_together():
    """Every name that is there already is told."""
    with pytest.raises(ToolInvalid) as wrong:
        TOOLS.add_tools([named("web_search"), named("delete")])

    assert ["tool 'web_search'", "tool 'delete'"] == [fault.place for fault in wrong.value.faults]


def test_only_tools_are_taken():
    """A class in place of an instance is an error with a hint."""
    with pytest.raises(ToolInvalid, match="give an instance of Tool"):
        Toolset(Tool)


def test_an_unknown_tool_is_named_with_the_nearest():
    """Removing, getting and choosing tools that are not there is one kind of error."""
    for wrong in (lambda: TOOLS.remove_tool("delte"), lambda: TOOLS["delte"], lambda: TOOLS.only("delete", "delte")):
        with pytest.raises(ToolNotFound, match="did you mean 'delete'"):
            wrong()


def test_tools_are_chosen_by_name_pattern_or_function():
    """K9: a list of names chooses tools, in its order."""
    assert ("delete", "web_search", "web_fetch") == TOOLS.only("delete", "web_*").names
    assert ("delete",) == TOOLS.without("web_*").names
    assert ("web_fetch",) == TOOLS.filter(lambda offer: "fetch" in offer.name).names


def test_a_prefix_is_what_the_model_sees():
    """K10: the same tool can be offered under another name."""
    prefixed = TOOLS.prefixed("ops_")

    assert "ops_delete" in prefixed
    assert "ops_delete" == prefixed.definitions()[2].name
    assert "delete" == prefixed["ops_delete"].name
    with pytest.raises(ToolInvalid, match="64 letters"):
        TOOLS.prefixed("x" * 60)


def test_roles_say_for_whom_a_tool_is_called():
    """K10: permissions are of the tool, or given by the set."""
    assert ("web_search", "web_fetch") == TOOLS.open_to([]).names
    assert TOOLS.names == TOOLS.open_to(["admin"]).names
    assert ("web_search", "delete") == TOOLS.restricted({"web_fetch": ["reader"]}).open_to(["admin"]).names


def test_approval_is_asked_for_calls_of_some_tools():
    """The calls that a person must approve are found; a tool that is not there needs none."""
    calls = [ToolCall(id=str(at), name=name) for at, name in enumerate(["delete", "web_fetch", "nothing"])]

    assert ("0",) == tuple(call.id for call in TOOLS.needing_approval(calls))
    assert ("0", "1") == tuple(call.id for call in TOOLS.with_approval("web_fetch").needing_approval(calls))


def test_a_toolset_is_a_collection():
    """It has a length, is iterated over, and shows its names."""
    assert ["web_search", "web_fetch", "delete"] == [tool.name for tool in TOOLS]
    assert "Toolset(web_search, web_fetch, delete)" == repr(TOOLS)
