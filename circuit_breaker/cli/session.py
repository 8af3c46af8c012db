"""Session: what a command works with: an engine on the journal that was named, and the definitions that it needs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, redirect_stdout
from functools import partial, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs
import click

from circuit_breaker.cli.definitions import Registry, find_workflow, modules_of
from circuit_breaker.cli.doubts import strangers
from circuit_breaker.cli.hiring import Hiring, machine_of, whole
from circuit_breaker.cli.logs import logs_to
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.output import Output, gist
from circuit_breaker.cli.staffing import asks_agents, is_alone, staff_of, staffed
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import Journal
from circuit_breaker.errors import AgentError, CircuitBreakerError, StorageError, WorkflowNotFound
from circuit_breaker.storage import connect
from circuit_breaker.storage.address import Address
from circuit_breaker.workflow.agent_step import ASKING
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.places import PlaceAgents
    from circuit_breaker.agents.bridge.staff import Staff
    from circuit_breaker.agents.execution import AgentExecution

__all__ = ["Session", "with_session"]

INCLUDED = ("circuit_breaker.cli.demo.review:document_review",)
"""Definitions that come with the package; a case of one of these needs no ``--workflow``."""


@attrs.frozen
class Session:
    """What a command works with.

    Attributes:
        output: Where it writes.
        onward: What was named, as it was typed.
        workflows: The definitions that were named.
        registry: What definitions from documents can name.
        staff: The agents of the modules that were named, or None.
    """

    output: Output
    onward: Onward
    workflows: tuple[Workflow, ...] = ()
    registry: Registry = attrs.field(factory=Registry)
    staff: Staff | None = None
    _places: list[PlaceAgents] = attrs.field(factory=list, init=False, repr=False)
    _hiring: Hiring = attrs.field(init=False, repr=False, eq=False)

    @_hiring.default
    def _new_hiring(self) -> Hiring:
        return Hiring(self.output, self.onward, self.staff)

    @classmethod
    def of(cls, output: Output, onward: Onward) -> Session:
        """A session over the journal, the definitions and the modules of these names.

        Raises:
            CircuitBreakerError: One of them cannot be found, or is wrong.
        """
        registry = Registry.of(onward.modules)
        workflows = tuple(find_workflow(name, registry) for name in onward.workflows)
        return cls(output, onward, workflows, registry, staff_of(modules_of(onward.modules, onward.workflows)))

    @asynccontextmanager
    async def engine(self, *, existing: bool = True, working: bool = False) -> AsyncIterator[Engine]:
        """An open engine.

        Args:
            existing: The journal must be there already; a mistyped name then makes no empty one.
            working: Agents are at work, if there are any.

        Raises:
            StorageError: The journal cannot be opened.
        """
        journal = self.journal(existing=existing)
        executors = self.registry.executors
        with logs_to(self.output):
            if not working or (self.staff is None and not asks_agents(self.workflows)):
                async with self._opening(journal, executors) as engine, self._hiring:
                    yield engine
                return
            if is_alone(self.staff):
                self.output.note("the environment has no key of a provider: only Ollama on this machine can answer")
            opening = partial(self._opening, journal)
            async with staffed(self.staff, journal, executors, opening) as (engine, places):
                self._places.append(places)
                try:
                    yield engine
                finally:
                    self._places.remove(places)

    def _opening(self, journal: Journal, executors: Mapping[Any, Any]) -> Engine:
        return Engine(*self.workflows, storage=journal, executors=executors)

    async def busy(self) -> bool:
        """Whether agents that keep places had something to do, which they have done now."""
        return any([await places.settle() for places in self._places])

    async def settled(self, engine: Engine, case: Case) -> Case:
        """The case when its agents have done what they can do now."""
        for places in self._places:
            await places.settle()
        return await engine.get(case) if self._places else case

    async def undecided(self, case: Case) -> list[AgentExecution]:
        """What agents wait for a person with, of those at work here for the case."""
        return [execution for places in self._places for execution in await places.undecided(case.id)]

    def journal(self, *, existing: bool = True) -> Journal:
        """The journal, not open yet.

        Args:
            existing: It must be there already.

        Raises:
            StorageError: It is not there.
        """
        if existing:
            self._there()
        return connect(self.onward.storage)

    def _there(self) -> None:
        address = Address.parse(self.onward.storage)
        if address.scheme == "sqlite" and not address.file.exists():
            raise StorageError(
                f"there is no journal '{address.file}'", remedy="name another with --storage, or start a case first"
            )

    async def case(self, engine: Engine, case_id: str, *, acting: bool = False) -> Case:
        """The case of that id, its definition known to the engine.

        Args:
            engine: It is open.
            case_id: Which case.
            acting: Its transitions may fire.

        Raises:
            CaseNotFound: There is none.
            WorkflowNotFound: Its definition was not named, and cannot be read from the journal, or not carried out.
        """
        case = await engine.get(case_id)
        await self.know(engine, case.definition, name=case.workflow, acting=acting)
        return await engine.get(case_id)

    async def know(
        self, engine: Engine, version: str, *, name: str, acting: bool = False, scripted: bool = True
    ) -> Workflow:
        """The definition of that version, which the engine knows from now on.

        Args:
            engine: It is open.
            version: Which version.
            name: What to call it in a message.
            acting: Its transitions may fire.
            scripted: A script may answer for agents that it is made of, where nobody else does.

        Raises:
            WorkflowNotFound: It was not named, and cannot be read from the journal; or its transitions may fire, and
                execute what nobody here knows.
        """
        for workflow in (*self.workflows, *_included()):
            if workflow.version == version:
                await self._add(engine, workflow)
                return workflow
        kept = await engine.storage.definition(version)
        if kept is None:
            raise self._unknown(name, version, "the journal keeps no definition of it")
        try:
            workflow = self.registry.load(kept.decode(), name=f"the definition of '{name}' in the journal")
        except CircuitBreakerError as error:
            raise self._unknown(name, version, gist(error)) from error
        if workflow.version != version:
            raise self._unknown(name, version, "it uses functions or classes that only its module knows")
        if acting:
            try:
                await self._hiring.hire(engine, workflow, scripted=scripted)
                _check_known(workflow, engine.executors)
            except AgentError as error:
                why, what = error.message, "cannot be carried out"
                raise self._unknown(name, version, why, what=what, remedy=error.remedy) from error
        await self._add(engine, workflow)
        return workflow

    async def onward_from(self, engine: Engine, case: Case) -> Onward:
        """What commands on this case have to name: nothing but the journal, if that keeps all of its definition.

        Where a definition has to be named, and none was, ``WORKFLOW`` stands for it.
        """
        if any(workflow.version == case.definition for workflow in _included()):
            return self.onward.undefined()
        kept = await engine.storage.definition(case.definition)
        if kept is not None and self.staff is None and (workflow := whole(kept, case.definition)) is not None:
            made_of_agents = any(strangers(workflow, Registry().executors))
            modules = self.onward.modules if made_of_agents else ()  # which may have their tools
            return attrs.evolve(self.onward, workflows=(), modules=modules, machine=machine_of(workflow))
        named = self.onward.workflows or self.onward.modules
        return self.onward if named else attrs.evolve(self.onward, workflows=("WORKFLOW",))

    async def _add(self, engine: Engine, workflow: Workflow) -> None:
        """Makes a definition known; those that were named stay the current ones of their names."""
        await engine.add_workflow(workflow)
        for named in self.workflows:
            await engine.add_workflow(named)

    def _unknown(
        self, name: str, version: str, why: str, *, what: str = "is not known", remedy: str = ""
    ) -> WorkflowNotFound:
        known = [f"'{workflow.name}' has version {workflow.version}" for workflow in self.workflows]
        given = f"; of those named {', '.join(known)}" if known else ""
        return WorkflowNotFound(
            f"the definition of workflow '{name}', version {version}, {what}: {why}{given}",
            remedy=remedy or "name it with --workflow module:attribute",
        )

    async def know_all(self, engine: Engine, versions: Iterable[tuple[str, str]]) -> Sequence[WorkflowNotFound]:
        """What cannot be carried out of these definitions, by name and version; the others are known from now on."""
        unknown = []
        for name, version in dict.fromkeys(versions):
            try:
                await self.know(engine, version, name=name, acting=True, scripted=False)
            except WorkflowNotFound as error:
                unknown.append(error)
        return unknown


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """The command with its session as the first argument, made of what its options and its argument say."""

    @wraps(command)
    def called(
        *,
        storage: str = "",
        workflow: str = "",
        workflows: Sequence[str] = (),
        modules: Sequence[str] = (),
        **others: Any,
    ) -> None:
        output = click.get_current_context().ensure_object(Output)
        named = (workflow,) if workflow else tuple(workflows)
        output.onward = Onward(storage, named, tuple(modules))
        output.case = others.get("case") or others.get("case_id") or ""
        with redirect_stdout(sys.stderr) if output.json else nullcontext():  # what an action prints is not JSON
            command(Session.of(output, output.onward), **others)

    return called


def _included() -> Iterable[Workflow]:
    for reference in INCLUDED:
        module, _, attribute = reference.partition(":")
        yield getattr(import_module(module), attribute)


def _check_known(workflow: Workflow, executors: Container[Any]) -> None:
    for transition, executor in strangers(workflow, executors):
        what = "asks an agent" if executor in ASKING else f"executes '{executor}'"
        raise AgentError(f"its transition '{transition}' {what}, which nothing that was named makes known")
