"""The states of a state-machine agent, as values; they are made into a workflow where the agent is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from circuit_breaker.agents.prompts import Prompt, as_prompt
from circuit_breaker.errors import ConditionParsingError, Fault, nearest
from circuit_breaker.llm.several import texts_of
from circuit_breaker.rules.expression import compile_expression

__all__ = ["AgentState", "AgentTransition", "machine_faults"]

_NAME: Final = re.compile(r"\S(.{0,98}\S)?")


@attrs.frozen(kw_only=True)
class AgentState:
    """A state of the machine.

    Attributes:
        name: Its name.
        prompt: What the model is told in it, after the system prompt.
        actions: Names of tools that it may call in this state, beside those of the agent.
    """

    name: str
    prompt: Prompt = attrs.field(default=Prompt(), converter=as_prompt)
    actions: tuple[str, ...] = attrs.field(default=(), converter=texts_of)


@attrs.frozen(kw_only=True)
class AgentTransition:
    """A way from one state to another.

    Attributes:
        source: Where it begins.
        target: Where it leads.
        condition: A CEL text over ``data``: ``message`` (what the person said), ``answer`` (what the agent said, or its
            structured output), and ``context``. Empty for always.
    """

    source: str
    target: str
    condition: str = ""


def machine_faults(
    kind: str, states: Sequence[AgentState], transitions: Sequence[AgentTransition], known: tuple[str, ...]
) -> Iterator[Fault]:
    """What is wrong with the machine of an agent."""
    if kind != "state_machine":
        if states or transitions:
            yield Fault("states", "belong to an agent of type 'state_machine'", "set the type")
        return
    if not states:
        yield Fault("states", "there is none", "add at least one state")
    names = [state.name for state in states]
    for number, state in enumerate(states):
        if not _NAME.fullmatch(str(state.name)):
            yield Fault(f"states[{number}].name", f"{state.name!r:.60} is no name", "write 1 to 100 characters")
        if names.count(state.name) > 1 and names.index(state.name) != number:
            yield Fault(f"states[{number}]", f"there are several states '{state.name}'", "name each one differently")
        yield from state.prompt.unknown((*known, "message"), f"states[{number}].prompt")
    for number, transition in enumerate(transitions):
        for end in ("source", "target"):
            name = getattr(transition, end)
            if name not in names:
                hint = nearest(str(name), tuple(map(str, names)))
                yield Fault(f"transitions[{number}].{end}", f"there is no state {name!r:.60}", hint)
        yield from _condition_faults(transition.condition, f"transitions[{number}].condition")
    yield from _stranded(names, transitions)


def _stranded(names: list[str], transitions: Sequence[AgentTransition]) -> Iterator[Fault]:
    """The states to which nothing leads from the first one."""
    reached = names[:1]
    for here in reached:  # which grows meanwhile
        reached += [way.target for way in transitions if way.source == here and way.target not in reached]
    for number, name in enumerate(names):
        if name not in reached and name not in names[:number]:
            remedy = "add a transition that leads to it, or take it out"
            yield Fault(f"states[{number}]", f"nothing leads from '{names[0]}' to '{name:.60}'", remedy)


def _condition_faults(condition: str, place: str) -> Iterator[Fault]:
    try:
        if condition:
            compile_expression(condition)
    except ConditionParsingError as error:
        yield Fault(place, " ".join(error.message.partition("\n")[0].split()).rstrip(":"), error.remedy)
