"""A part of a composition: an agent, or a whole workflow, with what belongs to its place in the composition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.data import EMPTY
from circuit_breaker.errors import DataInvalid, Fault, WorkflowInvalid
from circuit_breaker.llm.several import texts_of
from circuit_breaker.rules import Field
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.timing import Duration, RetryPolicy

__all__ = ["RESERVED", "Part", "faults_of", "part_of", "parts_of"]

RESERVED: Final = ("previous", "conversation", "colleagues", "failure")
"""Names under which a part finds what the composition gives it."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")


def _usual_name(part: Part) -> str:
    return re.sub(r"\W", "_", part.agent or getattr(part.work, "name", ""), flags=re.ASCII)


def _inputs(value: Any) -> Any:
    if value is None or isinstance(value, Mapping):
        return value
    raise DataInvalid(
        f"the input of a part is no mapping: {value!r:.60}",
        remedy="give each input by its name, such as {'question': 'data.question'}",
    )


@attrs.frozen
class Part:
    """An agent or a workflow in its place.

    Attributes:
        work: The id of an agent, its definition, or a workflow, such as another composition.
        name: What it is called: its output is found under ``results.<name>.output``. The id unless given, with ``_``
            for what is no letter, digit or ``_``.
        input: What the agent is given, by name: the path of a value such as ``"data.text"`` or
            ``"results.draft.output"``, a ``field(...)`` or ``template(...)``, or another JSON value as it is. Unless
            given, an agent that declares inputs finds them by their names, and another is given everything.
        when: A rule; where it does not hold, the part is left out.
        required: Whether the composition fails with it; otherwise it goes on without its output.
        shares: Whether the agent is told what all others have said so far, as ``conversation``.
        needs: Names of the parts whose outputs it waits for, in a :func:`graph`.
        timeout: The longest that it may take.
        retry: How often it is tried, or how: a RetryPolicy, or its settings.
        overrides: Members of the agent's ``llm_config`` for this part.
        about: What it is for, for those who choose.
    """

    work: str | AgentDefinition | Workflow
    name: str = attrs.field(default=attrs.Factory(_usual_name, takes_self=True), kw_only=True)
    input: Mapping[str, Any] | None = attrs.field(default=None, converter=_inputs, kw_only=True, eq=repr)
    when: Any = attrs.field(default=None, kw_only=True, eq=repr)
    required: bool = attrs.field(default=True, kw_only=True)
    shares: bool = attrs.field(default=False, kw_only=True)
    needs: tuple[str, ...] = attrs.field(default=(), converter=texts_of, kw_only=True)
    timeout: Duration | None = attrs.field(default=None, kw_only=True)
    retry: RetryPolicy | Mapping[str, Any] | int | None = attrs.field(default=None, kw_only=True)
    overrides: Mapping[str, Any] = attrs.field(default=EMPTY, kw_only=True)
    about: str = attrs.field(default="", kw_only=True)

    @property
    def agent(self) -> str:
        """The id of the agent, or empty where it is a workflow."""
        if isinstance(self.work, AgentDefinition):
            return self.work.id
        return self.work if isinstance(self.work, str) else ""

    @property
    def workflow(self) -> Workflow | None:
        """The workflow, or None where it is an agent."""
        return self.work if isinstance(self.work, Workflow) else None

    @property
    def optional(self) -> bool:
        """Whether the composition may go on without its output."""
        return self.when is not None or not self.required

    @property
    def purpose(self) -> str:
        """What it is for."""
        described = self.work.description if isinstance(self.work, (AgentDefinition, Workflow)) else ""
        return self.about or described

    @property
    def references(self) -> dict[str, Any] | None:
        """Its input with a reference for each path."""
        if self.input is None:
            return None
        return {name: Field(one) if isinstance(one, str) else one for name, one in self.input.items()}


def part_of(given: Any) -> Part:
    """The part that is meant by the id of an agent, a definition, a workflow, or a part.

    Raises:
        WorkflowInvalid: It is none of these.
    """
    if isinstance(given, Part):
        return given
    if isinstance(given, (str, AgentDefinition, Workflow)):
        return Part(given)
    raise WorkflowInvalid(f"{given!r:.60} is no part of a composition", remedy="give the id of an agent, or a Part")


def parts_of(given: Iterable[Any]) -> tuple[Part, ...]:
    """The parts that are meant, in order."""
    return tuple(map(part_of, given))


def names_in(part: Part) -> tuple[str, ...]:
    """The names of the part and of those in it."""
    if part.workflow is None:
        return (part.name,)
    return (part.name, *part.workflow.metadata.get("composition", EMPTY).get("parts", ()))


def faults_of(kind: str, parts: tuple[Part, ...], *, least: int = 1) -> Iterator[Fault]:
    """What is wrong with the parts of a composition, taken together."""
    if len(parts) < least:
        yield Fault(kind, f"has {len(parts)} part(s)", f"give at least {least}")
    names = [name for part in parts for name in names_in(part)]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Fault(f"{kind}.{name}", "is there more than once", f"name one otherwise: Part(..., name='{name}_2')")
    for part in parts:
        place = f"{kind}.{part.name}"
        if not _NAME.fullmatch(part.name) or part.name in RESERVED:
            yield Fault(place, "is no name of a part", "begin with a letter; use letters, digits and '_'")
        if part.workflow is not None:
            yield from _workflow_faults(place, part)


def _workflow_faults(place: str, part: Part) -> Iterator[Fault]:
    """What is asked of a workflow that only an agent can do."""
    for name, usual in (("input", None), ("timeout", None), ("retry", None), ("overrides", EMPTY), ("shares", False)):
        if getattr(part, name) != usual:
            yield Fault(f"{place}.{name}", "is for an agent, and this is a workflow", "give it to the parts in it")
    if not part.required:
        yield Fault(f"{place}.required", "cannot be said of a workflow", "say it of the parts in it")
