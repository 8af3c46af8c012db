"""Agency: the agents that a command works with, where they come from, and who answers for them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import attrs
import click

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.conversations import Conversations
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.documents import load_agents
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.following import AgentEvents
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.agents.roster import Roster
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.cli.answering import Answering
from circuit_breaker.cli.logs import logs_to
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.providers import SCRIPTED
from circuit_breaker.cli.references import DOCUMENTS
from circuit_breaker.cli.session import Session
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import Journal, SystemClock
from circuit_breaker.errors import AgentError, AgentNotFound, CaseNotFound, DocumentInvalid, WorkflowNotFound
from circuit_breaker.executors.models.settings import KEYS
from circuit_breaker.lazy import deferred

__all__ = ["Agency", "Archive", "definitions_in", "is_document"]

_executors = deferred("circuit_breaker.agents.bridge.executor", "agent_executors")
_serve_cases = deferred("circuit_breaker.agents.bridge.case_client", "serve_cases")
MOST_AT_ONCE: Final = "MAX_CONCURRENT_EXECUTIONS"
"""The variable of the environment that says how many executions run at the same time (ZA12)."""


@attrs.frozen
class Archive:
    """What is kept of agents, for looking at.

    Attributes:
        store: Definitions and executions.
        events: The events of executions.
        conversations: Conversations.
    """

    store: AgentStore
    events: AgentEvents
    conversations: Conversations


@attrs.frozen
class Agency:
    """The agents of a command.

    Attributes:
        session: What it works with.
        sources: Files and folders that agents come from, beside the journal.
        provider: Who answers, in place of whom an agent names, or None.
        model: The model, in place of what an agent names, or None.
        silent: Whether nobody is to be asked anything, so that it does not matter who would answer.
        answering: Who answers.
    """

    session: Session
    sources: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    silent: bool = False
    answering: Answering = attrs.field(init=False)

    @answering.default
    def _answering(self) -> Answering:
        session = self.session
        return Answering(self.output, session.onward, session.staff, self.provider, self.model, self.silent)

    @property
    def output(self) -> Output:
        """Where the command writes."""
        return self.session.output

    @asynccontextmanager
    async def archive(self) -> AsyncIterator[Archive]:
        """What is kept, without anybody at work.

        Raises:
            StorageError: There is no such journal, or it cannot be opened.
        """
        with logs_to(self.output):
            async with self.session.journal() as journal:
                store = AgentStore(journal)
                events = AgentEvents(journal, store, Roster(), AgentEngineConfig().poll)
                conceal = Guardrails().concealed
                yield Archive(store, events, Conversations.over(journal, store, SystemClock(), conceal=conceal))

    @asynccontextmanager
    async def engine(self, *, existing: bool = True, recover: bool = False) -> AsyncIterator[AgentEngine]:
        """The agents at work.

        Args:
            existing: The journal must be there already.
            recover: What other processes left behind is taken up.

        Raises:
            StorageError: The journal cannot be opened.
            DefinitionError: An agent that comes from a file is wrong.
        """
        journal = self._journal(existing=existing)
        with logs_to(self.output):
            async with journal, self.answering.settings() as settings:
                agents = AgentEngine(journal, settings=settings, config=_config(recover=recover))
                _serve_cases(agents)  # first: what is left behind for a case that has ended is not taken up
                async with agents:
                    await self._register(agents)
                    yield agents

    @asynccontextmanager
    async def desk(self, case: str = "") -> AsyncIterator[tuple[Engine, AgentEngine]]:
        """The agents at work, and the engine of the workflows that they have or move.

        Args:
            case: The case that it will be about, if there is one already: its definition is known then.

        Raises:
            CircuitBreakerError: As :meth:`engine`.
        """
        journal = self._journal(existing=True)
        with logs_to(self.output):
            async with self.answering.settings() as settings:
                agents = AgentEngine(journal, settings=settings, config=_config(recover=False))
                executors = _executors(agents, self.session.registry.executors)
                async with Engine(*self.session.workflows, storage=journal, executors=executors) as engine, agents:
                    await self._register(agents)
                    with suppress(CaseNotFound, WorkflowNotFound):  # it is for whoever moves it to say so
                        if case:
                            await self.session.case(engine, case)
                    yield engine, agents

    def _journal(self, *, existing: bool) -> Journal:
        brought = bool(self.sources or (self.session.staff is not None and self.session.staff.agents))
        return self.session.journal(existing=existing and not brought)

    async def check(self, agents: AgentEngine, execution_id: str) -> None:
        """Nothing, when an execution that another process has begun can go on with what there is here.

        Raises:
            AgentInvalid: A tool of its agent is not there.
            AgentError: It was begun with a model, and only a script would answer here.
        """
        execution = await agents.execution(execution_id)
        if execution.ended:
            return
        agents.check(await agents.definition(execution.agent_id, execution.agent_version))
        if self.answering.scripted and execution.overrides.get("llm_provider") != SCRIPTED:
            raise AgentError(
                f"nobody here answers for the model of execution '{execution_id}': the environment has no key",
                remedy=f"set {', '.join(KEYS.values())} or OLLAMA_BASE_URL as where it was begun",
            )

    async def _register(self, agents: AgentEngine) -> None:
        """Registers what comes from files and modules, where it is not the same already."""
        staff = self.session.staff
        for definition in (*(staff.agents if staff is not None else ()), *definitions_in(self.sources)):
            await agents.ensure(definition)


def _config(*, recover: bool) -> AgentEngineConfig:
    said = os.environ.get(MOST_AT_ONCE, "")
    if not said:
        return AgentEngineConfig(recover=recover)
    if not said.isascii() or not said.isdigit() or int(said) < 1:
        raise click.UsageError(f"{MOST_AT_ONCE}={said!r:.40} is no whole number from 1")
    return AgentEngineConfig(recover=recover, max_concurrent_executions=int(said))


def is_document(name: str) -> bool:
    """Whether the name is that of a file that may hold agents."""
    return name.lower().endswith(DOCUMENTS)


def definitions_in(sources: Iterable[str]) -> list[AgentDefinition]:
    """The agents of files, and of all YAML and JSON files in folders, in order.

    Raises:
        AgentNotFound: A file cannot be read.
        DocumentInvalid: It is none of agents; every fault is named.
    """
    found: dict[str, AgentDefinition] = {}
    for path in (file for source in sources for file in _files(Path(source))):
        for definition in load_agents(_content(path), name=str(path)):
            if found.setdefault(definition.id, definition).version != definition.version:
                raise DocumentInvalid(f"'{path}' has an agent '{definition.id}', and so has another file")
    return list(found.values())


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and is_document(file.name))


def _content(path: Path) -> str:
    if path.suffix == ".py":
        raise DocumentInvalid(
            f"'{path}' is a module, and no file of agents",
            remedy=f"the agents of its staff come with `--import {path}`",
        )
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise AgentNotFound(f"'{path}' cannot be read: {error.strerror}", remedy="name a YAML or JSON file") from error
    except UnicodeDecodeError as error:
        raise DocumentInvalid(f"'{path}' is no text in UTF-8: {error.reason} at byte {error.start}") from error
