"""Graphs of other frameworks: the lost join, the double run, the circle that nothing leads into."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from circuit_breaker.cli.foreign import FRAMEWORKS, crewai, langgraph, release, verified
from circuit_breaker.cli.foreign.graph import ForeignGraph, Join, Rounds
from circuit_breaker.errors import WorkflowInvalid

START, END = "__start__", "__end__"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The frameworks, as if they were installed."""
    for module, number in ((langgraph, "1.2.22"), (crewai, "1.15.30")):
        monkeypatch.setattr(module, "release_of", lambda _, number=number: number)


def built(*edges: tuple, routes=None, defer: Iterable[str] = (), nodes: str = "SABCD", path=None, ends=None):
    """What a compiled graph of LangGraph has in its builder; an edge from several steps is a join."""
    branches = {
        step: {"choice": SimpleNamespace(path=path, ends={end: end for end in targets} if targets else None)}
        for step, targets in (routes or {}).items()
    }
    builder = SimpleNamespace(
        nodes={n: SimpleNamespace(ends=(ends or {}).get(n, ()), defer=n in defer) for n in nodes},
        edges={(START, "S"), *(edge for edge in edges if isinstance(edge[0], str))},
        waiting_edges={edge for edge in edges if not isinstance(edge[0], str)},
        branches=branches,
    )
    return SimpleNamespace(builder=builder)


def found_of(graph, framework="langgraph"):
    return verified(FRAMEWORKS[framework](graph, "g"))


def test_a_skipped_branch_loses_the_join():
    """Only one of two branches is chosen, and the join of both is forgotten; the way is shown."""
    found = found_of(built((("A", "B"), "C"), ("C", "D"), ("D", END), routes={"S": ["A", "B"]}))
    (finding,) = found.findings

    assert ("not sound", "starved-join", "C") == (found.verdict, finding.code, finding.about)
    assert "waits for 'B', which was not chosen" in finding.text
    assert [START, "S", "A"] == [step.transition for step in finding.counterexample.steps]


def test_branches_of_unequal_length_run_a_step_twice():
    """What both lead into runs in two rounds."""
    found = found_of(built(("S", "A"), ("S", "B"), ("B", "C"), ("A", "D"), ("C", "D"), ("D", END)))

    assert [("runs-twice", "D", "error")] == [(f.code, f.about, f.severity) for f in found.findings]


def test_a_deferred_step_runs_once():
    """A step that waits until nothing else is left runs once."""
    edges = (("S", "A"), ("S", "B"), ("B", "C"), ("A", "D"), ("C", "D"), ("D", END))

    assert found_of(built(*edges, defer=["D"])).sound


def test_a_circle_that_nothing_leads_into_is_found():
    """As one finding; a step alone is another."""
    found = found_of(built(("S", END), ("A", "B"), ("B", "A"), ("C", END), ("D", END)))

    assert ["A → B", "C", "D"] == [f.about for f in found.findings]
    assert "the circle 'A' and 'B' can never be reached" in found.findings[0].text


def test_a_circle_without_an_end_is_found():
    """No choice leads out of it; with one, it is sound."""
    assert ["endless"] == [f.code for f in found_of(built(("S", "A"), ("A", "S"), nodes="SA")).findings]
    assert found_of(built(("A", "S"), routes={"S": ["A", END]}, nodes="SA")).sound


def test_routers_that_say_a_list_lead_to_several():
    """By its annotation; a command leads to one of its ends; ends that are not said are all there are."""

    def several(state) -> list[str]:
        return ["A", "B"]

    one = langgraph.langgraph_graph(built(routes={"S": ["A", "B"]}), "g")
    many = langgraph.langgraph_graph(built(routes={"S": ["A", "B"]}, path=SimpleNamespace(func=several)), "g")
    command = langgraph.langgraph_graph(built(ends={"S": ("A", END)}), "g")
    anywhere = langgraph.langgraph_graph(built(routes={"S": None}), "g")

    assert [2, 3, 2, 6] == [len(graph.choices["S"][0]) for graph in (one, many, command, anywhere)]


def test_what_is_no_graph_is_told():
    """An object of another kind, or of a release that is not known."""
    with pytest.raises(WorkflowInvalid, match="is a dict, which has no nodes, edges"):
        found_of({})
    with pytest.raises(WorkflowInvalid, match="without methods of a flow"):
        found_of(object, "crewai")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_that_is_not_installed_is_told(framework, monkeypatch):
    """With how to install it."""

    def missing(_):
        raise PackageNotFoundError

    monkeypatch.setattr(release, "version", missing)
    for module in (langgraph, crewai):
        monkeypatch.setattr(module, "release_of", release.release_of)
    with pytest.raises(WorkflowInvalid, match=f"{framework} is not installed here"):
        found_of(built(), framework)


def method(**said):
    return SimpleNamespace(__flow_method_definition__=SimpleNamespace(**said))


def flow_of(**methods):
    return type("Made", (), {name: method(**said) for name, said in methods.items()})


def test_a_join_of_labels_is_lost():
    """A router returns one of two labels, and a listener waits for both."""
    found = found_of(
        flow_of(
            begin={"start": True},
            choose={"listen": "begin", "router": True, "emit": ["left", "right"]},
            both={"listen": {"and": ["left", "right"]}},
            after={"listen": "both"},
        ),
        "crewai",
    )

    assert [("starved-join", "both")] == [(f.code, f.about) for f in found.findings]


def test_of_two_routers_only_the_last_is_heard():
    """A router that listens to the label of an earlier one never runs, and neither does what follows it."""
    found = found_of(
        flow_of(
            begin={"start": True},
            first={"listen": "begin", "router": True, "emit": ["one"]},
            second={"listen": "begin", "router": True, "emit": ["two"]},
            deeper={"listen": "one", "router": True, "emit": ["three"]},
            chain={"listen": "three"},
        ),
        "crewai",
    )

    assert ["deeper"] == [f.about for f in found.findings]
    assert "'second' runs after it, so that its label is lost" in found.findings[0].text


def test_a_listener_to_several_runs_once():
    """A condition with ``or`` starts a method the first time only; an object is read as its class is."""
    made = flow_of(
        begin={"start": True}, left={"listen": "begin"}, right={"listen": "left"},
        end={"listen": {"or": ["left", "right"]}},
    )  # fmt: skip

    assert found_of(made(), "crewai").sound


GRAPH = """
from types import SimpleNamespace as Part

builder = Part(
    nodes={name: Part(ends=(), defer=False) for name in "SABC"}, edges={("__start__", "S"), ("C", "__end__")},
    waiting_edges={(("A", "B"), "C")}, branches={"S": {"choice": Part(path=None, ends={"A": "A", "B": "B"})}},
)
graphs = Part(first=Part(builder=builder))
"""


def test_a_graph_is_verified_from_the_command_line(cb, here):
    """It is found in a module by name, also deeper; a name that there is not is bad input."""
    (here / "agents_of_mine.py").write_text(GRAPH)

    assert "the join 'C' is lost" in cb("verify", "langgraph", "agents_of_mine.py:graphs.first", code=1).out
    assert "has no 'graphs.second'" in cb("verify", "langgraph", "agents_of_mine.py:graphs.second", code=3).err
    assert "names no graph" in cb("verify", "langgraph", "agents_of_mine.py", code=3).err


def test_too_many_rounds_are_no_answer():
    """Within a limit it is not decided."""
    graph = ForeignGraph(
        name="g", framework="f", steps=("a", "b", "c"), starts=frozenset({"a"}),
        triggers={"a": frozenset({"b"}), "b": frozenset({"c"})}, joins=(Join(frozenset({"x"}), "y"),),
    )  # fmt: skip

    assert not Rounds(graph, limit=1).complete
    assert Rounds(graph).trapped() is None


def test_what_only_conversations_use_is_no_step():
    """Methods that every flow inherits belong to those that hold conversations, and are left out of others."""
    built_in = method(start=True)
    built_in.__conversational_only__ = True
    steps = {"begin": method(start=True), "route_conversation": built_in}
    quiet, talking = (type("Made", (), {"conversational": talks, **steps}) for talks in (False, True))

    assert ("begin",) == crewai.crewai_graph(quiet, "g").steps
    assert {"begin", "route_conversation"} == set(crewai.crewai_graph(talking, "g").steps)


def test_a_graph_inside_of_a_step_is_looked_at():
    """What is wrong there is found with the step that it is inside of; a step that never runs brings nothing."""
    inner = built((("A", "B"), "C"), ("C", END), routes={"S": ["A", "B"]}, nodes="SABC")
    outer = built(("S", "A"), ("A", END), nodes="SAB")
    for step in "AB":
        outer.builder.nodes[step].runnable = inner
    found = found_of(outer)

    assert [("starved-join", "A/C"), ("dead-transition", "B")] == sorted(
        ((f.code, f.about) for f in found.findings), reverse=True
    )
    assert any(f.text.startswith("inside 'A': the join 'C' is lost") for f in found.findings)
    assert any("counts once" in text for text in found.assumptions)


def test_what_is_not_looked_at_is_said():
    """Graphs inside graphs, steps that are sent to, interrupts, and what steps do inside."""
    graph = built(("S", "A"), ("A", "B"), ("C", END), routes={"B": ["C"]}, nodes="SABC")
    graph.interrupt_before_nodes = ["A"]
    graph.builder.nodes["A"].runnable = SimpleNamespace(builder=graph.builder)
    said = " ".join(found_of(graph).assumptions)

    for words in ("inside 'A' is not looked at", "(Send) counts once", "taken up again", "interrupt(), failures"):
        assert words in said
