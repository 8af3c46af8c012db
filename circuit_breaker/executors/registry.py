"""Executors by name, so that a definition in YAML, a command line or another package can say which one it means.

Ours have the names in :data:`OWN`. A package publishes its own by an entry point of the group
``circuit_breaker.executors``::

    [options.entry_points]
    circuit_breaker.executors =
        thumbnail = my_package.thumbnails:ThumbnailExecutor
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from circuit_breaker.errors import ExecutorInvalid, Fault, nearest, words_of
from circuit_breaker.executors.base import BaseExecutor

__all__ = ["GROUP", "OWN", "InstalledExecutors", "find", "installed"]

GROUP: Final = "circuit_breaker.executors"
"""The group of entry points under which packages publish executors."""

_PACKAGE: Final = __name__.rpartition(".")[0]

OWN: Final[Mapping[str, str]] = {
    "agent": f"{_PACKAGE}.agent:AgentExecutor",
    "assistant": f"{_PACKAGE}.assistant:AssistantExecutor",
    "docker": f"{_PACKAGE}.docker:DockerExecutor",
    "http": f"{_PACKAGE}.http:HttpExecutor",
    "nats": f"{_PACKAGE}.nats:NatsExecutor",
    "python": f"{_PACKAGE}.programs.python:PythonExecutor",
    "serverless": f"{_PACKAGE}.serverless:ServerlessExecutor",
    "step": f"{_PACKAGE}.step:StepExecutor",
    "subprocess": f"{_PACKAGE}.programs.executor:SubprocessExecutor",
}
"""Where our own executors are. No package can take one of these names."""


class InstalledExecutors(Mapping[str, type[BaseExecutor]]):
    """Our executors and those that installed packages publish, by name; each is imported when it is asked for."""

    @cached_property
    def _published(self) -> Mapping[str, tuple[EntryPoint, ...]]:
        found: dict[str, tuple[EntryPoint, ...]] = {}
        for point in entry_points(group=GROUP):
            if point not in found.get(point.name, ()):
                found[point.name] = (*found.get(point.name, ()), point)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*OWN, *self._published}))

    def __len__(self) -> int:
        return len({*OWN, *self._published})

    def __contains__(self, name: object) -> bool:
        return name in OWN or name in self._published

    def __getitem__(self, name: str) -> type[BaseExecutor]:
        """The executor of that name.

        Raises:
            KeyError: There is none.
            ExecutorInvalid: It cannot be imported, is no executor, or several packages publish one of that name.
        """
        where = self.home(name)
        try:
            module, _, attribute = where.partition(":")
            executor = getattr(import_module(module), attribute)
        except Exception as error:
            fault = Fault(f"executor '{name}'", f"cannot be imported from {where}: {words_of(error) or error!r}")
            raise ExecutorInvalid(faults=[fault]) from error
        if not (isinstance(executor, type) and issubclass(executor, BaseExecutor)):
            fault = Fault(f"executor '{name}'", f"{where} is no executor class", "publish a subclass of BaseExecutor")
            raise ExecutorInvalid(faults=[fault])
        return executor

    def home(self, name: str) -> str:
        """Where the executor of that name is, as ``module:class``; nothing is imported.

        Raises:
            KeyError: There is none.
            ExecutorInvalid: Several packages publish one of that name.
        """
        if name in OWN:
            return OWN[name]
        points = self._published[name]
        if len(points) > 1:
            places = " and ".join(sorted(f"{_package_of(point)} ({point.value})" for point in points))
            fault = Fault(f"executor '{name}'", f"is published by {places}", "uninstall all but one")
            raise ExecutorInvalid(faults=[fault])
        return points[0].value


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"


def installed() -> InstalledExecutors:
    """Our executors and those that installed packages publish, by name: ``Engine(..., executors=installed())``."""
    return InstalledExecutors()


def find(name: str) -> type[BaseExecutor]:
    """The executor of that name.

    Raises:
        ExecutorInvalid: There is none, it cannot be imported, or several packages publish one of that name.
    """
    executors = installed()
    if name not in executors:
        fault = Fault(f"executor '{name}'", "is not installed", nearest(name, executors))
        raise ExecutorInvalid(faults=[fault])
    return executors[name]
