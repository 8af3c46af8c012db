"""Python functions as executors, in a thread or in a process of their own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import attrs
import msgspec

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ActionError, ActionTimeout, CircuitBreakerError, Fault, ParameterInvalid, words_of
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.output import OUTPUT_LIMIT, Output
from circuit_breaker.executors.programs import python_worker
from circuit_breaker.executors.programs.answer import answered, expected
from circuit_breaker.executors.programs.home import home_below
from circuit_breaker.executors.programs.permission import EVERYTHING, ProcessSettings, names
from circuit_breaker.executors.programs.process import PATIENCE, Program, run
from circuit_breaker.executors.programs.resources import ResourceLimits, Resources
from circuit_breaker.executors.schema import shown
from circuit_breaker.executors.secrets import Redaction

__all__ = ["PythonExecutor", "PythonSettings"]

_WORKER: Final = str(Path(python_worker.__file__))
_PLACE: Final = "parameter 'callable'"


@attrs.frozen(kw_only=True)
class PythonSettings(ProcessSettings):
    """What an operator permits Python functions.

    Attributes:
        modules: The modules, with all below them, of which a text may name functions; ``"*"`` for all.
    """

    modules: frozenset[str] = attrs.field(default=frozenset(), converter=names)

    def permits(self, module: str) -> bool:
        """Whether functions of that module may be called."""
        parts = module.split(".")
        return bool(self.modules & {EVERYTHING, *(".".join(parts[:end]) for end in range(1, len(parts) + 1))})


@parameter("callable", type=Any, description="The function: 'module:name', or in Python the function itself")
@parameter("arguments", default={}, description="What it is given, by name")
@parameter("isolation", default="thread", description="Where it runs: a process can be limited, and ended at any time")
@parameter("timeout", default=PATIENCE, minimum=0.001, description="Seconds that it may take; null for no limit")
@parameter("limits", default={}, description="What its process may use, such as bytes of memory")
@parameter("max_output", default=OUTPUT_LIMIT, minimum=1, description="The most bytes of JSON that its process answers")
class PythonExecutor(BaseExecutor):
    """Calls a Python function, plain or async, in a thread or in a process of its own.

    A definition in text may name functions only of the modules that an operator permits, with
    ``PythonExecutor.under(modules=["my_package.reports"])``. In a process, the function gets its arguments as JSON and
    answers JSON; when time is up, the process is ended. A thread cannot be ended: it goes on, and what it returns is
    dropped. Async functions are cancelled.

    What the function returns is the outcome if it is a mapping or None; anything else is put under ``"value"``.
    """

    settings: ClassVar[PythonSettings] = PythonSettings()

    arguments: dict[str, Any]
    isolation: Literal["thread", "process"]
    timeout: float | None
    limits: ResourceLimits
    max_output: int

    @validate
    def function_may_be_called(self, context: dict[str, Any]) -> None:
        """The function is one, the operator permits it, and only a process has limits."""
        faults = list(self._faults(context))
        if faults:
            raise ParameterInvalid("The function may not be called", faults=faults)

    def _faults(self, context: Mapping[str, Any]) -> Iterator[Fault]:
        given = context["callable"]
        if isinstance(given, str):
            yield from self._text_faults(given)
        elif not callable(given):
            yield Fault(_PLACE, f"{shown(given)} cannot be called", "give a function, or 'module:name'")
        elif context["isolation"] == "process":
            yield from _process_faults(given)
        if context["isolation"] == "thread" and context["limits"]:
            yield Fault("parameter 'limits'", "a thread cannot be limited", "use isolation='process'")
        yield from Resources(**context["limits"]).beyond(self.settings.most)

    def _text_faults(self, text: str) -> Iterator[Fault]:
        module, _, name = text.partition(":")
        if not all(part.isidentifier() for part in module.split(".")) or not name.isidentifier():
            yield Fault(_PLACE, f"{shown(text)} names no function", "write 'module:name'")
        elif not self.settings.permits(module):
            permitted = ", ".join(sorted(self.settings.modules)) or "none"
            yield Fault(
                _PLACE,
                f"functions of '{module}' may not be called; the operator permits {permitted}",
                f"use {type(self).__name__}.under(modules=['{module}'])",
            )

    async def execute_internal(self, context: dict[str, Any]) -> Mapping[str, Any] | None:
        """Calls the function."""
        function = context["callable"]
        if isinstance(function, str):
            function = await threaded(self._found, function)
        call = self._in_process if context["isolation"] == "process" else self._in_thread
        given = await call(function, context)
        return given if given is None or isinstance(given, Mapping) else {"value": given}

    def _found(self, text: str) -> Callable[..., Any]:
        """The function of that name; one that its module has only imported needs the permission of its own module."""
        module, _, name = text.partition(":")
        try:
            function = getattr(import_module(module), name)
        except Exception as error:
            raise _refused(f"'{text}' cannot be imported: {words_of(error) or type(error).__name__}") from error
        home = getattr(function, "__module__", None) or module
        if not callable(function) or name.startswith("_"):
            raise _refused(f"'{text}' is no public function")
        if not self.settings.permits(home):
            raise _refused(f"'{text}' is a function of '{home}', which the operator does not permit")
        return function  # type: ignore[no-any-return]  # it can be called

    async def _in_thread(self, function: Callable[..., Any], context: Mapping[str, Any]) -> Any:
        limit, name = self.settings.duration(context["timeout"]), _name_of(function)
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await threaded(function, **context["arguments"])
        except CircuitBreakerError:
            raise
        except Exception as error:
            if not scope.expired():
                raise ActionError(f"function '{name}' failed: {words_of(error)}", code=type(error).__name__) from error
            raise ActionTimeout(
                f"'{name}' took longer than {limit:g} s",
                remedy="allow more with timeout=; a thread cannot be ended, a process can: isolation='process'",
            ) from error

    async def _in_process(self, function: Callable[..., Any], context: Mapping[str, Any]) -> Any:
        target, settings = f"{function.__module__}:{function.__qualname__}", self.settings
        answer = expected(context["max_output"], Redaction())
        said = Output("stderr", partial(self.execution.log, stream="stderr"), form="none")
        async with home_below(settings.scratch) as home:
            program = Program(
                name=target,
                command=(sys.executable, "-I", _WORKER, target),
                home=home,
                stdin=_envelope(context["arguments"]),
                resources=Resources(**context["limits"]).within(settings.most),
                timeout=settings.duration(context["timeout"]),
            )
            ending = await run(program, stdout=answer, stderr=said)
        return answered(target, ending, answer)


def _process_faults(function: Callable[..., Any]) -> Iterator[Fault]:
    """Why another process could not find a function."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    found: Any = sys.modules.get(module or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    if module == "__main__" or found is not function:
        yield Fault(
            _PLACE,
            f"another process cannot import {shown(function)}",
            "define it at the top of a module, or use isolation='thread'",
        )


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__name__


def _refused(message: str) -> ParameterInvalid:
    fault = Fault(_PLACE, message, "name a public function of a permitted module")
    return ParameterInvalid("The function may not be called", faults=[fault])


def _envelope(arguments: Mapping[str, Any]) -> bytes:
    path = [str(Path(entry or ".").resolve()) for entry in sys.path]
    try:
        return msgspec.json.encode({"arguments": arguments, "path": path})
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        fault = Fault("parameter 'arguments'", f"cannot be given to a process: {error}", "give JSON values")
        raise ParameterInvalid("The function cannot be called", faults=[fault]) from error
