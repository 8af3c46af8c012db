"""The definition of an agent, as a frozen value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Literal, Self, get_args

import attrs

from circuit_breaker.agents.faults import as_members
from circuit_breaker.agents.keys import is_keyish, key_faults, text_faults, unkeyed
from circuit_breaker.agents.limits import AgentLimits
from circuit_breaker.agents.numbers import is_count
from circuit_breaker.agents.prompts import VARIABLES, AgentPrompts, Prompt
from circuit_breaker.agents.states import AgentState, AgentTransition, machine_faults
from circuit_breaker.data import EMPTY, Data, freeze_optional, thaw
from circuit_breaker.errors import AgentInvalid, CircuitBreakerError, Fault, nearest
from circuit_breaker.executors.models.sampling import form_of, sampling_faults
from circuit_breaker.llm.several import texts_of

__all__ = ["AGENT_TYPES", "AgentDefinition", "AgentInput", "AgentMemory", "AgentType"]

AgentType = Literal["conversational", "state_machine", "workflow"]
AGENT_TYPES: Final[tuple[AgentType, ...]] = get_args(AgentType)

AUTOMATIC: Final = "auto"
"""The virtual model of an agent that names none."""

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NAMED: Final = (
    "capabilities", "tools", "approve", "tags", "guardrails",
    "workflow_integrations", "allowed_workflows", "allowed_tenants",
)  # fmt: skip
"""Members that are lists of names."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@attrs.frozen(kw_only=True)
class AgentInput:
    """An input of an agent: a variable of its prompts.

    Attributes:
        description: What it is.
        required: Whether an execution without it is refused.
        schema: JSON Schema that it must fit, or None.
    """

    description: str = ""
    required: bool = True
    schema: Mapping[str, Any] | None = None


def _inputs(values: Any) -> Mapping[str, AgentInput]:
    if isinstance(values, Mapping):
        return {name: one if isinstance(one, AgentInput) else AgentInput(**(one or {})) for name, one in values.items()}
    return {name: AgentInput() for name in texts_of(values)}


@attrs.frozen(kw_only=True)
class AgentMemory:
    """What an agent remembers of a conversation.

    Attributes:
        tokens: The most tokens of it that the model is shown.
        messages: The most messages of it, or None.
        summaries: Whether what falls out is summarised by the agent's model.

    Raises:
        AgentInvalid: A limit is none; every fault is named.
    """

    tokens: int = 4000
    messages: int | None = None
    summaries: bool = False

    def __attrs_post_init__(self) -> None:
        faults = [
            Fault(name, f"{value!r:.40} is no limit", "give a whole number from 1")
            for name, value in (("tokens", self.tokens), ("messages", self.messages))
            if (name, value) != ("messages", None) and not is_count(value)
        ]
        if faults:
            raise AgentInvalid("the memory of the agent is not valid", faults=faults)


def _config(value: Any) -> Data:
    return freeze_optional(value, where="llm_config")


def _metadata(value: Any) -> Data:
    return freeze_optional(value, where="metadata")


def _shown(value: Data) -> str:
    """How it is shown: a key that stands in it before anybody has checked it is not."""
    return unkeyed(repr(value), value)


@attrs.frozen(kw_only=True, slots=False, eq=False)
class AgentDefinition:
    """An agent: what it is told, which model it has, what it may use and take.

    Attributes:
        id: Its id: letters, digits, ``_``, ``.`` and ``-``.
        name: What people call it; its id unless given.
        description: What it is for.
        type: ``"conversational"`` (the usual one), ``"state_machine"`` or ``"workflow"``.
        llm_provider: Who serves the model; found out by the model's name, or left to the router, if empty.
        llm_config: ``model`` (a name or a virtual model; ``"auto"`` unless given), ``temperature``, ``max_tokens``,
            ``top_p``, ``stop`` and what else :class:`ChatCompletionRequest` has. Never a key.
        prompts: What it is told.
        inputs: The variables of its prompts that an execution gives, by name.
        capabilities: What it can do, for those who choose.
        tools: Names of the tools that it may call.
        approve: Names of tools, or patterns such as ``"delete_*"``, of which a person must approve each call.
        tags: For finding it.
        output_schema: JSON Schema of its answer; without one the answer is ``{"text": ...}``.
        limits: What one execution may take.
        memory: What it remembers in a conversation; None for nothing.
        guardrails: Names of the checks and redactions that the operator gives.
        states: Of a state machine: its states; the first one is where it begins.
        transitions: Of a state machine: how it gets from one to another.
        workflow: Of a workflow agent: the workflow that it is bound to.
        workflow_integrations: Workflows that it may start and ask about in a conversation.
        allowed_workflows: Workflows that may use it; None for all, empty for none.
        allowed_tenants: Tenants that it may work for; None for all, empty for none.
        metadata: Whatever else belongs to it, as JSON.
        created_at: When it was stored first (UTC); set by the store.
        updated_at: When it was stored last (UTC); set by the store.
    """

    id: str
    name: str = ""
    description: str = ""
    type: AgentType = "conversational"
    llm_provider: str = ""
    llm_config: Data = attrs.field(default=EMPTY, converter=_config, repr=_shown)
    prompts: AgentPrompts = AgentPrompts()
    inputs: Mapping[str, AgentInput] = attrs.field(default=EMPTY, converter=_inputs)
    capabilities: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    tools: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    approve: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    tags: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    output_schema: Mapping[str, Any] | None = None
    limits: AgentLimits = AgentLimits()
    memory: AgentMemory | None = None
    guardrails: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    states: tuple[AgentState, ...] = attrs.field(default=(), converter=tuple)
    transitions: tuple[AgentTransition, ...] = attrs.field(default=(), converter=tuple)
    workflow: str = ""
    workflow_integrations: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    allowed_workflows: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(texts_of))
    allowed_tenants: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(texts_of))
    metadata: Data = attrs.field(default=EMPTY, converter=_metadata, repr=_shown)
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id

    @property
    def model(self) -> str:
        """The model that it names, or ``"auto"``."""
        return str(self.llm_config.get("model", AUTOMATIC))

    @property
    def parameters(self) -> dict[str, Any]:
        """How its model answers: ``llm_config`` without the model."""
        return {name: thaw(value) for name, value in self.llm_config.items() if name != "model"}

    @cached_property
    def version(self) -> str:
        """The hash of what it says; when it was stored does not count."""
        document = {name: value for name, value in self.to_document().items() if not name.endswith("_at")}
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_document(self) -> dict[str, Any]:
        """The definition as JSON; what has its usual value is left out."""
        document: dict[str, Any] = _written(self)
        return document

    def evolve(self, **changes: Any) -> Self:
        """The definition with these members changed."""
        return attrs.evolve(self, **changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentDefinition) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)

    def check(self) -> Self:
        """The definition itself, when there is nothing wrong with it.

        Raises:
            AgentInvalid: There is; every fault is named.
        """
        if faults := list(self.faults()):
            raise AgentInvalid(f"agent '{self.id!s:.100}' is not valid", faults=faults)
        return self

    def faults(self) -> Iterator[Fault]:
        """What is wrong with it by itself; tools, providers and workflows that it names are judged by the engine."""
        if not _fits(_ID, self.id):
            yield Fault("id", f"{self.id!r:.60} is no id", "use letters, digits, '_', '.' and '-', at most 100")
        if self.type not in AGENT_TYPES:
            yield Fault("type", f"there is no type {self.type!r:.60}", nearest(str(self.type), AGENT_TYPES))
        yield from self._model_faults()
        yield from self._input_faults()
        known = (*VARIABLES, *map(str, self.inputs))
        yield from self.prompts.unknown(known)
        yield from self._tool_faults()
        yield from _schema(self.output_schema, "output_schema")
        yield from machine_faults(self.type, self.states, self.transitions, known)
        if self.type == "workflow" and not self.workflow:
            yield Fault("workflow", "is missing", "name the workflow that the agent is bound to, or take another type")
        if self.type != "workflow" and self.workflow:
            yield Fault("workflow", "belongs to an agent of type 'workflow', and to no other", "leave it out")
        yield from key_faults("metadata", self.metadata)
        yield from self._text_faults()

    def _text_faults(self) -> Iterator[Fault]:
        for name in ("name", "description", "llm_provider", "workflow"):
            if not isinstance(getattr(self, name), str):
                yield Fault(name, f"{getattr(self, name)!r:.60} is no text", "give a text")
        for name, value in self.to_document().items():
            if name not in ("llm_config", "metadata"):  # these were judged more strictly
                yield from text_faults(name, value)

    def _model_faults(self) -> Iterator[Fault]:
        if not isinstance(self.llm_config.get("model", AUTOMATIC), str) or not self.model:
            yield Fault("llm_config.model", "is no name of a model", "give such as 'gpt-4o' or 'cb:smart-chat'")
        yield from key_faults("llm_config", self.llm_config)
        parameters = {name: value for name, value in self.parameters.items() if not is_keyish(name, value)}
        yield from as_members(sampling_faults(parameters), within="llm_config")

    def _input_faults(self) -> Iterator[Fault]:
        for name, declared in self.inputs.items():
            if not _fits(_NAME, name) or name in VARIABLES:
                yield Fault(
                    f"inputs.{name}", "is no name of an input", "use letters, digits and '_', and no given name"
                )
            yield from _schema(declared.schema, f"inputs.{name}.schema")

    def _tool_faults(self) -> Iterator[Fault]:
        for name in dict.fromkeys(self.tools):
            if self.tools.count(name) > 1:
                yield Fault("tools", f"'{name}' is there twice", "name each tool once")
        for name in _NAMED:
            if wrong := [one for one in getattr(self, name) or () if not isinstance(one, str) or not one]:
                yield Fault(name, f"{wrong[0]!r:.60} is no name", "give texts")


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _written(value: Any) -> Any:
    """The value as plain JSON; of one of ours, what has its usual value is left out."""
    if isinstance(value, Prompt):
        return value.text
    if attrs.has(type(value)):
        usual = {name: one.default for name, one in attrs.fields_dict(type(value)).items()}
        members = {name: _written(getattr(value, name)) for name in usual}
        return {name: one for name, one in members.items() if one != _written(usual[name])}
    if isinstance(value, Mapping):
        return {name: _written(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _schema(schema: Mapping[str, Any] | None, place: str) -> Iterator[Fault]:
    try:
        form_of(schema)
    except CircuitBreakerError as error:
        yield Fault(place, error.message, error.remedy)
