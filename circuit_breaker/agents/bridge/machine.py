"""State-machine agents as workflows: one state for each of theirs, a message in, an answer, and the way on.

A case of the workflow is a conversation: it waits in a state for the signal ``message``, lets the agent answer with the
prompt and the tools of that state, and goes on as the conditions say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any, Final

import attrs

from circuit_breaker.agents.bridge.asking_step import AskingStep, failed
from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.chat import ChatRequest, context_in
from circuit_breaker.agents.conversations.conversation import VOICE
from circuit_breaker.agents.definition import AgentDefinition, AgentInput, AgentMemory
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.states import AgentState, AgentTransition
from circuit_breaker.data import thaw
from circuit_breaker.engine.actions import ActionContext
from circuit_breaker.errors import InvalidAgentType
from circuit_breaker.rules import Field, cel
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.agent_step import TURN
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns.basics import LAST, step
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.token import Token

__all__ = ["END", "MESSAGE", "OVERRIDES", "MachineTurn", "machine_agents", "machine_workflow"]

MESSAGE: Final = "message"
"""The signal with which somebody says something: its data has ``message``, ``context`` and ``message_id``."""

OVERRIDES: Final = "overrides"
"""What of the data of a message takes the place of members of ``llm_config`` for its answer."""

END: Final = "end"
"""The transition by which somebody ends the conversation."""

_ENDED: Final = State("conversation ended")
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")


def machine_agents(definition: AgentDefinition) -> tuple[AgentDefinition, ...]:
    """The agents that speak in the states of a state machine, one for each state that has a prompt or a way out.

    Raises:
        InvalidAgentType: It is no state machine.
        AgentInvalid: Something is wrong with it; every fault is named.
    """
    return tuple(_speaker(definition, state) for state in _checked(definition).states if _speaks(definition, state))


def machine_workflow(definition: AgentDefinition) -> Workflow:
    """The workflow of a state machine; a case of it is a conversation.

    A state without a prompt and without a way out ends it. Everywhere else somebody may end it.

    Raises:
        InvalidAgentType: It is no state machine.
        AgentInvalid: Something is wrong with it; every fault is named.
        WorkflowInvalid: A condition or the name of a state cannot be used; every fault is named.
    """
    _checked(definition)
    speaking = [state for state in definition.states if _speaks(definition, state)]
    flows = [each for state in speaking for each in _turns(definition, state)]
    anywhere: Any = reduce(or_, (_place(definition, state.name) for state in speaking))
    flows.append(flow(anywhere >> _ENDED).transition(END).manual())
    final = [_ENDED, *(_place(definition, state.name) for state in definition.states if not _speaks(definition, state))]
    return Workflow(
        definition.id, *flows, final=final, description=definition.description, metadata={"agent": definition.id}
    )


def _checked(definition: AgentDefinition) -> AgentDefinition:
    if definition.type != "state_machine":
        raise InvalidAgentType(
            f"agent '{definition.id}' is of type '{definition.type}'", remedy="give one of type 'state_machine'"
        )
    return definition.check()


def _speaks(definition: AgentDefinition, state: AgentState) -> bool:
    return bool(state.prompt.text) or any(_ways(definition, state.name)) or len(definition.states) == 1


def _ways(definition: AgentDefinition, name: str) -> Iterator[AgentTransition]:
    return (way for way in definition.transitions if way.source == name)


def _place(definition: AgentDefinition, name: str) -> State:
    return State(name, initial=definition.states[0].name == name)


def _turns(definition: AgentDefinition, state: AgentState) -> Iterator[Flow]:
    """A turn in a state: somebody says something, the agent answers, and it goes on or stays."""
    here = _place(definition, state.name)
    heard, said = State(f"{here}/heard"), State(f"{here}/answered")
    asked = {"agent": _speaker(definition, state).id, "state": state.name}
    told = {name: Field(f"data.{name}") for name in (MESSAGE, "context", "message_id")}
    yield step(here, heard, name=f"{here}-hears").on_signal(MESSAGE)
    yield step(heard, said, name=f"{here}-answers").executed(TURN, {**asked, **told}).on_failure(here)
    ways = list(_ways(definition, state.name))
    for number, way in enumerate(ways, 1):
        name = f"{here}-to-{way.target}" if _alone(way, ways) else f"{here}-to-{way.target}-{number}"
        leads = flow(said >> _place(definition, way.target)).transition(name)
        yield leads.guard(cel(way.condition)) if way.condition else leads
    if all(way.condition for way in ways):
        yield step(said, here, name=f"{here}-stays").priority(LAST)


def _alone(way: AgentTransition, ways: list[AgentTransition]) -> bool:
    return sum(other.target == way.target for other in ways) == 1


def _voice(definition: AgentDefinition) -> str:
    """What the ids begin with of all that speak for one machine, in whichever version."""
    return f"{definition.id[:55]}."


def _speaker(definition: AgentDefinition, state: AgentState) -> AgentDefinition:
    """The agent that speaks in a state. What it says is in its id: a conversation keeps those that it began with."""
    number = [one.name for one in definition.states].index(state.name) + 1
    name = f"{_voice(definition)}{number}-{_ODD.sub('-', state.name)[:25]}"
    speaker = _unversioned(definition, state)
    return speaker.evolve(id=f"{name}.{speaker.version}")


def _unversioned(definition: AgentDefinition, state: AgentState) -> AgentDefinition:
    prompts = definition.prompts
    system = "\n\n".join(text for text in (prompts.system.text, state.prompt.text) if text)
    return definition.evolve(
        name=f"{definition.title}, {state.name}",
        type="conversational",
        prompts=attrs.evolve(
            prompts, system=system, user_template="{message}" if prompts.is_plain else prompts.user_template
        ),
        inputs={**definition.inputs, MESSAGE: AgentInput(description="What somebody said")},
        tools=tuple(dict.fromkeys((*definition.tools, *state.actions))),
        memory=definition.memory or AgentMemory(),
        tags=("state-machine",),
        states=(),
        transitions=(),
        allowed_workflows=(definition.id,),
        metadata={"machine": definition.id, "state": state.name, VOICE: _voice(definition)},
        created_at=None,
        updated_at=None,
    )


class MachineTurn(AskingStep):
    """Lets the agent of a state answer; its conversation has the id of the case."""

    async def errand(self, definition: AgentDefinition, token: Token, context: ActionContext) -> Errand:
        """What somebody said, with what the agent wants to know of the context."""
        asked = ChatRequest(self.asked[MESSAGE], self.asked.get("context"))
        known = {name: thaw(asked.context[name]) for name in definition.inputs if name in asked.context}
        caller = await context_in(self.agents, context.case_id, asked)
        turn = {"state": self.asked["state"], "message_id": self.asked.get("message_id", "")}
        return Errand(
            agent=definition.id,
            inputs={**known, MESSAGE: asked.message},
            context=self.around(token, context, caller=caller, machine=turn),
            conversation=context.case_id,
            overrides=thaw(token.data.get(OVERRIDES) or {}),
        )

    async def outcome(self, ended: AgentExecution, token: Token) -> dict[str, Any]:
        """What conditions are judged on: ``answer``, the structured output or the text, and which execution it is of.

        Raises:
            ActionError: The agent has not answered.
        """
        del token
        if ended.status != "completed":
            raise failed(ended)
        return {"answer": ended.answer, "execution_id": ended.id}
