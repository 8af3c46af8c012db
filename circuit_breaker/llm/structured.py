"""Structured output: how a form of the answer is asked for, and how the answer is read and checked against it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Literal

import attrs

from circuit_breaker.llm.encoding import decoded, json_text
from circuit_breaker.llm.messages import ChatMessage, system, user
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse, Loss
from circuit_breaker.llm.strict_schema import without_nulls
from circuit_breaker.rules.schema import checked, misfits

__all__ = ["NO_PLAN", "Plan", "Reading", "instruction", "planned", "reading", "repairing"]

How = Literal["none", "native", "tool", "prompt"]

MOST_FAULTS: Final = 10
# Only one newline belongs to the opening: were there a choice, a fence that never ends would take quadratic time.
_FENCED: Final = re.compile(r"```(?:json)?[^\S\n]*\n(.*?)```", re.DOTALL)


@attrs.frozen(kw_only=True)
class Plan:
    """How the form of the answer is asked for.

    Attributes:
        how: ``"none"``; ``"native"``: the vendor has a member for it, which its dialect sets; ``"tool"``: a tool takes
            the answer as its arguments; ``"prompt"``: the model is told.
        form: What the request asks for.
        schema: What the answer is checked against on our side, or None for any JSON.
        sent: The schema that goes out: an object; the answer is its member ``answer`` where ours is no object.
        wrapped: Whether it is so.
        tool: The name of the tool, or an empty text.
    """

    how: How = "none"
    form: ResponseFormat | None = None
    schema: Mapping[str, Any] | None = None
    sent: Mapping[str, Any] | None = None
    wrapped: bool = False
    tool: str = ""


NO_PLAN: Final = Plan()


@attrs.frozen
class Reading:
    """An answer, read: its value, or what is wrong with it."""

    value: Any = None
    faults: tuple[str, ...] = ()


def planned(
    request: ChatCompletionRequest, profile: ModelProfile, losses: list[Loss]
) -> tuple[Plan, ChatCompletionRequest]:
    """How the form is asked for, and the request that does so.

    Raises:
        RuleInvalid: The schema is none.
    """
    form = request.response_format
    if form is None or form.kind == "text":
        return NO_PLAN, request
    plan = _plan(form, _how(form, profile, request))
    if plan.how == "native":
        return plan, request
    losses.append(Loss("response_format", "changed", f"the model has no such member: asked by {plan.how}"))
    return plan, (_with_tool if plan.how == "tool" else _with_prompt)(request, plan)


def _how(form: ResponseFormat, profile: ModelProfile, request: ChatCompletionRequest) -> How:
    if profile.can(form.kind):
        return "native"
    by_tool = form.kind == "json_schema" and profile.can("tools") and request.tool_choice in ("auto", "required")
    return "tool" if by_tool else "prompt"


def _plan(form: ResponseFormat, how: How) -> Plan:
    if form.kind == "json_object":
        return Plan(how=how, form=form)
    schema = checked(form.schema or {}, "response_format.schema")
    wrapped = how != "prompt" and schema.get("type") != "object"
    sent = _wrapping(schema) if wrapped else schema
    if form.description:
        sent = {"description": form.description, **sent}
    return Plan(how=how, form=form, schema=schema, sent=sent, wrapped=wrapped, tool=form.name if how == "tool" else "")


def _wrapping(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema of an object whose member is the answer; references to definitions lead where they led."""
    inner = {name: value for name, value in schema.items() if name not in ("$defs", "definitions", "$schema")}
    outer = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    closed = {"required": ["answer"], "additionalProperties": False}
    return {"type": "object", "properties": {"answer": inner}, **closed, **outer}


def _with_tool(request: ChatCompletionRequest, plan: Plan) -> ChatCompletionRequest:
    tool = ToolDefinition(name=plan.tool, description="Gives the answer.", parameters=plan.sent or {})
    choice = "required" if request.tools else plan.tool
    tools: Any = (*request.tools, tool)
    return attrs.evolve(request, tools=tools, tool_choice=choice, response_format=None)


def _with_prompt(request: ChatCompletionRequest, plan: Plan) -> ChatCompletionRequest:
    told = instruction(plan.sent)
    messages = request.messages
    first = messages[0] if messages and messages[0].role == "system" else None
    before = f"{first.content}\n\n" if first is not None else ""
    rest = messages[1:] if first is not None else messages
    return attrs.evolve(request, messages=(system(before + told), *rest), response_format=None)


def instruction(schema: Mapping[str, Any] | None) -> str:
    """What a model is told that has no member for the form of its answer."""
    told = "Answer with one JSON value and nothing else: no explanation, no Markdown."
    return told if schema is None else f"{told} It must fit this JSON Schema:\n{json_text(schema)}"


def reading(plan: Plan, response: ChatCompletionResponse) -> Reading:
    """The answer as a value, checked; nothing where no form was asked for or tools are called instead."""
    if plan.how == "none" or response.tool_calls or response.finish_reason == "content_filter":
        return Reading()
    if response.finish_reason == "length":
        return Reading(faults=("it was cut off, for it is longer than max_tokens",))
    found = next(_values(response.content), None)
    if found is None:
        return Reading(faults=("it is no JSON",))
    value = found[0]
    if plan.wrapped:
        if not (isinstance(value, dict) and "answer" in value):
            return Reading(faults=("it has no member 'answer'",))
        value = value["answer"]
    return _checked(plan, value)


def _checked(plan: Plan, value: Any) -> Reading:
    if plan.schema is None:
        return Reading(value) if isinstance(value, dict) else Reading(faults=("it is no JSON object",))
    try:
        return _judged(plan.schema, value)
    except RecursionError:
        return Reading(faults=("it is nested too deep",))


def _judged(schema: Mapping[str, Any], value: Any) -> Reading:
    faults = _faults(schema, value)
    if faults:
        # A vendor's narrow dialect has null for what our schema lets the model leave out.
        value = without_nulls(schema, value)
        faults = _faults(schema, value) and faults
    return Reading(faults=faults) if faults else Reading(value)


def _faults(schema: Any, value: Any) -> tuple[str, ...]:
    """The first of what is wrong with it."""
    told = (f"{place or 'the answer'}: {message}" for place, message in misfits(schema, value))
    return tuple(islice(told, MOST_FAULTS))


def _values(text: str) -> Iterator[tuple[Any]]:
    """The JSON in a text: all of it, in a fence, or between the outermost braces."""
    candidates = [text, *(match[1] for match in _FENCED.finditer(text))]
    for opening, closing in ("{}", "[]"):
        candidates.append(text[text.find(opening) : text.rfind(closing) + 1])
    for candidate in candidates:
        try:
            if candidate.strip():
                yield (decoded(candidate),)
        except ValueError:
            continue


def repairing(
    request: ChatCompletionRequest, response: ChatCompletionResponse, faults: tuple[str, ...]
) -> ChatCompletionRequest:
    """The request that asks for the answer again and says what was wrong with it."""
    told = "\n".join(f"- {fault}" for fault in faults)
    again: tuple[ChatMessage, ...] = (
        ChatMessage("assistant", response.content or "(nothing)"),
        user(f"That does not fit:\n{told}\nGive the whole answer again, as JSON only."),
    )
    return attrs.evolve(request, messages=(*request.messages, *again))
