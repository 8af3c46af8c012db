"""The serverless back end of this machine: functions are folders, and run in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import msgspec

from circuit_breaker.errors import ParameterInvalid
from circuit_breaker.executors.output import Output
from circuit_breaker.executors.programs.answer import answered, expected
from circuit_breaker.executors.programs.home import home_below
from circuit_breaker.executors.programs.permission import ProcessSettings, variable_faults
from circuit_breaker.executors.programs.process import SEARCH_PATH, Program, run
from circuit_breaker.executors.serverless.contract import Invocation
from circuit_breaker.executors.serverless.local_function import LocalFunction, local_function

__all__ = ["LocalBackend"]


@attrs.frozen(kw_only=True)
class LocalBackend:
    """Runs the functions of a folder; :mod:`circuit_breaker.executors.serverless.local_function` says what lies in it.

    A function reads one JSON object from standard input, ``{"payload", "context"}``, where the context is
    ``{"function_name", "version", "request_id", "deadline"}``. ``request_id`` is the same whenever the same call is
    made again; ``deadline`` is the time at which it is ended, in seconds since 1970, or null. The function prints
    ``{"output": ...}``, or ``{"error": {"type", "message"}}`` for an error that it handles. What it writes to standard
    error is its log.

    A call waits for its answer. Nothing on this machine would keep an asynchronous one once this process has ended, so
    such a call is refused.

    Attributes:
        functions: The folder.
        settings: What functions may use at most.
        search_path: Where the programs of the runtimes are looked for; the ``PATH`` of the functions.
    """

    functions: Path = attrs.field(converter=Path)
    settings: ProcessSettings = attrs.field(factory=ProcessSettings)
    search_path: str = SEARCH_PATH

    async def invoke(self, invocation: Invocation) -> dict[str, Any]:
        """Calls the function.

        Raises:
            ParameterInvalid: The call is asynchronous, or its variables are wrong.
            FunctionNotFound: There is no such function.
            FunctionInvalid: It cannot be run.
            ActionError: It reports an error, whose type is the ``code``, or fails.
        """
        self._check(invocation)
        function = local_function(
            self.functions,
            invocation.function_name,
            search_path=self.search_path,
            version=invocation.version,
            runtime=invocation.runtime,
        )
        answer = expected(invocation.max_output, invocation.redaction)
        said = Output("stderr", partial(_said, invocation), redaction=invocation.redaction, form="none")
        async with home_below(self.settings.scratch) as home:
            ending = await run(self._program(function, invocation, home), stdout=answer, stderr=said)
        return {
            "status": "completed",
            "output": answered(function.name, ending, answer),
            "logs": ending.stderr,
            "duration": ending.duration,
            "version": function.version,
            "request_id": invocation.idempotency_key,
        }

    def _check(self, invocation: Invocation) -> None:
        if invocation.asynchronous:
            raise ParameterInvalid(
                f"function '{invocation.function_name}' cannot be called asynchronously on this machine",
                remedy="wait for its answer, or use another back end, which keeps calls",
            )
        faults = list(variable_faults(invocation.environment, self.settings.may_set))
        if faults:
            raise ParameterInvalid(f"function '{invocation.function_name}' cannot be called", faults=faults)

    def _program(self, function: LocalFunction, invocation: Invocation, home: Path) -> Program:
        limits = (limit for limit in (function.timeout, invocation.timeout) if limit is not None)
        timeout = self.settings.duration(min(limits, default=None))
        return Program(
            name=function.name,
            command=function.command,
            home=home,
            working_dir=function.folder,
            environment=invocation.environment,
            stdin=msgspec.json.encode(_envelope(function, invocation, timeout)),
            resources=function.resources.within(self.settings.most),
            timeout=timeout,
            search_path=self.search_path,
            contained=False,  # its operator wrote it, and a namespace is a fifth of what it takes to start
        )


def _envelope(function: LocalFunction, invocation: Invocation, timeout: float | None) -> Mapping[str, Any]:
    context = {
        "function_name": function.name,
        "version": function.version,
        "request_id": invocation.idempotency_key,
        "deadline": None if timeout is None else time.time() + timeout,
    }
    return {"payload": invocation.payload, "context": context}


def _said(invocation: Invocation, line: str) -> None:
    invocation.log(line, "stderr")
