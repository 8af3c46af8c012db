"""Signatures: what an action may take, and what is told where a call in a definition does not fit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from circuit_breaker import Workflow, WorkflowBuilder, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.signature import wants_context

a, b = states("a", "b")
go = flow(a >> b).transition("go")


class Actor:
    def method(self, token: Any) -> None: ...

    def both(self, token: Any, context: Any) -> None: ...

    def __call__(self, token: Any) -> None: ...


def one(token): ...
def two(token, other): ...
def optional(token, context=None): ...
def defaulted(token, limit=3): ...
def anything(*arguments, **named): ...
def named_context(context): ...
def nothing(): ...
def three(token, context, third): ...
def needs_keyword(token, *, key): ...
def may_have_keyword(token, *, key=1): ...
async def later(token): ...


@pytest.mark.parametrize(
    ("action", "context"),
    [
        (one, False), (later, False), (two, True), (optional, True), (defaulted, False), (anything, True),
        (may_have_keyword, False), (Actor().method, False), (Actor().both, True), (Actor(), False),
        (functools.partial(three, third=1), True), (functools.partial(two, "first"), False),
        (lambda token: None, False), (print, True), (dict, False),
    ],
)  # fmt: skip
def test_an_action_takes_the_token_and_may_take_a_context(action: Callable[..., Any], context: bool) -> None:
    """D16: whatever can be called with a token, or with a token and a context, is an action, and an undoing."""
    assert context == wants_context(action)
    assert Workflow("w", go.action(action).compensate(action)).transitions[0].steps[0].action is action


@pytest.mark.parametrize(
    ("action", "form"),
    [
        (nothing, "()"),
        (three, "(token, context, third)"),
        (needs_keyword, "(token, *, key)"),
        (named_context, "(context)"),
        (lambda: None, "()"),
    ],
)
@pytest.mark.parametrize("step", ["action", "compensate"])
def test_an_action_that_cannot_be_called_is_a_fault(step: str, action: Callable[..., Any], form: str) -> None:
    """D16: how many arguments a function takes is looked at when the workflow is defined, with all other faults."""
    made = getattr(go.action(one), step)(action, name="act").otherwise(b)
    with pytest.raises(WorkflowInvalid, match="has 2 fault") as caught:
        Workflow("w", made)
    (said, other) = sorted(map(str, caught.value.faults), reverse=True)
    assert f"transition 'go': the function 'act' takes {form} (let it take (token) or (token, context))" == said
    assert "no policy" in other


def test_a_merge_takes_the_tokens() -> None:
    """A function that merges takes one argument."""
    join = flow((a * 2) >> b).transition("join")
    assert Workflow("w", join.merge(one)).transitions[0].merge is one
    with pytest.raises(WorkflowInvalid, match=r"\.merge\(\) has a function that takes \(token, other\)"):
        Workflow("w", join.merge(two))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: go.policy(ruels="x"), ["transition 'go': .policy() takes no 'ruels'", "did you mean 'rules'"]),
        (lambda: go.timeout(duratoin=3), [".timeout() takes no 'duratoin'", "did you mean 'duration'"]),
        (lambda: go.on_signal("x", transent=True), ["did you mean 'transient'"]),
        (lambda: go.effect("idempotent", agin_if="x"), ["did you mean 'again_if'"]),
        (lambda: go.action(one, nme="x"), ["did you mean 'name'"]),
        (lambda: go.compensate(one, nme="x"), ["did you mean 'name'"]),
        (lambda: go.roles(role="boss"), [".roles() takes no 'role'"]),
        (lambda: flow(a >> b).priority(rnak=1), ["flow(a >> b): .priority() takes no 'rnak'", "did you mean 'rank'"]),
        (lambda: go.policy("x"), [".policy(): too many positional arguments", "it takes (validations=..., rules=...)"]),
        (go.timeout, [".timeout(): missing a required argument: 'duration'", "it takes (duration)"]),
        (lambda: Workflow("w", go, ruels={}), ["Workflow() takes no 'ruels'", "did you mean 'rules'"]),
        (lambda: Workflow("w", go, dta=1, finl=2), ["did you mean 'data'", "did you mean 'final'"]),
        (Workflow, ["Workflow(): missing", "it takes (name, *flows, rules=..., data=..., initial=..."]),
        (lambda: states("a", inital="a"), ["states() takes no 'inital'", "did you mean 'initial'"]),
        (lambda: WorkflowBuilder("w").add_state("a", mesage="x"), ["State() takes no 'mesage'", "mean 'message'"]),
    ],
)  # fmt: skip
def test_an_argument_that_does_not_fit_is_told_with_the_right_one(call: Callable[[], Any], said: list[str]) -> None:
    """D16: a misspelt argument of a step names the nearest right one; one that is missing, the form of the step."""
    with pytest.raises(WorkflowInvalid) as caught:
        call()
    assert [] == [part for part in said if part not in str(caught.value)]


def test_an_error_inside_of_a_step_stays_what_it_is() -> None:
    """Only calls that do not fit are told so: what else goes wrong is not hidden behind it."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise TypeError("odd")

        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="odd"):
        go.effect(Odd())  # type: ignore[arg-type]


def test_the_signature_of_a_step_can_still_be_read() -> None:
    """D16: help and editors show what a step takes."""
    assert ["validations", "rules"] == list(inspect.signature(go.policy).parameters)
