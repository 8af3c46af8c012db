"""Cases to store: built from events, as an engine would, but without one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from circuit_breaker.data import Data
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import (
    ActionFailed,
    ActionRetried,
    ActionStarted,
    CaseStarted,
    Event,
    SignalReceived,
    StepFinished,
    TokenAdded,
    TokenChanged,
    TransitionFired,
    TransitionRefused,
)
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.token import Token

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def started(case_id: str, *, workflow: str = "document", state: str = "draft", **data) -> Case:
    """A case with one event."""
    token = Token("t1", state, Data(data))
    return evolve(None, CaseStarted(case_id, 1, NOON, workflow=workflow, definition="v1", tokens=(token,)))


def at_status(case: Case, status: str) -> Case:
    """The case as an engine leaves it that has looked at the workflow."""
    return msgspec.structs.replace(case, status=status)


def followed(case: Case, kind: type[Event], **fields) -> Case:
    """The case after one event more."""
    return evolve(case, kind(case.id, case.sequence + 1, NOON + timedelta(seconds=case.sequence), **fields))


def moved(case: Case, state: str = "pending", **data) -> Case:
    """The case after its first token moved."""
    token = next(iter(case.marking))
    move = {"consumed": ((token.id, token.state),), "produced": ((token.id, state),)}
    return followed(case, TransitionFired, transition="move", data=Data(data), **move)


def last(case: Case, count: int = 1) -> tuple[Event, ...]:
    """The last events of a case."""
    return case.history[len(case.history) - count :]


async def grow(journal, case: Case, steps: int) -> Case:
    """The case after so many moves, each appended by itself."""
    for step in range(steps):
        case = moved(case, f"state{step % 3}", step=step)
        await journal.append(case, last(case))
    return case


def _free(case: Case) -> list[Token]:
    return [token for token in case.marking if token not in case.reserved]


def _move(case: Case, number: int) -> Case:
    if not (free := _free(case)):
        return _signal(case, number)
    token = free[number % len(free)]
    to = ((token.id, "abc"[number % 3]),)
    return followed(case, TransitionFired, consumed=((token.id, token.state),), produced=to, data=Data({"n": number}))


def _split(case: Case, number: int) -> Case:
    if not (free := _free(case)):
        return _add(case, number)
    token = free[0]
    children = tuple((f"t{case.minted + i + 1}", state) for i, state in enumerate("xy"))
    return followed(case, TransitionFired, consumed=((token.id, token.state),), produced=children)


def _join(case: Case, number: int) -> Case:
    free = _free(case)
    if len(free) < 2:
        return _split(case, number)
    consumed = tuple((token.id, token.state) for token in free[:2])
    own = {"results": Data({"joined": number}), "removed": ("data.n",)}
    return followed(case, TransitionFired, consumed=consumed, produced=((f"t{case.minted + 1}", "j"),), **own)


def _add(case: Case, number: int) -> Case:
    return followed(case, TokenAdded, token=Token(f"t{case.minted + 1}", "draft", Data({"added": number})))


def _change(case: Case, number: int) -> Case:
    if not (free := _free(case)):
        return _add(case, number)
    said = {"data": Data({"changed": number}), "metadata": Data({"m": [number]}), "key": f"k{number}"}
    return followed(case, TokenChanged, token=free[-1].id, state=free[-1].state, **said)


def _signal(case: Case, number: int) -> Case:
    return followed(case, SignalReceived, name=f"s{number % 4}", data=Data({"é": [number, {"x": None}]}))


def _refuse(case: Case, number: int) -> Case:
    if not (free := _free(case)):
        return _add(case, number)
    consumed = ((free[0].id, free[0].state),)
    return followed(case, TransitionRefused, transition="r", consumed=consumed, verdict=Data({"text": "no"}))


def _act(case: Case, number: int) -> Case:
    if not (free := _free(case)):
        return _fail(case, number)
    token = free[0]
    key = f"{case.id}/{case.sequence}"
    return followed(case, ActionStarted, transition="act", consumed=((token.id, token.state),), key=key, worker="w")


def _step(case: Case, number: int) -> Case:
    if not case.pending:
        return _act(case, number)
    key = case.pending[0].key
    if number % 2:
        return followed(case, ActionRetried, key=key, attempt=number, wait=0.5)
    return followed(case, StepFinished, key=key, name=f"step{number}", outcome=[number, "ok"])


def _fail(case: Case, number: int) -> Case:
    if not case.pending:
        return _refuse(case, number)
    return followed(case, ActionFailed, transition="act", key=case.pending[0].key, error=Data({"message": "broke"}))


_STEPS = (_move, _split, _join, _add, _change, _signal, _refuse, _act, _step, _fail)


def walk(case_id: str, choices: list[tuple[int, int]]) -> list[Case]:
    """A case after each of a series of events, all of them possible."""
    cases = [started(case_id, title="Plan")]
    for step, number in choices:
        cases.append(_STEPS[step](cases[-1], number))
    return cases


walks = st.lists(st.tuples(st.integers(0, len(_STEPS) - 1), st.integers(0, 99)), max_size=60)
