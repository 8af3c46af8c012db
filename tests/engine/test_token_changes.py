"""Changing what a token carries where it stands."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from circuit_breaker import Workflow, connect, field, flow, states
from circuit_breaker.engine import SyncEngine
from circuit_breaker.engine.limits import Limits
from circuit_breaker.errors import CaseClosed, DataInvalid, LimitReached, NotEnabled, TokenNotFound, VersionConflict
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.events import TokenChanged

a, b, c = states("a", "b", "c")


def guarded(**options: Any) -> Workflow:
    return Workflow("w", flow(a >> b).transition("go").guard(field("score") >= 5), **options)


async def test_a_token_is_changed_where_it_stands(open_engine, clock):
    """Data, metadata and results are set, the token stays since when it entered, and the event says who and why."""
    engine = await open_engine(guarded())
    case = await engine.start("w", data={"score": 1, "kept": True})
    await clock.advance(5)
    change = Change(data={"score": 2}, metadata={"seen": True}, results={"r": {"x": 1}})
    after = await engine.change_token(case, case.token.id, change, by="agent:x", key="k")
    token, event = after.token, after.history[-1]
    assert ({"score": 2, "kept": True}, {"seen": True}, {"r": {"x": 1}}) == (token.data, token.metadata, token.results)
    assert (case.token.entered, after.sequence) == (token.entered, token.sequence)
    assert (TokenChanged, "agent:x", "k", "a") == (type(event), event.by, event.key, event.state)


async def test_what_it_enables_fires_when_the_case_is_run(open_engine):
    """Nothing fires by the change itself; a guard that holds now lets the case go on."""
    engine = await open_engine(guarded())
    case = await engine.run(await engine.start("w", data={"score": 1}))
    changed = await engine.change_token(case, case.token.id, Change(data={"score": 9}))
    assert ("a", "running") == (changed.state, changed.status)
    assert "b" == (await engine.run(changed)).state


async def test_what_was_refused_may_be_tried_again(open_engine):
    """A transition that was refused with the token as it was is judged anew."""
    judged = Workflow("w", flow(a >> b).transition("go").policy(rules=field("score") >= 5))
    engine = await open_engine(judged)
    case = await engine.run(await engine.start("w", data={"score": 1}))
    changed = await engine.change_token(case, case.token.id, Change(data={"score": 9}))
    assert () == changed.blocked
    assert "b" == (await engine.run(changed)).state


async def test_several_tokens_keep_their_order(open_engine):
    """The oldest token stays the first of its state."""
    engine = await open_engine(guarded())
    case = await engine.add_token(await engine.start("w"), {"n": 2})
    first, second = (token.id for token in case.marking)
    after = await engine.change_token(case, first, Change(data={"n": 1}))
    assert [first, second] == [token.id for token in after.marking]


async def test_a_replayed_case_is_the_same(open_engine, tmp_path):
    """What the journal says gives the case again."""
    url = f"sqlite:///{tmp_path}/w.db"
    engine = await open_engine(guarded(), storage=connect(url))
    case = await engine.start("w", data={"score": 1})
    after = await engine.change_token(case, case.token.id, Change(data={"score": 2}))
    again = await open_engine(guarded(), storage=connect(url))
    assert after == await again.get(case.id)


async def test_an_unexpected_token_is_left_alone(open_engine):
    """With expect= only that version is changed; and a token that is gone is told."""
    engine = await open_engine(guarded())
    case = await engine.start("w")
    token = case.token
    await engine.change_token(case, token.id, Change(data={"x": 1}), expect=token.sequence)
    with pytest.raises(VersionConflict, match="was changed by event 2"):
        await engine.change_token(case, token.id, Change(data={"x": 2}), expect=token.sequence)
    with pytest.raises(TokenNotFound):
        await engine.change_token(case, "nobody", Change())


async def test_a_token_that_an_action_holds_is_not_changed(open_engine):
    """What an action works on stays as it was given."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def act(token: Any) -> None:
        begun.set()
        await go_on.wait()

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").action(act)))
    case = await engine.start("w")
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run(case))
        await begun.wait()
        with pytest.raises(NotEnabled, match="an action of 'go' holds token"):
            await engine.change_token(case, case.token.id, Change(data={"x": 1}))
        go_on.set()


async def test_a_closed_case_is_not_changed(open_engine):
    """Nothing can happen to a case that has ended."""
    engine = await open_engine(guarded())
    case = await engine.run(await engine.start("w", data={"score": 9}))
    with pytest.raises(CaseClosed):
        await engine.change_token(case, case.token.id, Change(data={"x": 1}))


@attrs.frozen
class Score:
    score: int


async def test_typed_data_stays_of_its_class(open_engine):
    """What would not fit the declared class is refused."""
    engine = await open_engine(guarded(data=Score))
    case = await engine.start("w", data=Score(1))
    assert Score(2) == (await engine.change_token(case, case.token.id, Change(data={"score": 2}))).data
    with pytest.raises(DataInvalid):
        await engine.change_token(case, case.token.id, Change(data={"score": "high"}))


async def test_a_token_cannot_carry_too_much(open_engine):
    """The limits of the engine hold."""
    engine = await open_engine(guarded(), limits=Limits(data=100))
    case = await engine.start("w")
    with pytest.raises(LimitReached):
        await engine.change_token(case, case.token.id, Change(data={"x": "y" * 200}))


def test_a_script_can_do_it_too():
    """The same without await."""
    with SyncEngine(guarded(), storage=connect("memory://")) as engine:
        case = engine.start("w")
        assert {"x": 1} == engine.change_token(case, case.token.id, Change(data={"x": 1})).data
