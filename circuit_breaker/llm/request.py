"""A request to a model: one value, whoever is to answer it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.llm.messages import ChatMessage, conversation
from circuit_breaker.llm.parts import EXTRA
from circuit_breaker.llm.several import texts_of

__all__ = ["ChatCompletionRequest", "ResponseFormat", "RoutingOptions", "ToolDefinition"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({"type": "object", "properties": {}})

# Least and greatest value of what is a number, as the documents of the vendors have it together.
_RANGES: Final = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "max_tokens": (1, 10_000_000),
    "top_k": (0, 1_000_000),
    "n": (1, 128),
}


@attrs.frozen(kw_only=True)
class ToolDefinition:
    """A tool as a model is told of it.

    Attributes:
        name: At most 64 letters, digits, ``_`` and ``-`` for most vendors; other names are translated and back.
        description: What it is for, when to call it.
        parameters: JSON Schema of its arguments, an object.
        strict: Whether the vendor is to keep to the schema, where it can.
        extra: Members of a vendor's that we do not know, such as ``cache_control``.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = _NOTHING
    strict: bool | None = None
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)


@attrs.frozen(kw_only=True)
class ResponseFormat:
    """The form that the answer must have.

    Attributes:
        kind: ``"text"``, ``"json_object"`` or ``"json_schema"``.
        schema: JSON Schema of the answer, for ``"json_schema"``.
        name: What the schema is called.
        strict: Whether the vendor is to keep to it, where it can; we check the answer in any case.
        description: What the answer is for; the schema says it to vendors that have no member for it.
    """

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    strict: bool = True
    description: str = ""


@attrs.frozen(kw_only=True)
class RoutingOptions:
    """What a request may ask of the router; on the wire its member ``circuit_breaker``.

    Attributes:
        routing_strategy: ``"priority"``, ``"round_robin"``, ``"weighted"``, ``"least_latency"`` or ``"lowest_cost"``.
        max_cost_per_1k_tokens: US dollars; dearer models are left out.
        max_latency_ms: Models whose median time to the first token is above it are left out.
        task_type: Such as ``"coding"``: a virtual model of that kind is used where the request names none.
        fallback_models: What to try next, in order.
        preferred_providers: Those that come first among equals.
        continuation: Whether another model may go on with an answer that broke off; the stream then says so.
    """

    routing_strategy: str | None = None
    max_cost_per_1k_tokens: float | None = None
    max_latency_ms: float | None = None
    task_type: str | None = None
    fallback_models: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    preferred_providers: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    continuation: bool = False


def _tools(tools: Iterable[ToolDefinition]) -> tuple[ToolDefinition, ...]:
    return tuple(tools)


def _stops(stop: str | Iterable[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)


@attrs.frozen(kw_only=True)
class ChatCompletionRequest:
    """What a model is asked.

    Attributes:
        model: The name of a model, with its provider before a slash where that is to be said, or of a virtual model.
        messages: The conversation so far.
        temperature: From 0 (the likeliest answer) to 2.
        max_tokens: The most tokens of the answer.
        top_p: From 0 to 1: only the likeliest tokens that together are this likely.
        top_k: Only the so many likeliest tokens.
        frequency_penalty: From -2 to 2: against tokens that were often said.
        presence_penalty: From -2 to 2: against tokens that were said.
        stop: Texts at which the answer ends.
        seed: The same answer for the same seed, as far as the vendor can.
        n: How many answers.
        tools: What the model may call.
        tool_choice: ``"auto"``, ``"none"``, ``"required"`` or the name of the tool that it must call.
        parallel_tool_calls: Whether it may call several at once.
        response_format: The form that the answer must have.
        reasoning_effort: ``"none"``, ``"minimal"``, ``"low"``, ``"medium"`` or ``"high"``.
        stream: Whether the compatible face is to stream; :meth:`Provider.stream` streams in any case.
        user: Who is behind it, as the vendor is to see it.
        metadata: What is noted with it.
        circuit_breaker: What it asks of the router.
        extra: Members of a vendor's that we do not know, which are passed on: they are the operator's own.
        unknown: What a client's document says that we do not know, by its place. Of these go on only those which the
            profile of the model ``passes``; the response tells the others as dropped.
    """

    model: str
    messages: tuple[ChatMessage, ...] = attrs.field(converter=conversation)
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = attrs.field(default=(), converter=_stops)
    seed: int | None = None
    n: int = 1
    tools: tuple[ToolDefinition, ...] = attrs.field(default=(), converter=_tools)
    tool_choice: str = "auto"
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    stream: bool = False
    user: str | None = None
    metadata: Mapping[str, Any] = EXTRA
    circuit_breaker: RoutingOptions = RoutingOptions()
    extra: Mapping[str, Any] = EXTRA
    unknown: Mapping[str, Any] = EXTRA

    def faults(self) -> list[Fault]:
        """What is wrong with it, whoever is to answer; empty when nothing is."""
        found = [
            Fault(name, f"{value!r} is outside of {least} to {greatest}", "choose a value between")
            for name, (least, greatest) in _RANGES.items()
            if (value := getattr(self, name)) is not None and not least <= value <= greatest
        ]
        if not self.model:
            found.append(Fault("model", "is empty", "name a model, such as 'gpt-4' or 'cb:smart-chat'"))
        if not self.messages:
            found.append(Fault("messages", "is empty", "say at least one thing"))
        names = [tool.name for tool in self.tools]
        if self.tool_choice not in {"auto", "none", "required", *names}:
            found.append(Fault("tool_choice", f"there is no tool '{self.tool_choice}'", f"tools: {', '.join(names)}"))
        found.extend(
            Fault("tools", f"there are {names.count(name)} tools called '{name}'", "give each a name of its own")
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        )
        return found
