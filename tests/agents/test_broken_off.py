"""What an answer took that broke off counts, also when the process is killed after it was asked again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import attrs

from circuit_breaker.errors import ProviderOverloaded, StorageFull
from circuit_breaker.llm.stream import StreamFailed
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing import ScriptedProvider
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import Wrapped, agent, at_work, call

BUSY = ProviderOverloaded("later", provider="scripted")
TORN = ModelTurn(calls=(("slow", {"text": "one two three " * 40}),), pieces=5, breaks_after=4, error=BUSY)


class Telling(ScriptedProvider):
    """A model that says what an answer took that broke off."""

    @asynccontextmanager
    async def stream(self, request):
        async with super().stream(request) as events:
            yield self._told(events)

    async def _told(self, events):
        async for event in events:
            if isinstance(event, StreamFailed):
                taken = Usage(input_tokens=400, output_tokens=100)
                yield attrs.evolve(event, partial=attrs.evolve(event.partial, usage=taken))
            else:
                yield event


class Dying(Wrapped):
    """A storage that keeps nothing more from some moment on, as if the process had been killed."""

    dead = False

    async def append(self, stream, documents, *, after, put=()):
        if self.dead:
            raise StorageFull("no write comes through any more")
        await super().append(stream, documents, after=after, put=put)


async def taken(*, killed: bool) -> int:
    """Tokens of an execution whose first answer broke off; killed or not in the tool that the next one calls."""
    async with connect("memory://") as storage:
        dying = Dying(storage)

        @tool
        async def slow(text: str) -> str:
            """Takes its time."""
            dying.dead = killed
            await asyncio.sleep(0.02)
            return text

        model = Telling(TORN, call("slow", text="x"), "Done.")
        async with at_work(agent(tools=("slow",)), storage=dying, model=model, tools=[slow]) as engine:
            begun = await engine.start("helper", {"q": "?"})
            while begun.id in engine.office.roster:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
        killed = False
        async with at_work(storage=storage, model=model, tools=[slow]) as engine:
            done = await engine.wait(begun.id)
        assert "completed" == done.status
        return int(done.usage["total_tokens"])


async def test_what_an_answer_took_that_broke_off_is_known_after_a_kill():
    """R1: it was asked again inside of the loop; what the first one took is written with what comes after it."""
    assert 500 < await taken(killed=False) == await taken(killed=True)


async def test_what_an_answer_took_is_written_at_once():
    """R1: nothing has to come after the answer that broke off for its price to be known to others."""
    hangs = ModelTurn(says="x", after=30)
    async with at_work(agent(), model=Telling(attrs.evolve(TORN, calls=(("none", {"a": "b" * 99}),)), hangs)) as engine:
        begun = await engine.start("helper", {"q": "?"})
        async with asyncio.timeout(5):
            while not (found := await engine.store.written(begun.id)).before:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
    assert 500 == found.before["usage"]["total_tokens"]
