"""Agents, tools and storages for the tests of the engine of agents."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import attrs

from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import decode
from circuit_breaker.errors import StorageFull
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.patience import Retries
from circuit_breaker.llm.tools import tool
from circuit_breaker.storage import connect
from circuit_breaker.testing.models import ScriptedProvider

USER = AgentPrompts(system="You help.", user_template="{q}")


def agent(name: str = "helper", **members) -> AgentDefinition:
    """An agent with the scripted model, which is asked ``q``."""
    given = {"llm_provider": "scripted", "llm_config": {"model": "m"}, "prompts": USER, "inputs": ("q",)}
    return AgentDefinition(id=name, **given | members)


def call(name: str, number: int = 1, **arguments) -> ToolCall:
    """A call of a tool as a model makes it."""
    return ToolCall(id=f"{name}-{number}", name=name, arguments=json.dumps(arguments))


@attrs.define
class Ledger:
    """A tool with an effect, which counts how often it was called with each text."""

    entries: list[str] = attrs.field(factory=list)

    @property
    def tool(self):
        @tool
        def enter(text: str) -> str:
            """Enters a text."""
            self.entries.append(text)
            return f"entered {text}"

        return enter


@asynccontextmanager
async def at_work(*definitions, storage=None, model=None, **members):
    """An engine of agents with a storage in memory, where these agents are registered."""
    if storage is None:
        async with (
            connect("memory://") as fresh,
            at_work(*definitions, storage=fresh, model=model, **members) as engine,
        ):
            yield engine
        return
    settings = ModelSettings(
        providers=() if model is None else [model], tools=members.pop("tools", ()), retries=Retries(pause=0.0)
    )
    async with AgentEngine(storage, settings=settings, **members) as engine:
        for definition in definitions:
            await engine.register(definition)
        yield engine


async def rest(engine, execution_id: str) -> None:
    """Returns when this process does nothing for the execution any more."""
    if (post := engine.office.roster.get(execution_id)) is not None:
        await post.tail.over()


async def events_of(engine, execution_id: str):
    """The events of an execution as they are kept."""
    return [decode(document) for document in await engine.events.read(execution_id)]


async def live(engine, execution_id: str, after: int = 0) -> list[bytes]:
    """What a follower gets until the end."""
    async with engine.events.subscribe_raw(execution_id, after=after) as following:
        return [document async for document in following]


def told(events) -> list[str]:
    """The kinds of events, with the status of those that have one."""
    return [getattr(event, "status", "") or type(event).__name__ for event in events]


def content_of(events) -> str:
    """What the pieces of the last iteration come to that count."""
    counted: dict[int, list] = {}
    for event in events:
        void = getattr(event, "void_after", None)
        if void is not None:
            counted = {number: [one for one in all_ if one.sequence <= void] for number, all_ in counted.items()}
        if type(event).__name__ == "ContentChunk":
            counted.setdefault(event.iteration, []).append(event)
    kept = {number: all_ for number, all_ in counted.items() if all_}
    return "".join(one.content for one in kept[max(kept)]) if kept else ""


class Wrapped:
    """Another storage, of which whoever derives from this changes how streams are written."""

    def __init__(self, storage) -> None:
        self._storage = storage
        self.streams = self

    def __getattr__(self, name):
        return getattr(self._storage, name)

    async def append(self, stream, documents, *, after, put=()):
        await self._storage.streams.append(stream, documents, after=after, put=put)

    async def read(self, stream, *, after=0, limit=None):
        return await self._storage.streams.read(stream, after=after, limit=limit)

    async def length(self, stream):
        return await self._storage.streams.length(stream)

    async def drop(self, stream):
        return await self._storage.streams.drop(stream)


class Breaking(Wrapped):
    """A storage whose writes fail from the n-th on, as if the process had been killed before or after it."""

    def __init__(self, storage, at: int, *, after: bool) -> None:
        super().__init__(storage)
        self._at, self._after = at, after
        self.writes = 0

    async def append(self, *which, **what):
        self.writes += 1
        if self.writes < self._at or (self.writes == self._at and self._after):
            await super().append(*which, **what)
        if self.writes >= self._at:
            raise StorageFull("no write comes through any more")


def script(*turns, **members) -> ScriptedProvider:
    """A model with a script."""
    return ScriptedProvider(*turns, **members)


class Dialogue:
    """A script by what was said so far, so that a call that is made again gets the same answer.

    The turn after n answers is the n-th; of a list, one more of it each time that it is asked for, and then its last.
    """

    def __init__(self, *turns) -> None:
        self.turns = turns
        self.asked: list[int] = []

    def __call__(self, request):
        said = sum(message.role == "assistant" for message in request.messages)
        turn, times = self.turns[said], self.asked.count(said)
        self.asked.append(said)
        return turn[min(times, len(turn) - 1)] if isinstance(turn, list) else turn
