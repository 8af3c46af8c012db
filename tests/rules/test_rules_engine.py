"""The rules engine: registry, evaluation, transitions, validation, cache and timeout."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest

from circuit_breaker.engine.evaluation import CachedEvaluation, EvaluationCache, content_hash
from circuit_breaker.engine.rules_engine import RuleContext, RulesConfig, RulesEngine
from circuit_breaker.errors import (
    ConditionParsingError,
    EvaluationFailed,
    EvaluationTimeout,
    RuleInvalid,
    RuleNotFound,
    RulesError,
    WorkflowInvalid,
)
from circuit_breaker.rules import COMMON, Rule, cel, create_rule, field, javascript, rule
from circuit_breaker.workflow.activities import ActivityDefinition, WorkflowDefinition
from tests.rules.tokens import Token

valid = rule(field("status") == "valid", name="status_check")
rich = rule(field("amount") > 1000, name="rich")
ORDER = Token(data={"status": "valid", "amount": 100}, state="pending")
START = ActivityDefinition(id="start", from_states=["pending"], to_state="processing", rules=[valid])


def activity(**changes):
    return ActivityDefinition(**({"id": "start", "from_states": ["pending"], "to_state": "processing"} | changes))


def test_the_registry():
    """C1: rules are registered, found and removed by name; the common rules are there from the start."""
    engine = RulesEngine()
    engine.register_rule("payment_verified", cel("data.payment_status == 'verified'"))
    assert engine.get_rule("payment_verified").name == "payment_verified"
    assert [True, False, None] == [
        engine.remove_rule("payment_verified"),
        engine.remove_rule("payment_verified"),
        engine.get_rule("payment_verified"),
    ]
    assert dict(COMMON) == engine.rules


def test_the_registry_takes_many_threads():
    """C1: rules may be registered and removed from several threads at once."""
    engine = RulesEngine()

    def change(number):
        engine.register_rule(f"r{number}", valid)
        return engine.remove_rule(f"r{number % 50}")

    with ThreadPoolExecutor(8) as pool:
        removed = sum(pool.map(change, range(500)))
    assert 500 + len(COMMON) - removed == len(engine.rules)


def test_the_config():
    """C2: the cache is on with 1000 entries, the timeout is 30 s, custom rules are added; all of it is optional."""
    config = RulesEngine().config
    assert (True, 1000, None, 30.0) == (
        config.enable_cache,
        config.cache_size,
        config.custom_rules,
        config.evaluation_timeout,
    )
    engine = RulesEngine(RulesConfig(custom_rules={"mine": valid}, evaluation_timeout=timedelta(seconds=2)))
    assert (engine.get_rule("mine").name, engine.config.evaluation_timeout) == ("mine", 2.0)
    with pytest.raises(ValueError, match="cache_size"):
        RulesConfig(cache_size=-1)
    with pytest.raises(RuleInvalid):
        RulesEngine(RulesConfig(custom_rules={"mine": 7}))


def test_composites_have_their_names():
    """C5: and_, or_ and not_ give composite_and, composite_or and composite_not, evaluated recursively."""
    engine = RulesEngine()
    both, either, neither = engine.and_([valid, rich]), engine.or_(valid, "has_title"), engine.not_(rich)
    assert ["composite_and", "composite_or", "composite_not"] == [both.name, either.name, neither.name]
    assert ["and", "or", "not"] == [both.operator, either.operator, neither.operator]
    assert (valid, rich) == both.rules
    assert [False, True] == [both.test(ORDER), neither.test(ORDER)]
    assert either.rule_type == "composite"


async def test_evaluating_rules():
    """C12: every rule is evaluated; the result has passed, results, errors and the time in seconds."""
    engine = RulesEngine()
    broken = rule(lambda token: token.data["nope"], name="broken")
    result = await engine.evaluate_rules([valid, rich, broken, "has_title"], RuleContext(ORDER))
    assert [True, False, False, False] == [each.passed for each in result.results]
    assert [None, None, "KeyError: 'nope'", None] == [each.error for each in result.results]
    assert (("rule 'broken': KeyError: 'nope'",), False) == (result.errors, result.passed)
    assert result.results[1].context["seen"] == 100
    assert result.evaluation_time >= 0


async def test_an_unknown_rule_is_told():
    """C18: a name that is not registered is RuleNotFound, with the nearest name."""
    with pytest.raises(RuleNotFound, match="did you mean 'has_title'"):
        await RulesEngine().evaluate_rules(["has_titel"], RuleContext(ORDER))


def test_the_kinds_of_error():
    """C18: not found, failed, invalid definition, timeout and parsing are errors of their own."""
    assert all(issubclass(kind, RulesError) for kind in (RuleNotFound, EvaluationFailed, EvaluationTimeout))
    assert issubclass(ConditionParsingError, RuleInvalid)


async def test_evaluators_get_the_context():
    """C11: a custom evaluator may ask for the resource, the activity and the metadata of the evaluation."""
    seen = []

    def evaluator(context):
        seen.append((context.resource, context.activity, context.metadata))
        return True

    made = create_rule("asks").custom(evaluator).build()
    context = RuleContext(ORDER, START, {"by": "ann"})
    assert (await RulesEngine().evaluate_rules([made], context)).passed
    assert [(ORDER, START, {"by": "ann"})] == seen


async def test_can_transition():
    """C13, C25: an activity is possible only if its rules pass and every one of its string conditions."""
    engine = RulesEngine()
    assert await engine.can_transition(ORDER, START)
    assert await engine.can_transition(ORDER, activity(conditions=["data.amount > 10"], rules=[valid]))
    assert not await engine.can_transition(ORDER, activity(conditions=["data.amount > 1000"], rules=[valid]))
    assert not await engine.can_transition(ORDER, activity(conditions=["data.amount > 10"], rules=[rich]))
    assert await engine.can_transition(ORDER, activity())
    with pytest.raises(ConditionParsingError):
        await engine.can_transition(ORDER, activity(conditions=["data.amount >"]))


async def test_all_or_any():
    """C14, ZA19: all rules by default; with requires_all_rules=False one of them; conditions hold in any case."""
    engine = RulesEngine()
    assert not await engine.can_transition(ORDER, activity(rules=[valid, rich]))
    assert not await engine.can_transition(ORDER, activity(rules=[valid, rich], requires_all_rules=True))
    assert await engine.can_transition(ORDER, activity(rules=[valid, rich], requires_all_rules=False))
    assert not await engine.can_transition(
        ORDER, activity(rules=[valid, rich], requires_all_rules=False, conditions=["false"])
    )
    assert await engine.can_transition(ORDER, START.with_rules("has_title", require_all=False))


async def test_available_transitions():
    """C15: the activities that begin in the current state and can be done."""
    workflow = WorkflowDefinition(
        name="orders",
        states=["pending", "processing"],
        activities=[START, activity(id="hurry", rules=[rich]), activity(id="end", from_states=["processing"])],
    )
    assert [START] == await RulesEngine().get_available_transitions(ORDER, workflow)


async def test_a_case_is_judged_by_its_tokens():
    """C15: of a case, the tokens where the activity begins are judged, and one that passes is enough."""
    tokens = (Token(state="a"), Token(data={"status": "no"}, state="pending"), ORDER)
    case = SimpleNamespace(tokens=tokens, state="a + pending")
    engine = RulesEngine()
    assert await engine.can_transition(case, START)
    assert not await engine.can_transition(SimpleNamespace(tokens=tokens[:2], state=""), START)
    assert ORDER.data == {"status": "valid", "amount": 100}
    assert (await engine.evaluate_rules([valid], RuleContext(SimpleNamespace(tokens=())))).passed is False


def test_validating_a_workflow():
    """C16: errors name their activity: unknown rules and states, unreadable conditions; oddities are warnings."""
    workflow = WorkflowDefinition(
        name="orders",
        states=["pending", "processing"],
        activities=[
            START,
            activity(id="odd", rules=["has_titel", valid, valid], conditions=["data.a >"], to_state="procesing"),
            activity(id="lost", from_states=[], requires_all_rules=True),
        ],
    )
    result = RulesEngine().validate_workflow(workflow)
    assert (False, 3) == (result.valid, len(result.errors))
    assert all(error.startswith("Activity 'odd': ") for error in result.errors)
    assert "did you mean 'has_title'" in result.errors[0]
    assert 3 == len(result.warnings)
    assert RulesEngine().validate_workflow(WorkflowDefinition(name="empty")).valid


async def test_the_cache_is_bounded_and_keyed_by_content():
    """C17: verdicts of rules that are values are remembered by content, at most cache_size of them."""
    engine = RulesEngine(RulesConfig(cache_size=2))
    for amount in (1, 1, 2, 3, 4):
        await engine.evaluate_rules([rich], RuleContext(Token(data={"amount": amount})))
        assert engine.cached <= 2
    assert engine.cached == 2
    assert (await engine.evaluate_rules([rich], RuleContext(Token(data={"amount": 5000})))).passed


async def test_what_is_not_cached():
    """C17: functions are asked every time; data that is no JSON, and a cache that is off, remember nothing."""
    engine, asked = RulesEngine(), []
    counting = rule(lambda token: asked.append(1) or True)
    for _ in range(2):
        await engine.evaluate_rules([counting], RuleContext(ORDER))
        await engine.evaluate_rules([rich], RuleContext(Token(data={"thing": object()})))
    off = RulesEngine(RulesConfig(enable_cache=False))
    await off.evaluate_rules([rich], RuleContext(ORDER))
    assert (2, 0, 0) == (len(asked), engine.cached, off.cached)


def test_a_cached_evaluation():
    """C17: it has the result, the timestamp and the hash of the context; the one not asked for longest is forgotten."""
    cache, verdict = EvaluationCache(2), rich.judge(ORDER)
    key = content_hash(ORDER)
    for number in (key, 1):
        cache.keep(rich, CachedEvaluation(verdict, 1.5, number))
    assert CachedEvaluation(verdict, 1.5, key) == cache.find(rich, key)
    cache.keep(rich, CachedEvaluation(verdict, 2.5, 2))
    assert [None, 2] == [cache.find(rich, 1), len(cache)]
    cache.clear()
    assert len(cache) == 0
    assert content_hash(Token(data={"a": 1})) != content_hash(Token(data={"a": True}))


async def test_a_function_that_hangs_times_out():
    """C2, C18: an evaluation that takes too long is EvaluationTimeout, and the hung thread holds nobody."""
    release = threading.Event()
    engine = RulesEngine(RulesConfig(evaluation_timeout=0.05))
    with pytest.raises(EvaluationTimeout, match="'hung' was not done"):
        await engine.evaluate_rules([valid, rule(lambda token: release.wait(20), name="hung")], RuleContext(ORDER))
    assert await engine.can_transition(ORDER, START)
    release.set()
    for thread in [each for each in threading.enumerate() if each.name == "rules"]:
        await asyncio.to_thread(thread.join)


async def test_what_a_function_raises_beyond_errors_reaches_the_caller():
    """An exception that is no ordinary error is not swallowed by the thread in which a rule is judged."""

    def stop(token):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await RulesEngine().evaluate_rules([rule(stop)], RuleContext(ORDER))


async def test_javascript_rules_are_evaluated_and_cached():
    """C4, C17: JavaScript is judged in a thread, and remembered like other values."""
    engine = RulesEngine()
    made = javascript("data.amount === 100", name="js")
    assert (await engine.evaluate_rules([made], RuleContext(ORDER))).passed
    assert engine.cached == 1
    failed = await engine.evaluate_rules([javascript("data.a.b")], RuleContext(ORDER))
    assert "TypeError" in failed.errors[0]


async def test_rules_decide_about_triggers():
    """C26, C27: conditions of triggers are rules like any other, and the engine judges them on the resource."""
    triggers = [Rule.field_exists("data", "status"), Rule.field_equals("metadata.status", "unclassified")]
    result = await RulesEngine().evaluate_rules(triggers, RuleContext(ORDER))
    assert [True, False] == [each.passed for each in result.results]


def test_definitions_round_trip():
    """D12, D13: a workflow definition and its activities are documents and back."""
    made = WorkflowDefinition(
        name="orders",
        states=["pending", "processing"],
        activities=[
            START,
            activity(id="b", name="B", conditions=["true"], functions=[{"function": "f"}], requires_all_rules=False),
        ],
        initial_state="pending",
        metadata={"owner": "ann"},
    )
    assert made == WorkflowDefinition.from_document(made.to_document())
    assert made.activity("start") == START
    assert made.activity("nope") is None
    assert WorkflowDefinition(name="x").to_document() == {"name": "x", "states": [], "activities": []}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"name": "x", "stats": []}, "did you mean 'states'"),
        ({"states": []}, "'name'"),
        ({"name": "x", "activities": [7]}, "no activity"),
        ({"name": "x", "activities": [{"id": "a", "to": "b"}]}, "'to_state'"),
        ({"name": "x", "activities": [{"to_state": "b"}]}, "'id'"),
    ],
)
def test_wrong_definitions_are_refused(document, message):
    """Unknown and missing keys are named, with the nearest right one."""
    with pytest.raises(WorkflowInvalid, match=message):
        WorkflowDefinition.from_document(document)


def test_the_engine_makes_builders():
    """C6: create_rule of the engine gives a builder."""
    assert RulesEngine().create_rule("x").field_equals("status", "valid").build().test(ORDER)
