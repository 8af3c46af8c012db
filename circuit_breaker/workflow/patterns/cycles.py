"""Patterns in which something is done again: loops, another try after a failure, and a part that calls itself."""

from __future__ import annotations

from typing import Any

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import all_of, any_of, as_rule, field
from circuit_breaker.workflow.flow import flow
from circuit_breaker.workflow.patterns.basics import LAST, Flows, key_of, step
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.timing import Duration

__all__ = ["loop", "recursion", "retry_path", "rounds_key"]


def loop(
    head: State, begin: State, end: State, *, condition: Any, exit_to: State, max_iterations: int | None = None
) -> Flows:
    """From ``head`` through the body and back, while the condition holds (WCP-21, structured loop).

    Args:
        head: Where the condition is judged.
        begin: Where the body begins.
        end: Where it ends; the same state as ``begin`` if it is only one.
        condition: The rule.
        exit_to: Where it goes on.
        max_iterations: How often the body is entered at most. The count is in the metadata of the token, under
            :func:`rounds_key`; leaving sets it to 0, so that a loop that is entered again starts anew.

    Raises:
        WorkflowInvalid: ``max_iterations`` is not a whole number from 1.
    """
    key = rounds_key(head)
    again = step(head, begin, name=f"{head}-again")
    leave = step(head, exit_to, name=f"{head}-ends").priority(LAST)
    if max_iterations is None:
        return again.guard(condition), step(end, head, name=f"{head}-returns"), leave
    if type(max_iterations) is not int or max_iterations < 1:
        raise WorkflowInvalid(f"max_iterations={max_iterations!r} is not a whole number from 1")
    count = field(f"metadata.{key}")
    bounded = all_of(as_rule(condition), any_of(count.missing(), count < max_iterations))
    return (
        again.guard(bounded).counts(key),
        step(end, head, name=f"{head}-returns"),
        leave.restarts(key),
    )


def rounds_key(head: State | str) -> str:
    """The metadata key under which a loop counts how often its body was entered."""
    return key_of(head, "rounds")


def retry_path(failed: State, work: State, *, attempts: int, delay: Duration, give_up: State) -> Flows:
    """From a failure back to work after a while, so many times; then on to where it is given up.

    Args:
        failed: Where a failed action leads, by ``.on_failure(failed)``.
        work: Where the action is tried again.
        attempts: How often it is tried again.
        delay: How long it waits before each: seconds, a timedelta, or a text such as ``"5m"``.
        give_up: Where it goes when none is left.
    """
    key = rounds_key(failed)
    count = field(f"metadata.{key}")
    left = any_of(count.missing(), count < attempts)
    return (
        step(failed, work, name=f"{failed}-retries").after(delay).guard(left).counts(key),
        step(failed, give_up, name=f"{failed}-gives-up").guard(count >= attempts).restarts(key),
    )


def recursion(source: State, entry: State, end: State, *, into: State) -> Flows:
    """Through a part of the workflow that may call itself, and on where it was called from (WCP-22).

    The call leaves a token behind, and whatever comes to the end of the part goes on with the token of its own call:
    what the part has changed is then changed for the caller too. Every call is one of these, the first one too:
    ``*recursion(start, entry, end, into=finished), *recursion(deeper, entry, end, into=after)``.

    Args:
        source: Where it is called from.
        entry: Where the part begins.
        end: Where it ends.
        into: Where this call goes on.
    """
    waiting = State(f"{source}/called")
    return (
        flow(source >> (entry, waiting)).transition(f"{source}-calls"),
        flow((end, waiting) >> into).transition(f"{source}-returns").together(),
    )
