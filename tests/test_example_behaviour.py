"""The examples do what the requirements ask of them, beyond running to their end."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from circuit_breaker import Engine, Plugin, Token, connect
from circuit_breaker.errors import ParameterInvalid, Refused

ROOT = Path(__file__).parent.parent


@pytest.fixture
def example(monkeypatch):
    """Loads an example as a module of its own."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
async def case_of():
    """Starts a case of a workflow in an engine of its own, and runs it until it rests."""
    engines = []

    async def start(workflow, data):
        engine = await Engine(workflow, storage=connect("memory://")).__aenter__()
        engines.append(engine)
        return engine, await engine.run(await engine.start(workflow, data=data))

    yield start
    for engine in engines:
        await engine.__aexit__(None, None, None)


async def test_an_order_needs_its_payment_and_its_goods(example, case_of):
    """D14: starting requires payment_verified, completing requires items_shipped, and both lead to completed."""
    engine, order = await case_of(example("order_processing").order_processing, {"payment_verified": False})
    with pytest.raises(Refused, match="payment_verified"):
        await engine.fire(order, "start_processing")
    order = await engine.fire(order, "start_processing", data={"payment_verified": True})
    with pytest.raises(Refused, match="items_shipped"):
        await engine.fire(order, "complete_order")

    assert "completed" == (await engine.fire(order, "complete_order", data={"items_shipped": True})).state


@pytest.mark.parametrize("before", [[], ["start_processing"]])
async def test_an_order_is_cancelled_from_either_state(before, example, case_of):
    """D14: cancel_order is one activity on two transitions, from pending and from processing."""
    engine, order = await case_of(example("order_processing").order_processing, {"payment_verified": True})
    for name in before:
        order = await engine.fire(order, name)

    assert "cancelled" == (await engine.fire(order, "cancel_order")).state


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("clean", ("completed", "TransitionFired", "complete")),
        ("scattered", ("human_review", "TransitionFired", "request_review")),
        ("broken", ("human_review", "TransitionRefused", "process")),
        ("lost", ("human_review", "ActionFailed", "process")),
    ],
)
async def test_readings_go_where_their_scores_lead(file, expected, example, case_of, tmp_path):
    """D20, D22, ZA26: good readings complete; low confidence, errors and failures are put before a person."""
    pipeline = example("data_pipeline")
    data = {"input_file": str(pipeline.READINGS / f"{file}.json"), "folder": str(tmp_path)}
    _, case = await case_of(pipeline.data_pipeline, data)
    moves = case.history.by_type("TransitionFired", "TransitionRefused", "ActionFailed")

    assert expected == (case.state, moves[-1].type, moves[-1].transition)


async def test_a_refused_step_leaves_nothing_of_its_result(example, case_of, tmp_path):
    """D21, ZA27: the rules of `process` are judged on what it returned, and what they refuse is not kept."""
    pipeline = example("data_pipeline")
    data = {"input_file": str(pipeline.READINGS / "broken.json"), "folder": str(tmp_path)}
    _, case = await case_of(pipeline.data_pipeline, data)

    assert data == case.data


async def test_the_custom_executor_is_the_one_that_was_asked_for(example):
    """A11: input_data with a type is required, options are not, and the hook tells the type."""
    executor = example("custom_executor").CustomExecutor(input_data={"type": "note"})
    outcome = await executor.execute()

    assert ({"type": "NOTE"}, {}, "completed") == tuple(outcome.values())
    assert ["working on a note"] == [line.line for line in executor.logs]
    with pytest.raises(ParameterInvalid, match="no key 'type'"):
        await type(executor)(input_data={"text": "x"}).execute()


@pytest.mark.parametrize(
    ("quantities", "payment", "expected"),
    [([1, 2], "verified", (True, True)), ([1, 0], "verified", (False, True)), ([1], "pending", (True, False))],
)
def test_the_custom_rules_are_those_that_were_asked_for(quantities, payment, expected, example):
    """C19: inventory_available wants every quantity above 0, payment_verified a verified payment."""
    rules = example("rules")
    token = Token("t", "pending", data={"payment_status": payment, "items": [{"quantity": n} for n in quantities]})

    assert expected == (rules.inventory_available(token), rules.payment_verified(token))
    assert ("inventory", "payment") == (rules.inventory_available.category, rules.payment_verified.category)


async def test_a_question_is_answered_by_itself(example, case_of):
    """E13: one run leads from received through analyzing and responding to resolved, with nobody's help."""
    _, case = await case_of(example("support").support, {"customer": "ann", "question": "Where is my invoice?"})

    assert ["start_analysis", "generate_response", "send_response[responding]"] == [
        event.transition for event in case.history.by_type("TransitionFired")
    ]
    assert ("resolved", "completed") == (case.state, case.status)
    assert {""} == {event.by for event in case.history}


def test_the_guide_to_plugins_tells_of_every_method():
    """AD2: the guide for those who write plugins has every method that a plugin can define."""
    guide = (ROOT / "docs" / "how-to" / "plugins.md").read_text()
    methods = [name for name, member in vars(Plugin).items() if callable(member) and not name.startswith("_")]

    assert methods
    assert [] == [
        name for name in (*methods, "register_plugin") if f"`{name}(" not in guide and f"{name}(" not in guide
    ]


@pytest.fixture
def without_keys(monkeypatch):
    """The examples of models run on their scripts, whatever keys the environment has."""
    for name in ("OLLAMA_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def test_an_assistant_analyses_a_document(example, without_keys):
    """B14: the tools of the document assistant measure the text, and it remembers what it has said."""
    module = example("document_assistant")
    first, second = await module.analysed(module.DOCUMENT)

    assert ["content_analysis", "sentiment_analysis", "improvement"] == [call["name"] for call in first["tool_calls"]]
    assert [False] * 3 == [call["is_error"] for call in first["tool_calls"]]
    assert "forms" in second["output"]


async def test_an_agent_researches(example, without_keys):
    """B15: the research agent plans, searches, summarises and cites; a person publishes its report."""
    case = await example("research_agent").researched_case("When is a workflow sound?")
    found = case.token.results["research"]

    assert ("published", found["report"]) == (case.state, case.token.data["report"])
    assert ["search", "summarize", "citations"] == [call["name"] for call in found["tool_calls"]]
    assert [False] * 3 == [call["is_error"] for call in found["tool_calls"]]
    assert 3 == len(found["plan"])
