"""Watching an execution: what goes wrong meanwhile is told as what it is."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.agent_watch import Watch
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session
from circuit_breaker.errors import StorageFull

BEGUN = AgentExecution(id="e", agent_id="a", agent_version="1", created_at=datetime.now(UTC))


@attrs.define
class Broken:
    """An engine of agents of which the storage fails: what happens cannot be followed, or not be waited for."""

    following: bool

    @property
    def events(self):
        return self

    async def read(self, execution_id, *, after):
        return []

    @asynccontextmanager
    async def subscribe_raw(self, execution_id, *, after):
        yield self.documents()

    async def documents(self):
        if self.following:
            raise StorageFull("there is no room")
        yield b"{}"

    async def wait(self, execution_id):
        raise StorageFull("there is no room")


@pytest.mark.parametrize("following", [True, False])
def test_a_storage_that_fails_is_told_as_such(following):
    """What fails while an execution is watched is the error itself, so that its exit code and its words come."""

    @asynccontextmanager
    async def turn():
        yield Broken(following), BEGUN

    with pytest.raises(StorageFull, match="there is no room"):
        Watch(Agency(Session(Output(json=True), Onward("memory://")))).through(turn)
