"""Place agents: agents that keep a state of a workflow, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.agents.bridge.schedule import Schedule
from circuit_breaker.errors import AgentInvalid, DefinitionError, Fault
from circuit_breaker.rules import Rule, as_rule
from circuit_breaker.workflow.agent_step import inputs_of, outputs_of, retry_of
from circuit_breaker.workflow.timing import RetryPolicy, seconds

__all__ = ["PlaceAgent"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,199}")


def _rule(value: Any) -> Rule | None:
    return None if value is None or value in ((), []) else as_rule(list(value) if isinstance(value, tuple) else value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


@attrs.frozen(kw_only=True, eq=False)
class PlaceAgent:
    """An agent that works on each token in a state, without anybody firing anything.

    ::

        PlaceAgent(
            workflow="intake",
            place="pending_classification",
            agent="content-classifier",
            trigger_conditions=[field("data.content").exists(), field("metadata.status") == "unclassified"],
            llm_config={"temperature": 0.1},
            input_mapping={"content": "data.content"},
            output_mapping={"data.classification": "category", "metadata.classifier": "agent_id"},
            auto_transition="move_to_categorized",
            schedule=Schedule(initial_delay=5, max_executions=1),
        )

    Attributes:
        place: The name of the state.
        agent: The id of the agent.
        workflow: The name of the workflow.
        name: What it is called; ``<agent>@<workflow>.<place>`` unless given. What it did is kept under it.
        trigger_conditions: What must hold of the token: a Rule, the name of one, or several of which all must hold.
        llm_config: What takes the place of members of the agent's ``llm_config`` here.
        input_mapping: For each input of the agent where on the token it comes from.
        output_mapping: Where on the token each output goes; nothing is written without it.
        auto_transition: The transition that fires when the outputs are written.
        schedule: When it works, and how often.
        retry: When the agent is asked again after a failure.
        timeout: The longest that one of its executions may take, in seconds.

    Raises:
        AgentInvalid: Something of it is wrong; every fault is named.
    """

    place: str = attrs.field(converter=str)
    agent: str
    workflow: str
    name: str = attrs.field()
    trigger_conditions: Any = None
    llm_config: Mapping[str, Any] = attrs.field(factory=dict)
    input_mapping: Any = attrs.field(factory=dict)
    output_mapping: Any = attrs.field(factory=dict)
    auto_transition: str = ""
    schedule: Schedule = Schedule()
    retry: Any = attrs.field(default=1)
    timeout: Any = None
    rule: Rule | None = attrs.field(init=False, default=None)
    inputs: Mapping[str, Any] = attrs.field(init=False, factory=dict)
    outputs: Mapping[str, str] = attrs.field(init=False, factory=dict)
    policy: RetryPolicy = attrs.field(init=False, factory=lambda: RetryPolicy(max_attempts=1))
    limit: float | None = attrs.field(init=False, default=None)

    @name.default
    def _usual_name(self) -> str:
        return f"{self.agent}@{self.workflow}.{self.place}"

    def __attrs_post_init__(self) -> None:
        if faults := [*self._name_faults(), *self._read()]:
            raise AgentInvalid(f"the agent of place '{self.place:.60}' is not valid", faults=faults)

    def _name_faults(self) -> Iterator[Fault]:
        for part in ("place", "agent", "workflow"):
            if not _is_text(getattr(self, part)):
                yield Fault(part, f"{getattr(self, part)!r:.60} is no name", "give a text")
        if not _is_text(self.name) or not _NAME.fullmatch(self.name):
            yield Fault("name", f"{self.name!r:.60} is no name", "use letters, digits, '_', '.', '@' and '-'")
        if type(self.schedule) is not Schedule:
            yield Fault("schedule", f"{self.schedule!r:.60} is no schedule", "give Schedule(...)")

    def _read(self) -> Iterator[Fault]:
        """Reads what was given into what is worked with."""
        readings: dict[str, tuple[str, Any]] = {
            "rule": ("trigger_conditions", _rule),
            "inputs": ("input_mapping", inputs_of),
            "outputs": ("output_mapping", outputs_of),
            "policy": ("retry", retry_of),
            "limit": ("timeout", lambda value: None if value is None else seconds(value, what="timeout")),
        }
        for target, (source, read) in readings.items():
            try:
                object.__setattr__(self, target, read(getattr(self, source)))
            except DefinitionError as error:
                yield from error.faults or (Fault(source, error.message, error.remedy),)

    @property
    def title(self) -> str:
        """What to call it in a message."""
        return f"place agent '{self.name}'"

    @property
    def asked(self) -> Mapping[str, Any]:
        """What it asks of which agent."""
        return {"agent": self.agent, "inputs": self.inputs, "outputs": self.outputs}
