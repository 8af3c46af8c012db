"""The executors that functions may name, each under the settings of the operator."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

from circuit_breaker.errors import ExecutorInvalid, Fault, FunctionInvalid, nearest
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.registry import installed
from circuit_breaker.executors.secrets import SecretSource
from circuit_breaker.functions.definition import CONTAINER, FunctionDefinition
from circuit_breaker.rules import Field, Template

__all__ = ["Executors"]


class Executors(Mapping[Any, Any]):
    """Executors by name: those that were given, then those that are installed.

    Args:
        container: Runs functions that have a container; the installed one for Docker when left out.
        *given: Further executor classes, by name; the first that has a name counts.
        settings: What the operator decides, by the name of the executor; about the installed one for Docker only.
        secrets: Where secrets come from; each executor's own source when left out.
    """

    def __init__(
        self,
        container: Any = None,
        *given: Mapping[Any, Any],
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        secrets: SecretSource | None = None,
    ) -> None:
        own = {CONTAINER: container} if container is not None else {}
        self._named: ChainMap[Any, Any] = ChainMap(own, *given)  # type: ignore[arg-type]  # only the first is written to
        self._settings = dict(settings or {})
        self._secrets = secrets
        self._ready: dict[str, Any] = {}
        self._installed = installed()

    def know(self, kind: Any) -> None:
        """Makes a class known under its name.

        Raises:
            FunctionInvalid: Another class has that name.
        """
        name = kind.__name__
        if self._named.setdefault(name, kind) is not kind:
            raise FunctionInvalid(f"there is another executor '{name}'", remedy="give each a name of its own")

    def __contains__(self, name: object) -> bool:
        return name in self._named or name in self._installed

    def __iter__(self) -> Iterator[Any]:
        return iter(dict.fromkeys((*self._named, *self._installed)))

    def __len__(self) -> int:
        return len({*self._named, *self._installed})

    def __getitem__(self, name: Any) -> Any:
        """The executor of that name, or the one that takes the place of a class.

        Raises:
            KeyError: There is none.
            ExecutorInvalid: It cannot be used.
        """
        if name not in self:
            raise KeyError(name)
        return self.find(name)

    def find(self, name: str) -> Any:
        """The executor of that name.

        Raises:
            ExecutorInvalid: There is none, or it cannot be used.
        """
        if name not in self._ready:
            self._ready[name] = self._prepared(name)
        return self._ready[name]

    def _prepared(self, name: str) -> Any:
        if name not in self:
            fault = Fault(
                f"executor '{name}'", "is not known", nearest(name, (*map(str, self._named), *self._installed))
            )
            raise ExecutorInvalid(faults=[fault])
        kind = self._named.get(name) or self._installed[name]
        foreign = name == CONTAINER and kind is not self._installed[name]
        changes = {} if foreign else dict(self._settings.get(name, {}))
        if self._secrets is not None:
            changes["secrets"] = self._secrets
        ours = isinstance(kind, type) and issubclass(kind, BaseExecutor)
        return kind.under(**changes) if changes and ours else kind

    def takes_input(self, name: str, parameters: Mapping[str, Any]) -> bool:
        """Whether the executor is given the input of the function as ``input``."""
        kind = self.find(name)
        if "input" in parameters:
            return False
        if not (isinstance(kind, type) and issubclass(kind, BaseExecutor)):
            return True
        return "input" in kind.executor_config.parameters or kind.executor_config.extensible

    def faults(self, definition: FunctionDefinition) -> list[Fault]:
        """What is wrong with the executor of a function, and with what it is given."""
        try:
            kind = self.find(definition.executor_name)
        except ExecutorInvalid as error:
            return list(error.faults)
        if not (isinstance(kind, type) and issubclass(kind, BaseExecutor)):
            return []
        given = definition.executor_parameters
        references = {"input": Field("input")} if self.takes_input(definition.executor_name, given) else {}
        return list(kind.check_parameters({**given, **references}, references=(Field, Template)))
