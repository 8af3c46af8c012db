"""The definitions that an engine knows: one of each name for new cases, and every version for old ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from circuit_breaker.errors import WorkflowInvalid, WorkflowNotFound, nearest
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow

__all__ = ["Definitions"]


class Definitions:
    """Workflows by name and by version.

    Attributes:
        versions: All versions.
    """

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._current: dict[str, Workflow] = {}
        self._versions: dict[str, Workflow] = {}
        self.versions: frozenset[str] = frozenset()
        for workflow in workflows:
            self.add(workflow)

    @property
    def current(self) -> Mapping[str, Workflow]:
        """The definitions for new cases, by name."""
        return dict(self._current)

    def add(self, workflow: Workflow, *, current: bool = True) -> None:
        """Makes a definition known; new cases of its name use it from now on, unless another one is to stay current.

        Raises:
            WorkflowInvalid: It is no workflow.
        """
        if not isinstance(workflow, Workflow):
            raise WorkflowInvalid(f"{workflow!r} is no workflow", remedy="give Workflow(...) values to the engine")
        if current or workflow.name not in self._current:
            self._current[workflow.name] = workflow
        self._versions[workflow.version] = workflow
        self.versions = frozenset(self._versions)

    def know(self, workflow: Workflow) -> None:
        """Makes a definition known, unless it is."""
        if workflow.version not in self._versions:
            self.add(workflow)

    def named(self, name: str) -> Workflow:
        """The definition for new cases of that name.

        Raises:
            WorkflowNotFound: There is none.
        """
        found = self._current.get(name)
        if found is None:
            raise WorkflowNotFound(f"the engine has no workflow '{name}'", remedy=nearest(name, self._current))
        return found

    def version(self, version: str) -> Workflow | None:
        """The definition of that version, or None."""
        return self._versions.get(version)

    def of(self, case: Case) -> Workflow:
        """The definition that a case runs under.

        Raises:
            WorkflowNotFound: It is not known here.
        """
        found = self._versions.get(case.definition)
        if found is None:
            raise WorkflowNotFound(
                f"the engine has no workflow '{case.workflow}' of version {case.definition}, "
                f"under which case '{case.id}' runs",
                remedy="give the engine that version as well, or move the case with engine.migrate(...)",
            )
        return found
