"""FunctionManager: everything that can be asked of functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Self

from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import FunctionNotFound, StorageClosed
from circuit_breaker.executors.execution import LogLine
from circuit_breaker.executors.secrets import SecretSource
from circuit_breaker.functions import deploying, hooks, linking, listing
from circuit_breaker.functions.chains import FunctionChain
from circuit_breaker.functions.config import FunctionConfig
from circuit_breaker.functions.container import ContainerConfig, ContainerResult
from circuit_breaker.functions.definition import CONTAINER, FunctionDefinition
from circuit_breaker.functions.execution import ChainResult, FunctionResult
from circuit_breaker.functions.executors import Executors
from circuit_breaker.functions.hooks import ResourceStateEvent
from circuit_breaker.functions.office import Office
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.status import ExecutionStatus
from circuit_breaker.functions.triggers import PREFIX
from circuit_breaker.functions.trying import TriggerVerdict, entries_of, verdicts
from circuit_breaker.rules import Rulebook
from circuit_breaker.workflow.events import Event

__all__ = ["FunctionManager"]

GLANCE = 0.02
"""Seconds between two looks at whether anything is left to do."""

CALM = 3
"""After how many looks at nothing it is taken for nothing."""


class FunctionManager:
    """Registers functions, runs them, and acts on their triggers; an async context manager inside of its engine's.

    Args:
        engine: Keeps the executions, each of which is a case; it must be open.
        executor: Runs functions that have a container; the one for Docker when left out.
        executors: Further executor classes that functions may name, beside those of the engine.
        secrets: Where secrets come from, as executors take them.
        rules: Rules that conditions may name: whatever a Rulebook takes.
        config: What the operator decides.
        active: Whether it acts on triggers and times, and takes up executions that nobody carries out.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        executor: Any = None,
        executors: Mapping[str, Any] | None = None,
        secrets: SecretSource | None = None,
        rules: Any = None,
        config: FunctionConfig | None = None,
        active: bool = True,
    ) -> None:
        self._engine = engine
        self._config = config or FunctionConfig()
        settings = {**self._config.executor_configs, CONTAINER: self._config.docker_config}
        self._executors = Executors(executor, executors or {}, engine.executors, settings=settings, secrets=secrets)
        self._registry = Registry(engine.storage, Rulebook.of(*([rules] if rules is not None else [])))
        self._active = active
        self._exit = AsyncExitStack()
        self._office: Office | None = None

    async def __aenter__(self) -> Self:
        settings = self._config.execution_config
        office = Office.open(self._engine, self._registry, self._executors, settings, active=self._active)
        self._office = await self._exit.enter_async_context(office)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._office = None
        await self._exit.aclose()

    def _open(self) -> Office:
        if self._office is None:
            raise StorageClosed("the functions are not open", remedy="use `async with FunctionManager(engine)`")
        return self._office

    # -- functions ----------------------------------------------------------------------------------------------------

    async def create_function(self, definition: FunctionDefinition) -> str:
        """The id of the function, which is registered now; what it was before stays for its executions.

        Triggers see what happens from now on. Nothing is done where the same definition is the current one already.

        Raises:
            FunctionInvalid: It is not valid; every fault is named, and nothing is registered.
        """
        return await self._open().register(definition, role="function")

    async def get_function(self, function: str, *, version: str | None = None) -> FunctionDefinition:
        """The function of that id, as it is now or in a version.

        Raises:
            FunctionNotFound: There is none.
        """
        await self._registry.refresh()
        if version is None:
            return self._registry.get(function)
        for found in await self._registry.versions(function):
            if found.version == version:
                return found
        raise FunctionNotFound(f"function '{function}' has no version '{version}'", remedy="see versions()")

    async def functions(self) -> list[FunctionDefinition]:
        """Every function that can be read here, ordered by id; deployed containers apart."""
        await self._registry.refresh()
        found = await self._registry.ids("function")
        return [self._registry.current[each] for each in found if each in self._registry.current]

    async def versions(self, function: str) -> list[str]:
        """The versions of a function, the first one first.

        Raises:
            FunctionNotFound: There is none of that id.
        """
        await self.get_function(function)
        return [found.version for found in await self._registry.versions(function)]

    # -- executions ---------------------------------------------------------------------------------------------------

    async def start(self, function: str, input: Any = None, *, id: str | None = None) -> str:  # noqa: A002 - words of the fields
        """The id of a new execution, which runs in the background.

        Args:
            function: The function.
            input: What it is given; JSON.
            id: Unique in the storage; made from the time unless given.

        Raises:
            FunctionNotFound: There is no such function.
            ParameterInvalid: The input does not fit its schema; every fault is named, and nothing has begun.
            CaseExists: There is an execution of that id.
        """
        executions = self._open().executions
        return await executions.start(await self.get_function(function), input, execution=id)

    async def execute_function(self, function: str, input: Any = None, *, id: str | None = None) -> FunctionResult:  # noqa: A002 - the word of the parameter
        """What comes of a new execution, when it has ended; a failure is a result too. See :meth:`start`.

        Whoever stops waiting does not stop the execution; :meth:`cancel` does.
        """
        executions = self._open().executions
        return await executions.run(await self.get_function(function), input, execution=id)

    async def execute_batch(
        self, function: str, inputs: Iterable[Any], *, concurrency: int = 8
    ) -> list[FunctionResult | Exception]:
        """What comes of each input, in order: a result, or the error because of which it could not begin.

        Args:
            function: The function.
            inputs: What it is given, once for each.
            concurrency: How many run at a time.

        Raises:
            FunctionNotFound: There is no such function.
        """
        definition = await self.get_function(function)
        return await self._open().executions.batch(definition, inputs, concurrency=concurrency)

    async def wait(self, execution: str) -> FunctionResult:
        """What comes of an execution, when it has ended, or when nobody knows whether it has (``in_doubt``).

        Raises:
            ExecutionNotFound: There is none of that id.
        """
        return await self._open().executions.wait(execution)

    async def result(self, execution: str) -> FunctionResult:
        """What came of an execution, or how it stands.

        Raises:
            ExecutionNotFound: There is none of that id.
        """
        return await self._open().executions.result(execution)

    async def logs(self, execution: str) -> tuple[LogLine, ...]:
        """The end of what an execution has written, also while it runs here.

        Raises:
            ExecutionNotFound: There is none of that id.
        """
        return (await self.result(execution)).logs

    async def executions(
        self,
        function: str | None = None,
        *,
        status: ExecutionStatus | str | Sequence[ExecutionStatus | str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[FunctionResult]:
        """Executions that fit, without their logs, ordered by id, which is the order of time; a page at a time.

        Args:
            function: Only of this function.
            status: Only with this status, or one of several.
            since: Only those that were asked for at that moment or later.
            until: Only those that were asked for before that moment.
            after: Only ids above this one: the last id of the page before.
            limit: How many at most.

        Raises:
            FunctionNotFound: There is no such function.
        """
        await self._registry.refresh()
        names = list(self._registry.current) if function is None else [self._registry.get(function).id]
        asked = listing.Asked.of(status, since=since, until=until)
        return await listing.page(self._engine, [f"{PREFIX}{name}" for name in names], asked, after=after, limit=limit)

    async def cancel(self, execution: str, *, reason: str = "", by: str = "") -> FunctionResult:
        """What came of an execution that is cancelled: its work is stopped.

        Raises:
            ExecutionNotFound: There is none of that id.
            CaseClosed: It has ended already.
        """
        return await self._open().executions.cancel(execution, reason=reason, by=by)

    async def work(self, *, until_idle: bool = False) -> None:
        """Lets functions run because of events and times, for ever.

        That goes on for as long as the manager is open; this only waits.

        Args:
            until_idle: Return when nothing is left to do; scheduled times that are to come are not waited for.
        """
        duty = self._open().duty
        calm = 0
        while not until_idle or calm < CALM:
            await asyncio.sleep(GLANCE)
            calm = calm + 1 if duty.idle else 0

    # -- chains and containers ----------------------------------------------------------------------------------------

    async def chain_functions(self, chain: Iterable[FunctionChain], input: Any = None) -> ChainResult:  # noqa: A002 - the word of the parameter
        """What comes of running the links one after the other, the output of one being the input of the next.

        The condition of a link is judged on what came before it; the first one has nothing before it, and only the
        condition ``Custom`` can keep it from running. A link whose condition does not hold is skipped.

        Args:
            chain: The links.
            input: What the first one maps its input from.

        Raises:
            FunctionNotFound: There is no such function; nothing has run.
            ParameterInvalid: What a link is given does not fit the schema of its function.
        """
        links = [(link, await self.get_function(link.target_function)) for link in chain]
        return await linking.run(self._open().executions, self._registry, links, input)

    async def deploy_container(self, config: ContainerConfig) -> str:
        """The id under which a container can be run; the same for the same container.

        Raises:
            FunctionInvalid: It is not valid; every fault is named.
        """
        return await self._open().register(deploying.definition_of(config), role="container")

    async def execute_container(self, container: str, input: Any = None) -> ContainerResult:  # noqa: A002 - the word of the parameter
        """What comes of running a deployed container once.

        Raises:
            FunctionNotFound: There is no such container.
        """
        return await deploying.run(self._open().executions, await self.get_function(container), input)

    # -- events -------------------------------------------------------------------------------------------------------

    def on_workflow_event(self, event_type: type[Event] | str, handler: Callable[[Any], Any]) -> None:
        """Calls the handler (plain or async) with every event of a kind that happens here, until the engine closes.

        Raises:
            FunctionInvalid: There is no such event.
        """
        hooks.on_workflow_event(self._engine, event_type, handler)

    def on_resource_state(self, state: str, handler: Callable[[ResourceStateEvent], Any]) -> None:
        """Calls the handler (plain or async) whenever a token enters a state here, until the engine closes."""
        hooks.on_resource_state(self._engine, state, handler)

    async def test_trigger(
        self, case: str, *, event: int | None = None, function: str | None = None
    ) -> list[TriggerVerdict]:
        """What the triggers of every function make of a case: whether it runs, with what, and if not, why.

        Nothing runs. Of all events those are told that make the function run; where none does, those that only the
        condition refused.

        Args:
            case: The id of a case.
            event: The number of one of its events; all of them when left out.
            function: Only this function.

        Raises:
            CaseNotFound: There is no such case or event.
            FunctionNotFound: There is no such function.
        """
        chosen = await self.functions() if function is None else [await self.get_function(function)]
        entries = await entries_of(self._engine.storage, case, event)
        reasons, most = self._open().reasons, self._config.execution_config.generations
        return [answer for each in chosen for answer in await verdicts(reasons, each, entries, generations=most)]
