"""Teams: a supervisor with workers, and agents that hand the conversation on to each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from circuit_breaker.agents.bridge.composition.budget import Budget
from circuit_breaker.agents.bridge.composition.heard import Heard
from circuit_breaker.agents.bridge.composition.part import Part, part_of, parts_of
from circuit_breaker.agents.bridge.composition.shapes import checked
from circuit_breaker.agents.bridge.composition.weaving import ANSWERED, ASKED, made, woven
from circuit_breaker.agents.numbers import is_count
from circuit_breaker.errors import Fault
from circuit_breaker.rules import Rule, all_of, any_of, field
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.patterns.basics import LAST, step
from circuit_breaker.workflow.state import State

__all__ = ["DONE", "hand_off", "supervisor", "supervisor_schema"]

DONE: Final = "done"
"""What a supervisor says instead of the name of a worker when nothing more is to be done."""


def supervisor_schema(*workers: str) -> dict[str, Any]:
    """The output schema of a supervisor: ``next`` (a worker or ``"done"``), ``task`` for it, and the ``answer``."""
    return {
        "type": "object",
        "properties": {
            "next": {"type": "string", "enum": [*workers, DONE]},
            "task": {"type": "string"},
            "answer": {"type": "string"},
        },
        "required": ["next", "task", "answer"],
        "additionalProperties": False,
    }


def supervisor(
    boss: Any,
    workers: Iterable[Any],
    *,
    most_rounds: int = 10,
    name: str = "supervisor",
    budget: Budget | None = None,
    rules: Any = None,
) -> Workflow:
    """A workflow in which one agent says, again and again, which other one works next, until it says ``"done"``.

    The boss answers in the form of :func:`supervisor_schema`. It finds the workers and what they are for under
    ``colleagues``, and all that was said under ``conversation``; a worker finds what the boss said under ``previous``.
    An answer that names nobody is given back to the boss, and counts as a round.

    Args:
        boss: Who decides.
        workers: Whom it may name.
        most_rounds: How often it may name one; then the workflow ends with its last word.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    leader, team = attrs.evolve(part_of(boss), shares=True), parts_of(workers)
    checked("supervisor", (leader, *team), *_member_faults("supervisor", (leader, *team), most_rounds), least=2)
    rounds = _rounds(leader)
    decided, says = State(f"{leader.name}/decided"), field(f"results.{leader.name}.output.next")
    colleagues = {part.name: part.purpose for part in team}
    heard: Heard = tuple((part.name,) for part in team)
    flows: list[Flow] = [*woven(leader, ASKED, decided, heard, colleagues=colleagues)]
    flows.append(step(decided, ANSWERED, name=DONE).guard(says == DONE).restarts(rounds).priority(1))
    for part in team:
        working = State(f"{part.name}/working")
        named = step(decided, working, name=f"asks-{part.name}")
        flows.append(named.guard(all_of(says == part.name, _left(rounds, most_rounds))).counts(rounds))
        flows += woven(part, working, ASKED, ((leader.name,),))
    unclear = step(decided, ASKED, name="asks-nobody").guard(_left(rounds, most_rounds))
    flows.append(unclear.priority(LAST).counts(rounds))
    flows.append(step(decided, ANSWERED, name="no-rounds-left").priority(LAST - 1).restarts(rounds))
    return made("supervisor", name, (leader, *team), tuple(flows), ((leader.name,),), budget=budget, rules=rules)


def hand_off(
    agents: Iterable[Any],
    *,
    most_rounds: int = 10,
    name: str = "hand_off",
    budget: Budget | None = None,
    rules: Any = None,
) -> Workflow:
    """A workflow in which an agent may pass the conversation on to another, by the tool ``hand_off``.

    The first agent begins. Each one is given that tool, and finds the others and what they are for
    under ``colleagues``, and all that was said and handed on under ``conversation``. Whoever hands on to nobody gives
    the answer.

    Args:
        agents: Who may take part.
        most_rounds: How often it may be handed on; then the last word is the answer.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    team = tuple(attrs.evolve(part, shares=True) for part in parts_of(agents))
    checked("hand_off", team, *_member_faults("hand_off", team, most_rounds), least=2)
    rounds = _rounds(team[0])
    flows: list[Flow] = []
    for number, part in enumerate(team):
        others = [other for other in team if other is not part]
        colleagues = {other.name: other.purpose for other in others}
        turn = State(f"{part.name}/turn") if number else ASKED
        said = State(f"{part.name}/said")
        heard: Heard = tuple((other.name,) for other in others)
        flows += woven(part, turn, said, heard, colleagues=colleagues, hands_to=colleagues)
        to = field(f"results.{part.name}.handed_to")
        for other in others:
            handed = step(said, State(f"{other.name}/turn") if other is not team[0] else ASKED)
            handed = attrs.evolve(handed, name=f"{part.name}-hands-to-{other.name}")
            flows.append(handed.guard(all_of(to == other.name, _left(rounds, most_rounds))).counts(rounds))
        ends = step(said, ANSWERED, name=f"{part.name}-answers")
        flows.append(ends.priority(LAST).restarts(rounds))
    ends_with: Heard = tuple((part.name,) for part in team)
    return made("hand_off", name, team, tuple(flows), ends_with, budget=budget, rules=rules)


def _rounds(first: Part) -> str:
    """The key of the metadata that counts how often work was given or handed on."""
    return f"{first.name}_rounds"


def _left(key: str, most: int) -> Rule:
    count = field(f"metadata.{key}")
    return any_of(count.missing(), count < most)


def _member_faults(kind: str, team: tuple[Part, ...], most: int) -> Iterable[Fault]:
    if not is_count(most):
        yield Fault(f"{kind}.most_rounds", f"{most!r:.40} is no number of rounds", "give a whole number from 1")
    for part in team:
        if part.workflow is not None and (kind == "hand_off" or part is team[0]):
            yield Fault(f"{kind}.{part.name}", "is a workflow", "only an agent can decide who comes next")
        if part.when is not None:
            yield Fault(f"{kind}.{part.name}.when", "is for the others to decide", "leave it out")
