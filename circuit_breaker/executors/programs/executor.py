"""Local programs as executors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from circuit_breaker.errors import Fault, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.output import OUTPUT_LIMIT, Output, OutputFormat
from circuit_breaker.executors.programs.command import split_command
from circuit_breaker.executors.programs.home import home_below
from circuit_breaker.executors.programs.permission import (
    ProgramSettings,
    permitted_directory,
    permitted_program,
    variable_faults,
)
from circuit_breaker.executors.programs.process import PATIENCE, Program, run
from circuit_breaker.executors.programs.resources import ResourceLimits, Resources
from circuit_breaker.executors.secrets import Redaction, revealed, sound_variables

__all__ = ["KEY_VARIABLE", "SubprocessExecutor"]

KEY_VARIABLE: Final = "CIRCUIT_BREAKER_KEY"
"""The variable that holds the idempotency key."""


@parameter("command", description="Program and arguments; a text is split as a shell would, and never given to one")
@parameter("input", type=Any, default=None, description="Given to the program as JSON on its standard input")
@parameter("stdin", default=None, description="Given to the program as text on its standard input")
@parameter("environment", default={}, description="Variables by name: texts, and references to secrets")
@parameter("working_dir", default=None, description="Where it works; a fresh directory of its own when left out")
@parameter("output", default="auto", description="What becomes of its standard output")
@parameter("max_output", default=OUTPUT_LIMIT, minimum=1, description="The most bytes of standard output")
@parameter("timeout", default=PATIENCE, minimum=0.001, description="Seconds that it may take; null for no limit")
@parameter("limits", default={}, description="What each of its processes may use, such as bytes of memory")
@parameter("accept_exit_codes", default=[0], min_length=1, description="The exit codes that mean success")
class SubprocessExecutor(BaseExecutor):
    """Runs a program on this machine: without a shell, with no variables but its own, and within limits.

    An operator says which programs may be run, with ``SubprocessExecutor.under(programs=["git"])``; until then, none.
    What the program prints is logged line by line. It finds the idempotency key in ``CIRCUIT_BREAKER_KEY``. When it has
    ended, or has to, everything that it has started ends with it.

    The outcome is ``{"status", "exit_code", "output", "stderr", "duration"}``, with the end of the standard error.
    """

    settings: ClassVar[ProgramSettings] = ProgramSettings()

    command: str | list[str]
    stdin: str | None
    environment: dict[str, str | dict[str, str]]
    working_dir: str | None
    output: OutputFormat
    max_output: int
    timeout: float | None
    limits: ResourceLimits
    accept_exit_codes: list[int]

    @validate
    def program_may_run(self, context: dict[str, Any]) -> None:
        """The program is there, and the operator permits it, its directory, its variables and its limits."""
        faults = list(self._faults(context))
        if faults:
            raise ParameterInvalid("The program may not be run", faults=faults)

    def _faults(self, context: Mapping[str, Any]) -> Iterator[Fault]:
        directory = permitted_directory(context["working_dir"], self.settings)
        if isinstance(directory, Fault):
            yield directory
        try:
            words = split_command(context["command"])
        except ValueError as error:
            yield Fault("parameter 'command'", str(error), "give a list: the program, then its arguments")
        else:
            program = permitted_program(type(self).__name__, words[0], self.settings, _known(directory))
            if isinstance(program, Fault):
                yield program
        if context["input"] is not None and context["stdin"] is not None:
            yield Fault("parameter 'stdin'", "is given together with input", "give one of them")
        yield from _input_faults(context)
        yield from variable_faults(context["environment"], self.settings.may_set)
        yield from Resources(**context["limits"]).beyond(self.settings.most)

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """Runs the program."""
        environment, redaction = await revealed(context["environment"], self.settings.secrets)
        sound_variables(environment)
        stdout = self._output("stdout", redaction, context["output"], context["max_output"])
        stderr = self._output("stderr", redaction, "none", 1)
        async with home_below(self.settings.scratch) as home:
            ending = await run(self._program(context, environment, home), stdout=stdout, stderr=stderr)
        ending.check(context["accept_exit_codes"])
        return {
            "exit_code": ending.exit_code,
            "output": stdout.value(),
            "stderr": ending.stderr,
            "duration": ending.duration,
        }

    def _output(self, name: str, redaction: Redaction, form: OutputFormat, limit: int) -> Output:
        return Output(name, partial(self.execution.log, stream=name), redaction=redaction, form=form, limit=limit)

    def _program(self, context: Mapping[str, Any], environment: Mapping[str, str], home: Path) -> Program:
        settings = self.settings
        directory = _known(permitted_directory(context["working_dir"], settings))
        words = split_command(context["command"])
        path = permitted_program(type(self).__name__, words[0], settings, directory)
        if isinstance(path, Fault):
            raise ParameterInvalid("The program may not be run", faults=[path])
        return Program(
            command=(str(path), *words[1:]),
            home=home,
            environment={KEY_VARIABLE: self.execution.idempotency_key, **environment},
            working_dir=directory,
            stdin=_standard_input(context),
            resources=Resources(**context["limits"]).within(settings.most),
            timeout=settings.duration(context["timeout"]),
            search_path=settings.search_path,
        )


def _standard_input(context: Mapping[str, Any]) -> bytes:
    if context["input"] is not None:
        return msgspec.json.encode(context["input"])
    return (context["stdin"] or "").encode()


def _input_faults(context: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        _standard_input(context)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        name = "stdin" if context["input"] is None else "input"
        yield Fault(f"parameter '{name}'", f"cannot be given to a program: {error}", "give text, or JSON values")


def _known(directory: Path | Fault | None) -> Path | None:
    return None if isinstance(directory, Fault) else directory
