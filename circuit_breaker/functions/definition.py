"""The definition of a function, as a frozen value, and the workflow that it becomes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import attrs

from circuit_breaker.data import freeze_mapping, thaw
from circuit_breaker.errors import DataInvalid, DefinitionError, Fault, FunctionInvalid, RuleInvalid
from circuit_breaker.functions.chains import FunctionChain
from circuit_breaker.functions.container import ContainerConfig
from circuit_breaker.functions.triggers import PREFIX, EventTrigger, FunctionCompletion, ScheduledTime
from circuit_breaker.rules import Rule, field, json_schema
from circuit_breaker.rules.schema import checked, misfits
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Effect, Flow, flow
from circuit_breaker.workflow.references import write_reference
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.timing import Duration, RetryPolicy, seconds

__all__ = ["CONTAINER", "EXECUTOR", "FAILED", "REQUESTED", "RUN", "SUCCEEDED", "FunctionDefinition"]

EXECUTOR: Final = "circuit_breaker.function"
"""The name under which the engine knows what runs functions."""

CONTAINER: Final = "docker"
"""The executor of a function that has a container."""

RUN: Final = "run"
REQUESTED, SUCCEEDED, FAILED = State("requested", initial=True), State("succeeded"), State("failed")
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_OUTPUT: Final = f"results.{RUN}.output"


def _timeout(value: Duration | None) -> float | None:
    return None if value is None else seconds(value, what="timeout")


def _retry(value: Any) -> RetryPolicy | None:
    if value is None or isinstance(value, RetryPolicy):
        return value
    return RetryPolicy.of(value if isinstance(value, Mapping) else {"max_attempts": value})


def _a_container(_: object, __: object, value: Any) -> None:
    if value is not None and not isinstance(value, ContainerConfig):
        raise FunctionInvalid(f"{value!r:.60} is no container", remedy="give a ContainerConfig")


def _triggers(values: Any) -> tuple[EventTrigger, ...]:
    return tuple(_each(values, EventTrigger, "WorkflowEvent(...), ResourceState(...), ..."))


def _chains(values: Any) -> tuple[FunctionChain, ...]:
    return tuple(_each(values, FunctionChain, "FunctionChain(...)"))


def _each(values: Any, kind: Any, how: str) -> Iterator[Any]:
    for value in values:
        if not isinstance(value, kind):
            raise FunctionInvalid(f"{value!r:.60} is no {kind.__name__}", remedy=f"give {how}")
        yield value


@attrs.frozen(kw_only=True, slots=False, eq=False)
class FunctionDefinition:
    """A function: what it runs, when, and what follows.

    Attributes:
        id: Its id: letters, digits, ``_``, ``.`` and ``-``.
        name: What people call it; its id unless given.
        container: What it runs in; either this or ``executor``.
        executor: The executor class that runs it, or its name.
        parameters: What the executor is given besides ``input``; ``field("input.text")`` refers to the input.
        triggers: What makes it run by itself.
        chains: What runs after it.
        input_schema: The JSON Schema of its input.
        output_schema: The JSON Schema of its output; an execution that gives anything else has failed.
        timeout: Seconds that one attempt may take, also given as a timedelta or a text such as ``"30s"``.
        retry: How often a failed attempt is repeated: a policy, its settings, or a number of attempts.
        effect: Whether it may run again after a crash: ``"idempotent"`` or ``"at_most_once"``.
        description: What it is for.
        metadata: What else is said about it; JSON.
    """

    id: str
    name: str = attrs.field(default=attrs.Factory(lambda self: self.id, takes_self=True))
    container: ContainerConfig | None = attrs.field(default=None, validator=_a_container)
    executor: Any = None
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    triggers: tuple[EventTrigger, ...] = attrs.field(default=(), converter=_triggers)
    chains: tuple[FunctionChain, ...] = attrs.field(default=(), converter=_chains)
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    timeout: float | None = attrs.field(default=None, converter=_timeout)
    retry: RetryPolicy | None = attrs.field(default=None, converter=_retry)
    effect: Effect = "idempotent"
    description: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def executor_name(self) -> str:
        """The name of the executor that runs it."""
        if self.container is not None:
            return CONTAINER
        return self.executor if isinstance(self.executor, str) else str(getattr(self.executor, "__name__", ""))

    @property
    def executor_parameters(self) -> dict[str, Any]:
        """What the executor is given besides the input."""
        return self.container.parameters() if self.container is not None else dict(self.parameters)

    @property
    def watches(self) -> bool:
        """Whether events can make it, or what follows it, run."""
        return bool(self.chains) or any(not isinstance(trigger, ScheduledTime) for trigger in self.triggers)

    @property
    def needs(self) -> set[str]:
        """The ids of the functions that it names, which must be registered before it."""
        awaited = (trigger.function for trigger in self.triggers if isinstance(trigger, FunctionCompletion))
        return {*awaited, *(chain.target_function for chain in self.chains)}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The conditions of its triggers and chains."""
        given = (*(t.condition for t in self.triggers), *(chain.condition.rule for chain in self.chains))
        return tuple(rule for rule in given if rule is not None)

    @cached_property
    def version(self) -> str:
        """A hash of the whole definition: the same for the same definition, wherever it is written."""
        text = json.dumps(self.to_document(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def faults(self) -> Iterator[Fault]:
        """What is wrong with it by itself."""
        if type(self.id) is not str or not _ID.fullmatch(self.id):
            yield Fault("id", f"{self.id!r:.60} is no id", "use letters, digits, '_', '.' and '-'")
        if not str(self.name or "").strip():
            yield Fault("name", f"{self.name!r:.60} is no name", "give a text")
        yield from self._work_faults()
        yield from self._schema_faults()
        for number, trigger in enumerate(self.triggers):
            if isinstance(trigger, FunctionCompletion) and trigger.function == self.id:
                yield Fault(f"triggers[{number}]", "the function would wait for its own end", "name another function")
        if self.timeout == 0:
            yield Fault("timeout", "leaves no time", "give more than zero")

    def _work_faults(self) -> Iterator[Fault]:
        if (self.container is None) == (self.executor is None):
            yield Fault("container", "either a container or an executor is needed, and not both", "give one of them")
        if self.container is not None:
            yield from self.container.faults()
            if self.parameters:
                yield Fault("parameters", "belong to an executor", "say it in the container")

    def _schema_faults(self) -> Iterator[Fault]:
        for what, schema in (("input_schema", self.input_schema), ("output_schema", self.output_schema)):
            if schema is None:
                continue
            try:
                checked(schema, what)
            except RuleInvalid as error:
                yield Fault(what, error.message, error.remedy)
        try:
            freeze_mapping(self.metadata, where="metadata")
        except DataInvalid as error:
            yield Fault("metadata", error.message, error.remedy)

    def misfits(self, given: Any) -> list[Fault]:
        """Why an input does not fit the schema, every fault; none where it does."""
        if self.input_schema is None:
            return []
        found = misfits(checked(self.input_schema, "input_schema"), given)
        return [Fault(f"input.{place}" if place else "input", message) for place, message in found]

    def to_document(self) -> dict[str, Any]:
        """The definition as JSON, which :func:`circuit_breaker.functions.function_from_document` reads back.

        Raises:
            FunctionInvalid: Something in it cannot be written; every fault is named.
        """
        faults: list[Fault] = []

        def foreign(value: Any) -> Any:
            faults.append(
                Fault("parameters", f"a {type(value).__name__} is no JSON", "use JSON, a field or a template")
            )

        document = {
            "circuit_breaker": 1,
            "id": self.id,
            "name": self.name if self.name != self.id else None,
            "description": self.description or None,
            "container": self.container.to_document() if self.container is not None else None,
            "executor": self.executor_name if self.executor is not None else None,
            "parameters": write_reference(self.parameters, foreign) or None,
            "triggers": _written("triggers", self.triggers, faults) or None,
            "chains": _written("chains", self.chains, faults) or None,
            "input_schema": thaw(self.input_schema),
            "output_schema": thaw(self.output_schema),
            "timeout": self.timeout,
            "retry": _policy(self.retry),
            "effect": self.effect if self.effect != "idempotent" else None,
            "metadata": thaw(self.metadata) or None,
        }
        if faults:
            raise FunctionInvalid(f"Function '{self.id}' cannot be written", faults=faults)
        return {key: value for key, value in document.items() if value is not None}

    @cached_property
    def workflow(self) -> Workflow:
        """The workflow of which an execution is a case."""
        run = flow(REQUESTED >> SUCCEEDED).transition(RUN).effect(self.effect).on_failure(FAILED)
        run = self._checked(run if self.timeout is None else run.timeout(self.timeout))
        run = run if self.retry is None else run.retry(self.retry)
        given = {"function": self.id, "executor": self.executor_name, "parameters": self.executor_parameters}
        run = run.executed(EXECUTOR, {**given, "input": field("data.input")}, result=RUN)
        return Workflow(
            f"{PREFIX}{self.id}",
            run,
            description=self.description,
            metadata={"function": self.id, "version": self.version},
        )

    def _checked(self, run: Flow) -> Flow:
        if self.output_schema is None:
            return run
        return run.policy(rules=json_schema(self.output_schema, _OUTPUT)).otherwise(FAILED)


def _policy(policy: RetryPolicy | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in attrs.asdict(policy).items()}


def _written(what: str, parts: tuple[Any, ...], faults: list[Fault]) -> list[Any]:
    written = []
    for number, part in enumerate(parts):
        try:
            written.append(part.to_document())
        except DefinitionError as error:
            faults.append(Fault(f"{what}[{number}]", error.message, error.remedy))
    return written
