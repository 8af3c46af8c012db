"""Presence: the tokens that a transition lacks, and how they could come or be freed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import attrs

from circuit_breaker.net import missing
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Pending
from circuit_breaker.workflow.explain.need import Need
from circuit_breaker.workflow.explain.plan import Plan
from circuit_breaker.workflow.explain.situation import Situation
from circuit_breaker.workflow.explain.token_need import AwaitAction, BringToken, EmptyState, ResolveDoubt
from circuit_breaker.workflow.explain.way import Way, Ways
from circuit_breaker.workflow.transition import Transition

__all__ = ["Presence", "presences"]

MOST_ACTIONS: Final = 6
"""Of how many actions in progress every combination is looked at."""
ROUNDS: Final = 3

Lack = tuple[str, str, int]


@attrs.frozen
class Presence:
    """A plan in which every token is there.

    Attributes:
        plan: The plan.
        trouble: What is not as one would wish, in words: tokens that no transition can bring, arcs that contradict.
    """

    plan: Plan
    trouble: str = ""


def presences(plan: Plan, transition: Transition, ways: Ways) -> Iterator[Presence]:
    """The plans with every token that the transition needs, also those in which actions in progress end for it."""
    plan = _unclaimed(plan, transition)
    if not _lacks(plan.situation, transition):
        yield _filled(plan, transition, ways)
        for pending in _holders(plan.situation, set(transition.sources)):  # its tokens may do better than those there
            yield _filled(plan.plus(_ending(pending)), transition, ways)
        return
    for endings in _endings(plan.situation, transition):
        yield _filled(plan.plus(*endings), transition, ways)
    yield _filled(plan, transition, ways)


def _unclaimed(plan: Plan, transition: Transition) -> Plan:
    """The plan in which no action in progress has claimed a state that must be empty."""
    situation = plan.situation
    claiming = choosing.claiming(situation.workflow, situation.case, transition)
    return plan if claiming is None else _unclaimed(plan.plus(_ending(claiming)), transition)


def _filled(plan: Plan, transition: Transition, ways: Ways) -> Presence:
    """The plan with what is lacking brought, and what is in the way gone."""
    situation = plan.situation
    awaited = None
    if not _lacks(situation, transition):
        awaited = choosing.expected(situation.workflow, situation.case, transition)
        if awaited is None:
            return Presence(plan)
    way, sure = ways.to(transition.net)
    for _ in range(ROUNDS):  # a token that is brought may be one too many elsewhere
        for kind, place, count in _lacks(plan.situation, transition):
            plan = _emptied(plan, place, count) if kind == "inhibitor" else _brought(plan, place, count, way)
    if _lacks(plan.situation, transition):
        return Presence(plan, "its arcs contradict one another")
    trouble = _about(way, sure=sure) or ("" if awaited is None else "no other token may be on its way by then")
    return Presence(attrs.evolve(plan, way=() if way is None else way.transitions), trouble)


def _about(way: Way | None, *, sure: bool) -> str:
    if way is not None:
        return ""
    return "no transition leads there any more" if sure else "whether a transition leads there was not found out"


def _lacks(situation: Situation, transition: Transition) -> list[Lack]:
    case = situation.case
    return list(missing(transition.net, case.marking, reserved=case.reserved))


def _endings(situation: Situation, transition: Transition) -> list[tuple[Need, ...]]:
    """The fewest actions in progress whose end leaves as few tokens lacking as can be: every choice of as few."""
    places = {place for kind, place, _ in _lacks(situation, transition) if kind == "takes"}
    holders = _holders(situation, places)
    least = _weight(situation, transition)
    best: list[tuple[Need, ...]] = []
    for size in range(1, len(holders) + 1):
        for chosen in combinations(holders, size):
            needs = tuple(map(_ending, chosen))
            weight = _weight(Plan(situation).plus(*needs).situation, transition) + size
            if weight < least:
                best, least = [], weight
            if weight == least:
                best.append(needs)
    return best


def _holders(situation: Situation, places: set[str]) -> list[Pending]:
    """The actions in progress that hold tokens of these states, which can stand there again when they have ended."""
    holders = [p for p in situation.case.pending if any(state in places for _, state in p.consumed)]
    return [pending for pending in holders if _may_stay(situation, pending)][:MOST_ACTIONS]


def _weight(situation: Situation, transition: Transition) -> int:
    return sum(count for _, _, count in _lacks(situation, transition))


def _may_stay(situation: Situation, pending: Pending) -> bool:
    """Whether the tokens of an action can stand where they stood when it has ended."""
    ended = situation.workflow.by_id.get(pending.transition)
    return ended is None or ended.on_failure is None or (ended.rules is not None and ended.otherwise is None)


def _ending(pending: Pending) -> Need:
    kind = ResolveDoubt if pending.doubt else AwaitAction
    return kind(pending.key, pending.transition)


def _brought(plan: Plan, place: str, count: int, way: Way | None) -> Plan:
    origins = way.origins.get(place, ()) if way is not None and way.transitions else ()
    there = {token.id for token in plan.situation.case.marking.at(place)}
    others = [origin for origin in origins if origin not in there] or list(origins)
    for number in range(count):
        plan = plan.plus(BringToken(place, others[min(number, len(others) - 1)] if others else ""))
    return plan


def _emptied(plan: Plan, place: str, count: int) -> Plan:
    """The newest leave, for the oldest are taken first."""
    leaving = plan.situation.case.marking.at(place)[-count:]
    return plan.plus(*(EmptyState(place, token.id) for token in leaving))
