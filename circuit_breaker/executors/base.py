"""The base of all executors: declared parameters, hooks around the work, and one way to run it."""

from __future__ import annotations

import asyncio
import inspect
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Self

from circuit_breaker.engine.invocation import inline, is_async, threaded
from circuit_breaker.errors import ActionError, Fault, ParameterInvalid
from circuit_breaker.executors.body import Attribute, Body
from circuit_breaker.executors.config import ExecutorConfig
from circuit_breaker.executors.declarations import Declaration
from circuit_breaker.executors.execution import ExecutionContext, LogLine, StandaloneContext
from circuit_breaker.executors.gathering import gathered, inherited_parameters
from circuit_breaker.executors.outcome import normalised
from circuit_breaker.executors.settings import Settings, changed

__all__ = ["BaseExecutor", "ExecutionContext", "StandaloneContext"]


class BaseExecutor(ABC):
    """An action that declares what it takes.

    A subclass declares its parameters with :func:`~circuit_breaker.executors.parameter` or as typed attributes, and
    defines ``execute_internal(self, context)``, plain or async. A plain one runs in a worker thread. Each parameter is
    also an attribute of the instances. Class variables, and names that begin with an underscore, are no parameters.

    Class arguments:
        abstract: A base for other executors, without ``execute_internal``.
        extensible: Parameters that are not declared are accepted too.

    Raises:
        ExecutorInvalid: The class is wrong; every fault is named. It is raised where the class is made.
    """

    executor_config: ClassVar[ExecutorConfig] = ExecutorConfig()
    """What the class declares, its bases included."""

    settings: ClassVar[Settings] = Settings()
    """What its operator decides, and no definition: where secrets come from, what may be mounted or called."""

    _abstract: ClassVar[bool] = True
    _extensible: ClassVar[bool] = False
    _body: ClassVar[Body] = Body()
    _declarations: ClassVar[tuple[Declaration, ...]] = ()
    _awaited: ClassVar[bool] = False

    def __init_subclass__(cls, *, abstract: bool = False, extensible: bool | None = None, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls._abstract = abstract
        if extensible is not None:
            cls._extensible = extensible
        cls._body = Body.of(cls, inherited_parameters(cls))
        cls._declarations = vars(cls).get("_declarations", ())
        cls._gather()

    @classmethod
    def declare(cls, declaration: Declaration) -> None:
        """Adds a parameter in front of those declared so far; this is what ``@parameter`` calls.

        Raises:
            ExecutorInvalid: The class is wrong with it.
        """
        cls._declarations = (declaration, *vars(cls).get("_declarations", ()))
        cls._gather()

    @classmethod
    def _gather(cls) -> None:
        config = gathered(cls, cls._body, cls._declarations, abstract=cls._abstract)
        for name, parameter in config.parameters.items():
            if parameter.exposed and not isinstance(inspect.getattr_static(cls, name, None), Attribute):
                setattr(cls, name, Attribute(name))
        cls._awaited = is_async(inspect.getattr_static(cls, "execute_internal"))
        cls.executor_config = config

    @classmethod
    def under(cls, settings: Settings | None = None, /, **changes: Any) -> type[Self]:
        """The same executor under other settings, such as ``DockerExecutor.under(mounts=["/srv/data"])``.

        Args:
            settings: The settings; those of this class when left out.
            **changes: What differs from them.

        Raises:
            ExecutorInvalid: A setting is unknown or wrong; every fault is named.
        """
        decided = changed(cls.__name__, cls.settings if settings is None else settings, changes)
        body = {"__doc__": cls.__doc__, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        arguments = {"abstract": cls._abstract}
        return types.new_class(cls.__name__, (cls,), arguments, lambda scope: scope.update(body, settings=decided))

    def __init__(self, /, **parameters: Any) -> None:
        self._given = parameters
        self._values = self.executor_config.prepared(parameters)
        self._execution: ExecutionContext | None = None
        self._bound = False
        self._running = False
        self._result: dict[str, Any] | None = None

    @abstractmethod
    def execute_internal(self, context: dict[str, Any]) -> Any:
        """The work itself, plain or async.

        Args:
            context: The parameters by name, checked, as the validations and preparations left them.

        Returns:
            A mapping of JSON values, or None. ``"status"`` is ``"completed"`` unless it says otherwise.
        """

    async def fingerprint(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """What the outcome follows from, as JSON, for :func:`circuit_breaker.executors.cached`: the parameters.

        An executor whose outcome follows from more than them, such as the digest of an image, adds that.
        """
        return dict(context)

    @classmethod
    def define(cls, *configure: Callable[[Self], object], **parameters: Any) -> Self:
        """A new instance with these parameters, handed to each ``configure`` in turn; begins a chain of calls."""
        executor = cls(**parameters)
        for step in configure:
            step(executor)
        return executor

    def update_context(self, **parameters: Any) -> Self:
        """This instance, with more or other parameters.

        Raises:
            ActionError: It is running.
        """
        self._refuse_while_running()
        self._given = {**self._given, **parameters}
        self._values = self.executor_config.prepared(self._given)
        return self

    def bind(self, context: ExecutionContext) -> Self:
        """This instance, as a part of an execution that others keep track of."""
        self._refuse_while_running()
        self._execution = context
        self._bound = True
        return self

    @property
    def execution(self) -> ExecutionContext:
        """What this execution belongs to, and where its progress and logs go; of its own unless one is bound."""
        if self._execution is None:
            self._execution = StandaloneContext()
        return self._execution

    @property
    def logs(self) -> tuple[LogLine, ...]:
        """The lines of the last execution, unless a context is bound that took them."""
        return tuple(self._execution.logs) if isinstance(self._execution, StandaloneContext) else ()

    @property
    def result(self) -> dict[str, Any] | None:
        """The outcome of the last execution, or None."""
        return self._result

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """The parameters as a JSON Schema (2020-12); secret ones are ``writeOnly`` and show no default."""
        return cls.executor_config.document(cls.__name__, inspect.cleandoc(cls.__doc__ or ""))

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Any], *, references: tuple[type, ...] = ()) -> Iterable[Fault]:
        """What is wrong with parameters before there is an instance; validations are not run.

        Args:
            parameters: By name.
            references: Types of values that stand for others, which are not known yet and so are not checked.
        """
        return cls.executor_config.faults(parameters, references)

    def check(self) -> None:
        """Checks the parameters and runs the validations, as :meth:`execute` does first.

        Raises:
            ParameterInvalid: Something is wrong; every fault is named. Validations run only when all types are right.
        """
        self._refuse_while_running()
        self._values = self._checked()

    def _checked(self) -> dict[str, Any]:
        config = self.executor_config
        values, faults = config.read(self._given)
        self._values = values
        if config.validate and not faults:
            faults = self._validated(values)
        if faults:
            raise ParameterInvalid(f"The parameters of {type(self).__name__} are wrong", faults=faults)
        return self._values

    def _validated(self, values: dict[str, Any]) -> list[Fault]:
        """Runs the validations, and checks again what they have filled in."""
        config = self.executor_config
        faults = [fault for name in config.validate for fault in self._objections(name, values)]
        if faults:
            return faults
        known = {name: value for name, value in values.items() if name in config.parameters}
        read, faults = config.read(known)
        values.update(read)
        return faults

    def _objections(self, name: str, values: dict[str, Any]) -> Iterable[Fault]:
        try:
            getattr(self, name)(values)
        except ParameterInvalid as error:
            return error.faults or (Fault(f"validation '{name}'", error.message, error.remedy),)
        except ValueError as error:
            return (Fault(f"validation '{name}'", str(error) or "failed"),)
        return ()

    async def execute(self) -> dict[str, Any]:
        """Checks the parameters, runs the preparations, the work and what follows it, and gives the outcome.

        Returns:
            A dict of JSON values with at least ``"status"``; also kept as :attr:`result`.

        Raises:
            ParameterInvalid: A parameter is missing, unknown or wrong. Nothing has run.
            OutcomeInvalid: The work returned something else than a mapping of JSON values.
            ActionError: It is running already.
        """
        self._refuse_while_running()
        self._running = True
        self._result = None
        if not self._bound:
            self._execution = None
        try:
            self._values = self._checked()
            return await (self._cleaned() if self.executor_config.finally_execute else self._performed())
        finally:
            self._running = False

    async def _cleaned(self) -> dict[str, Any]:
        """The outcome, after the clean-up, which runs whatever happens."""
        async with AsyncExitStack() as stack:
            for name in reversed(self.executor_config.finally_execute):
                stack.push_async_callback(inline, getattr(self, name), self._values)
            outcome = await self._performed()
        return outcome  # noqa: RET504 - an exit stack might swallow the error, as far as types can tell

    async def _performed(self) -> dict[str, Any]:
        config, values = self.executor_config, self._values
        for name in config.before_execute:
            await inline(getattr(self, name), values)
        work = self.execute_internal
        source = type(self).__name__
        outcome = normalised(await (work(values) if self._awaited else threaded(work, values)), source=source)
        self._result = outcome
        if config.after_execute:
            for name in config.after_execute:
                await inline(getattr(self, name), outcome)
            self._result = outcome = normalised(outcome, source=source)
        return outcome

    def execute_sync(self) -> dict[str, Any]:
        """The outcome of :meth:`execute`, for scripts without an event loop.

        Raises:
            ActionError: There is an event loop running in this thread.
        """
        if _loop_is_running():
            name = type(self).__name__
            raise ActionError(
                f"{name}.execute_sync() was called in a running event loop", remedy="await execute() there"
            )
        return asyncio.run(self.execute())

    def _refuse_while_running(self) -> None:
        if self._running:
            name = type(self).__name__
            raise ActionError(f"this {name} is running already", remedy=f"make one {name} for each execution")

    def __repr__(self) -> str:
        parameters = self.executor_config.parameters
        given = [
            f"{name}={parameters[name].displayed(value) if name in parameters else '***'}"
            for name, value in self._given.items()
        ]
        return f"{type(self).__name__}({', '.join(given)})"


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
