"""Advice: the search for the fewest changes after which a transition can fire, each proved by applying it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

import attrs

from circuit_breaker.data import Data, thaw
from circuit_breaker.errors import DataInvalid, MergeConflict
from circuit_breaker.rules import Verdict
from circuit_breaker.rules.analysis import Domain, domains_of
from circuit_breaker.rules.fewest import least_beside
from circuit_breaker.rules.remedy import Smallest, smallest
from circuit_breaker.workflow import choosing, declared
from circuit_breaker.workflow.explain.agreement import agreed, settled, spelled, values
from circuit_breaker.workflow.explain.need import FireAgain, HaveRole, Need, SendSignal, SetValue, WaitUntil
from circuit_breaker.workflow.explain.plan import Plan
from circuit_breaker.workflow.explain.presence import presences
from circuit_breaker.workflow.explain.situation import Situation
from circuit_breaker.workflow.explain.suggestion import Suggestion
from circuit_breaker.workflow.explain.token_need import BringToken, EmptyState
from circuit_breaker.workflow.explain.way import Ways
from circuit_breaker.workflow.timing import Every
from circuit_breaker.workflow.transition import Transition

__all__ = ["advise"]

MOST_CHOICES: Final = 16
"""How many ways of taking tokens are looked at."""
MOST_TRIED: Final = 4000
"""How many ways of taking tokens are gone through in all, for one transition."""
LONGEST: Final = 160


def advise(situation: Situation, transition: Transition, ways: Ways) -> Suggestion:
    """What it would take for the transition to fire; it cannot fire now, and the case is open."""
    search = _Search(transition)
    proved: list[Plan] = []
    bases = list(presences(Plan(situation), transition, ways))
    for base in bases:
        tried = chain.from_iterable(search.plans(plan) for plan in agreed(base.plan, transition))
        proved += [plan for plan in tried if plan.situation.possible(transition) is not None]
    if proved:
        best = _pruned(situation, transition, min(proved, key=_cost))
        brings = any(isinstance(need, (BringToken, EmptyState)) for need in best.needs)
        trouble = (bases[-1].trouble or _surprises(situation, best)) if brings else ""
        give = _given(situation, transition, best)
        minimal = search.minimal and _weight(best) <= search.floor and not _joined(situation, best)
        return Suggestion(best.needs, certain=True, minimal=minimal, way=best.way, unknown=trouble, give=give)
    known = bases[0].plan.plus(*_role(bases[0].plan, transition))
    why = search.unknown or bases[0].trouble or "no change is known that would do"
    return Suggestion(known.needs, way=known.way, unknown=why)


def _given(situation: Situation, transition: Transition, plan: Plan) -> dict[str, Any]:
    """The data to fire the transition with, in the place of the values on tokens; nothing where that would not do."""
    values = [need for need in plan.needs if isinstance(need, SetValue) and need.path.startswith("data.")]
    rest = Plan(situation).plus(*(need for need in plan.needs if need not in values)).situation
    data = {need.key: need.whole for need in values}
    tried = (choice for choice in rest.choices(transition, data=Data(data)) if rest.may_fire(choice))
    return {key: thaw(whole) for key, whole in data.items()} if next(tried, None) is not None else {}


def _joined(situation: Situation, plan: Plan) -> bool:
    """Whether tokens become one on the way, of which only the first is looked at: another may bring data that do."""
    found = (situation.workflow.by_id.get(name) for name in plan.way)
    return any(each is not None and not each.alone for each in found)


def _surprises(situation: Situation, plan: Plan) -> str:
    """That actions on the way may bring other data than is there now, in words; empty where that does not matter."""
    acting = [name for name in plan.way if (each := situation.workflow.by_id.get(name)) is not None and each.steps]
    if not acting or not any(isinstance(need, (SetValue, SendSignal)) for need in plan.needs):
        return ""
    return f"unless the action of {' or '.join(map(repr, acting))} brings it"


def _pruned(situation: Situation, transition: Transition, plan: Plan) -> Plan:
    """The plan without values that a later one makes needless, such as a key that rules want otherwise."""
    for need in [need for need in plan.needs if isinstance(need, SetValue)][:-1]:
        fewer = Plan(situation).plus(*(each for each in plan.needs if each is not need))
        if fewer.situation.possible(transition) is not None:
            return _pruned(situation, transition, attrs.evolve(fewer, way=plan.way))
    return plan


def _weight(plan: Plan) -> int:
    return sum(need.weight for need in plan.needs)


def _cost(plan: Plan) -> tuple[int, int, datetime]:
    """Fewer changes come first, then those that come together, then what does not have to be waited for."""
    due = [need.due for need in plan.needs if isinstance(need, WaitUntil) and need.due is not None]
    return _weight(plan), len(plan.needs), max(due, default=datetime.min.replace(tzinfo=UTC))


@attrs.define
class _Search:
    """A search for plans in which the rules of one transition hold.

    Attributes:
        transition: The transition.
        unknown: Why the first way of taking tokens leads to no plan, in words.
        minimal: Whether nothing was left out that could need fewer changes.
        left: How many more ways of taking tokens may be gone through.
        floor: The fewest changes with which there may be a plan that was not looked at.
    """

    transition: Transition
    unknown: str = ""
    minimal: bool = True
    left: int = MOST_TRIED
    floor: float = math.inf

    def plans(self, plan: Plan) -> Iterator[Plan]:
        """Plans that may do, each with the changes of data, then of time, role and whatever else is in the way."""
        choices = list(islice(self._choices(plan.situation), MOST_CHOICES + 1))
        self.minimal = self.minimal and len(choices) <= MOST_CHOICES
        for choice in choices[:MOST_CHOICES]:
            if choice.used or not self.transition.signal:
                yield from self._persuaded(plan, choice)
        if self.transition.signal:
            unsent = _without_signals(plan.situation, self.transition.signal)
            for choice in islice(self._choices(unsent), MOST_CHOICES):
                yield from self._signalled(plan, choice)

    def _choices(self, situation: Situation) -> Iterator[choosing.Choice]:
        """The ways of taking tokens, as long as not too many were gone through."""
        for choice in situation.choices(self.transition):
            if self.left <= 0:
                self.minimal = False
                self._note("there are too many ways of taking tokens to try them all")
                return
            self.left -= 1
            yield choice

    def _persuaded(self, plan: Plan, choice: choosing.Choice) -> Iterator[Plan]:
        """The plan with data that the rules accept."""
        if choice.conflict is not None:
            yield from self._settled(plan, choice, self._persuaded)
            return
        for needs in self._changes(plan, choice):
            yield from self._timely(plan.plus(*needs), choice)

    def _settled(
        self, plan: Plan, choice: choosing.Choice, go_on: Callable[[Plan, choosing.Choice], Iterator[Plan]]
    ) -> Iterator[Plan]:
        """The plan in which branches that disagree do not, and what follows from there."""
        found = False
        for after in settled(plan, choice):
            unsent = after.situation if choice.used else _without_signals(after.situation, self.transition.signal)
            again = next((each for each in self._choices(unsent) if _ids(each) == _ids(choice)), None)
            if again is not None:
                found = True
                self._doubt(plan, after, choice, again)
                for whole in go_on(after, again):
                    yield _pruned(plan.origin, self.transition, whole)
        if not found and choice.conflict is not None:
            self._note(choice.conflict.message)

    def _doubt(self, plan: Plan, after: Plan, choice: choosing.Choice, again: choosing.Choice) -> None:
        """What may do with fewer changes and is not tried: a value that no branch has, and a key set with all of it."""
        gate, correlate = self.transition.gate, self.transition.correlate
        if not isinstance(choice.conflict, MergeConflict):
            return
        keys = [spelled(key) for key in choice.conflict.conflicts]
        if correlate is not None and plan.needs and any(f"{correlate.path}.".startswith(f"{key}.") for key in keys):
            self.floor = min(self.floor, _weight(plan))
        beside = None if gate is None else least_beside(gate.tree, again.view, keys)
        if beside is not None:
            self.floor = min(self.floor, _weight(after) + beside + len(_role(after, self.transition)))

    def _signalled(self, plan: Plan, choice: choosing.Choice) -> Iterator[Plan]:
        """The plan with a new signal, which brings the data that the rules ask for."""
        if choice.conflict is not None:
            yield from self._settled(plan, choice, self._signalled)
            return
        for needs in self._changes(plan, choice):
            carried = [need for need in needs if need.path.startswith("data.")]
            rest = [need for need in needs if need not in carried]
            data, paths = {need.key: need.whole for need in carried}, tuple(need.path for need in carried)
            yield from self._timely(plan.plus(*rest, SendSignal(self.transition.signal, data, paths)), choice)

    def _changes(self, plan: Plan, choice: choosing.Choice) -> Iterator[tuple[SetValue, ...]]:
        """The values that would make the rules hold for the choice: none where they do."""
        if choosing.admitted(plan.situation.workflow, choice):
            yield ()
            return
        tokens = tuple(token.id for token in choice.binding)
        for change in self._smallest(plan.situation, choice):
            try:
                yield values(choice.view, change, tokens)
            except (LookupError, TypeError, DataInvalid):
                continue

    def _smallest(self, situation: Situation, choice: choosing.Choice) -> Iterable[Mapping[str, Any]]:
        gate = choice.transition.gate
        try:
            seen = declared.typed(situation.workflow, choice.view)
        except DataInvalid as error:
            self._note(error.message)
            return ()
        if gate is None:
            return ()
        found = smallest(gate, seen, domains=_domains(situation.workflow.schema))
        self.minimal = self.minimal and found.minimal
        if not found.changes:
            self._note(_why_none(found, gate.judge(seen)))
        return found.changes

    def _note(self, reason: str) -> None:
        self.unknown = self.unknown or reason

    def _timely(self, plan: Plan, choice: choosing.Choice) -> Iterator[Plan]:
        """The plan with everything beside tokens, signals and data that keeps these tokens from being taken."""
        found = [each for each in self._choices(plan.situation) if _ids(each) == _ids(choice)]
        for again in found[-1:] if self.transition.signal and not choice.used else found[:MOST_CHOICES]:
            yield plan.plus(*_role(plan, self.transition), *_time(plan, again), *_block(plan, again))


@lru_cache(maxsize=64)
def _domains(schema: type | None) -> Mapping[str, Domain]:
    """What typed data may be, by path; nothing is assumed where annotations cannot be read."""
    try:
        return {} if schema is None else domains_of(schema)
    except NameError:
        return {}


def _why_none(found: Smallest, verdict: Verdict) -> str:
    text = verdict.text
    culprits = ", ".join(dict.fromkeys(leaf.name or leaf.text for leaf in verdict.failures()))
    if found.minimal:
        return f"no data would make it hold: {text if len(text) <= LONGEST else text[:LONGEST] + '…'}"
    return f"no value is known that would make it hold: {culprits}" + (f" ({found.reason})" if found.reason else "")


def _ids(choice: choosing.Choice) -> tuple[str, ...]:
    return tuple(token.id for token in choice.binding)


def _without_signals(situation: Situation, name: str) -> Situation:
    return situation.with_case(signals=tuple(signal for signal in situation.case.signals if signal.name != name))


def _role(plan: Plan, transition: Transition) -> tuple[Need, ...]:
    return (HaveRole(transition.roles),) if plan.situation.lacks_role(transition) else ()


def _time(plan: Plan, choice: choosing.Choice) -> tuple[Need, ...]:
    due = plan.situation.due(choice)
    if due is None:
        return ()
    coming = not plan.brought.isdisjoint(_ids(choice))
    return (WaitUntil(None, choice.transition.delay or 0.0) if coming else WaitUntil(due),)


def _block(plan: Plan, choice: choosing.Choice) -> tuple[Need, ...]:
    if plan.situation.block(choice) is None or isinstance(choice.transition.trigger, Every):
        return ()
    return (FireAgain(choice.transition.id),)
