"""What an agent is asked: its prompts filled in with the input and the context of an execution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.prompts import AgentPrompts, Insert, as_it_is
from circuit_breaker.data import thaw
from circuit_breaker.errors import DataInvalid, Fault, ParameterInvalid, nearest
from circuit_breaker.llm.messages import ChatMessage, system, user
from circuit_breaker.rules.schema import checked, misfits

__all__ = ["check_input", "messages_of"]


def check_input(definition: AgentDefinition, given: Mapping[str, Any]) -> None:
    """Nothing, when the agent can work on that.

    Raises:
        ParameterInvalid: An input is missing, unknown or does not fit its schema; every fault is named.
    """
    if faults := list(_faults(definition, given)):
        raise ParameterInvalid(f"the input of agent '{definition.id}' is not valid", faults=faults)


def _faults(definition: AgentDefinition, given: Mapping[str, Any]) -> Iterator[Fault]:
    if not definition.inputs:
        return
    for name, declared in definition.inputs.items():
        if name not in given:
            if declared.required:
                yield Fault(f"input.{name}", "is missing", declared.description or "give it")
        elif declared.schema is not None:
            for path, what in misfits(checked(declared.schema, name), thaw(given[name])):
                yield Fault(f"input.{name}{path}", what)
    for name in given:
        if name not in definition.inputs:
            yield Fault(f"input.{name}", "is not known", nearest(name, tuple(definition.inputs)))


def variables(given: Mapping[str, Any], context: ExecutionContext) -> dict[str, Any]:
    """The values of the variables of prompts."""
    place = context.workflow_context
    return {
        "input_data": thaw(given),
        "token_id": place.get("token_id", ""),
        "current_place": place.get("state_id", ""),
        "token_metadata": thaw(place.get("metadata", {})),
        "workflow_id": place.get("workflow_id", ""),
        "history_count": place.get("history_count", 0),
        "custom_context": thaw(context.custom_context) or None,
        **thaw(given),
    }


def messages_of(
    definition: AgentDefinition, given: Mapping[str, Any], context: ExecutionContext, *, insert: Insert = as_it_is
) -> tuple[ChatMessage, ...]:
    """The system prompt, if there is one, and what the agent is asked; ``insert`` as :meth:`Prompt.render` has it.

    Raises:
        DataInvalid: A prompt needs a value that nobody has given, or nothing is asked.
    """
    values = variables(given, context)
    prompts = definition.prompts
    told = [prompts.system.render(values, insert), prompts.context_instructions.render(values, insert)]
    instructions = "\n\n".join(text for text in told if text.strip())
    plain = _is_message(prompts, given)
    asked = insert("message", given["message"]) if plain else prompts.user_template.render(values, insert)
    if not asked.strip():
        raise DataInvalid(f"agent '{definition.id}' is asked nothing", remedy="give an input, or a user_template")
    return (*((system(instructions),) if instructions else ()), user(asked))


def _is_message(prompts: AgentPrompts, given: Mapping[str, Any]) -> bool:
    """Whether all that is given is what a person says, which needs no JSON around it."""
    return prompts.is_plain and list(given) == ["message"] and isinstance(given["message"], str)
