"""Ids that are given to the engine: texts of something that is there, or one clear error."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import AgentExecutionNotFound, AgentNotFound, DataInvalid
from circuit_breaker.storage import connect
from tests.agents.work import agent, at_work, script

WRONG = [5, None, ["a"], {"a": 1}, b"a", 1.5, "\ud800"]


async def _followed(engine, execution_id) -> None:
    async with engine.events.subscribe("a", execution_id):
        pass


ASKED = {
    "run": lambda engine, it: engine.run(it, {"q": "?"}),
    "start": lambda engine, it: engine.start(it, {"q": "?"}),
    "a key": lambda engine, it: engine.start("helper", {"q": "?"}, key=it),
    "a conversation": lambda engine, it: engine.start("helper", {"q": "?"}, conversation=it),
    "definition": lambda engine, it: engine.definition(it),
    "remove": lambda engine, it: engine.remove(it),
    "wait": lambda engine, it: engine.wait(it),
    "cancel": lambda engine, it: engine.cancel(it),
    "approve": lambda engine, it: engine.approve(it, False),
    "execution": lambda engine, it: engine.execution(it),
    "a page": lambda engine, it: engine.executions(after=it),
    "resume": lambda engine, it: engine.resume(it),
    "read": lambda engine, it: engine.events.read(it),
    "subscribe": _followed,
}


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("asked", ASKED)
async def test_an_id_that_is_no_text_is_one_clear_error(asked, wrong):
    """Whatever is given in place of an id, the error names the place and the value, and says what to give."""
    async with at_work(agent(), model=script()) as engine:
        with pytest.raises(DataInvalid, match=r"an id is a text \(give the id as it was given") as caught:
            await ASKED[asked](engine, wrong)
    assert f"={wrong!r}" in str(caught.value)


async def test_an_agent_and_a_version_that_are_no_texts_are_told_together():
    """Several ids that are none are one error, in which each of them is named."""
    async with at_work() as engine:
        with pytest.raises(DataInvalid, match=r"agent_id=5 and version=\['1'\]: an id is a text"):
            await engine.definition(5, ["1"])


@pytest.mark.parametrize("unknown", ["", "nobody", "ä" * 600, "a\x00b"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_an_id_of_nothing_says_that_there_is_nothing(unknown, kind, tmp_path):
    """A text that is the id of nothing is told as such, also one that nothing could be kept under."""
    address = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/agents.db"
    async with connect(address) as storage, at_work(storage=storage, model=script()) as engine:
        with pytest.raises(AgentNotFound):
            await engine.start(unknown, {"q": "?"})
        for asked in (engine.wait, engine.cancel, engine.execution, engine.resume):
            with pytest.raises(AgentExecutionNotFound):
                await asked(unknown)


PAGES = {
    "executions": lambda engine, limit: engine.executions(limit=limit),
    "definitions": lambda engine, limit: engine.definitions(limit=limit),
    "conversations": lambda engine, limit: engine.conversations.listed(limit=limit),
}


@pytest.mark.parametrize("wrong", [-1, 0, 1.5, "5", None, True], ids=repr)
@pytest.mark.parametrize("asked", PAGES)
async def test_a_page_of_no_size_is_one_clear_error(asked, wrong):
    """Whatever is listed, a limit that is no whole number from 1 is named with its value."""
    async with at_work(agent(), model=script()) as engine:
        with pytest.raises(DataInvalid) as caught:
            await PAGES[asked](engine, wrong)
    assert f"limit={wrong!r} is no size of a page" in caught.value.message


async def test_a_status_that_does_not_exist_is_named_with_the_nearest():
    """Whoever looks for a status that executions never have is told which one he may mean, and all that is wrong."""
    async with at_work(agent(), model=script()) as engine:
        with pytest.raises(DataInvalid) as caught:
            await engine.executions(status="complete", limit=-1)
    assert "limit=-1 is no size of a page and status='complete' is no status" == caught.value.message
    assert "give a whole number from 1; did you mean 'completed'?" == caught.value.remedy
