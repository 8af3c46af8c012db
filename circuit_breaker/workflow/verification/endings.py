"""Endings: how a transition can end, with what is then known of its tokens."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from circuit_breaker.workflow.timing import After
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.knowledge import Knowledge, persuadable
from circuit_breaker.workflow.verification.model import Facts, Spot, Way
from circuit_breaker.workflow.verification.writes import FAILURE, brought, fresh, merged, written

__all__ = ["Ending", "Endings", "refused_spot"]


@attrs.frozen
class Ending:
    """One way in which a transition can end.

    Attributes:
        way: Which.
        targets: The states that get tokens, each with how many.
        facts: What is known of them.
        shows: What is known of the data that came with it.
        assumes: What is assumed of the data as they were.
        fresh: Whether data came with it.
        stays: Whether the tokens stay where they are.
        acted: Whether it is the end of an action.
    """

    way: Way
    targets: tuple[tuple[str, int], ...]
    facts: Facts
    shows: Facts = frozenset()
    assumes: Facts = frozenset()
    fresh: bool = False
    stays: bool = False
    acted: bool = False


def refused_spot(transition: Transition, spot: Spot) -> Spot:
    """Where a token of a spot is after the result of a transition was refused: there, and not tried again."""
    return attrs.evolve(spot, refused=spot.refused | {transition.index})


@attrs.frozen(eq=False)
class Endings:
    """The ways in which transitions can end.

    Attributes:
        knowledge: What can be known of tokens; None where rules may say anything.
    """

    knowledge: Knowledge | None

    def of(self, transition: Transition, spots: list[Spot]) -> Iterator[Ending]:
        """The ways in which one can end that takes tokens of these spots."""
        facts = self._joined(transition, spots)
        if facts is None or (spots and all(transition.index in spot.refused for spot in spots)):
            return
        yield from self._refusals(transition, facts)
        if self._passes(transition, facts):
            for ending in self._outcomes(transition, facts):
                yield attrs.evolve(ending, acted=True) if transition.steps else ending

    def _joined(self, transition: Transition, spots: list[Spot]) -> Facts | None:
        if self.knowledge is None or not spots:
            return frozenset()
        return spots[0].facts if len(spots) == 1 else self.knowledge.joined(transition, spots)

    def _passes(self, transition: Transition, facts: Facts) -> bool:
        if transition.gate is None or self.knowledge is None:
            return True
        if self.knowledge.refused(transition, facts):
            return False
        number = self.knowledge.decisions.number(transition.gate)
        asked = (number, True) in facts or (number, False) in facts
        if not transition.alone or persuadable(transition) or not asked:
            known = self._judged(facts, transition)
            return self.knowledge.decisions.possible(known | {(number, True)})
        return (number, True) in facts

    def _refusals(self, transition: Transition, facts: Facts) -> Iterator[Ending]:
        """Where the rules that are judged beforehand lead when they say no."""
        if transition.otherwise is None or transition.gate is None:
            return
        if self.knowledge is not None and transition.alone and not persuadable(transition):
            number = self.knowledge.decisions.number(transition.gate)
            guard = None if transition.guard is None else self.knowledge.decisions.number(transition.guard)
            if (number, False) not in facts or (guard is not None and (guard, True) not in facts):
                return
        elif self.knowledge is not None and not self.knowledge.refusable(transition, self._judged(facts, transition)):
            return
        after = self._kept(facts, transition)
        said = self._said_no(transition) - facts
        stays = frozenset() if self.knowledge is None else self.knowledge.kept(said, written(transition, acted=False))
        yield Ending(
            "otherwise", ((transition.otherwise, 1),), after | stays, assumes=said, fresh=persuadable(transition)
        )

    def _judged(self, facts: Facts, transition: Transition) -> Facts:
        """What is known of the data that the rules beforehand are judged on."""
        if self.knowledge is None or not persuadable(transition):
            return facts
        return self.knowledge.kept(facts, brought(transition))

    def _said_no(self, transition: Transition) -> Facts:
        """What is known of a token that a policy refused beforehand, unless other data came with it."""
        if self.knowledge is None or transition.gate is None or persuadable(transition):
            return frozenset()
        guard = () if transition.guard is None else ((self.knowledge.decisions.number(transition.guard), True),)
        return frozenset(((self.knowledge.decisions.number(transition.gate), False), *guard))

    def _outcomes(self, transition: Transition, facts: Facts) -> Iterator[Ending]:
        """What comes of a transition that its rules let begin."""
        shows = self._shown(transition)
        after = self._after(facts, transition, shows)
        comes = bool(brought(transition))
        targets = tuple((arc.place, arc.weight) for arc in transition.net.gives)
        for sort in self._split(targets, after) if self._answerable(transition, facts, holds=True) else ():
            assumed = frozenset() if transition.steps or comes else sort - after
            yield Ending("fires", targets, sort, shows | (sort - after), assumed, fresh=bool(transition.steps) or comes)
        if transition.steps:
            yield from self._bad_ends(transition, facts)

    def _split(self, targets: tuple[tuple[str, int], ...], facts: Facts) -> list[Facts]:
        branches = [state for state, count in targets for _ in range(min(count, 2))]  # more than two are like two
        return [facts] if self.knowledge is None else self.knowledge.shared(branches, facts)

    def _shown(self, transition: Transition) -> Facts:
        """What the data that come with a firing must be for it to succeed."""
        if self.knowledge is None:
            return frozenset()
        rules = [transition.rules] if transition.steps and transition.rules is not None else []
        if persuadable(transition) and transition.gate is not None:
            rules.append(transition.gate)
        return frozenset((self.knowledge.decisions.number(rule), True) for rule in rules)

    def _bad_ends(self, transition: Transition, facts: Facts) -> Iterator[Ending]:
        """What comes of an action that fails, or of which the result is refused."""
        after = self._kept(facts, transition)
        if transition.on_failure is not None:
            failed = after if self.knowledge is None else self.knowledge.kept(after, (FAILURE,))
            yield Ending("failed", ((transition.on_failure, 1),), failed)
        if transition.rules is None:
            return
        said: Facts = frozenset()
        if self.knowledge is not None:
            said = frozenset({(self.knowledge.decisions.number(transition.rules), False)})
            if not self._answerable(transition, facts, holds=False):
                return
        if transition.otherwise is not None:
            for known in self._unhelpable(transition, facts):
                yield Ending(
                    "otherwise", ((transition.otherwise, 1),), after | known, shows=said, assumes=known, fresh=True
                )
        elif self.knowledge is not None and (transition.automatic or isinstance(transition.trigger, After)):
            yield Ending("refused", (), facts, shows=said, fresh=True, stays=True)

    def _answerable(self, transition: Transition, facts: Facts, *, holds: bool) -> bool:
        """Whether there are answers of its action of which its policy says that."""
        if self.knowledge is None or not transition.steps or transition.rules is None:
            return True
        if holds and (self.knowledge.policy(transition), False) in facts:
            return False
        number = self.knowledge.decisions.number(transition.rules)
        known = self.knowledge.kept(facts, fresh(transition)) | self.knowledge.passed(transition)
        return self.knowledge.decisions.possible(known | {(number, holds)})

    def _unhelpable(self, transition: Transition, facts: Facts) -> Iterator[Facts]:
        """What can be known of a token of which an answer was refused: whether a better one could have passed."""
        part = None if self.knowledge is None else self.knowledge.policy(transition)
        if self.knowledge is None or part is None or transition.rules is None:
            yield frozenset()
            return
        refused = self.knowledge.kept(facts, fresh(transition)) | {
            (self.knowledge.decisions.number(transition.rules), False)
        }
        for said in (frozenset({(part, False)}), frozenset({(part, True)})):
            if self.knowledge.decisions.possible(refused | said):
                yield self.knowledge.kept(said, written(transition, acted=False))

    def _after(self, facts: Facts, transition: Transition, shows: Facts) -> Facts:
        """What is known of the tokens that a firing makes."""
        if self.knowledge is None:
            return frozenset()
        known = facts if transition.alone else self.knowledge.kept(facts, merged(transition))
        return self.knowledge.after(known, transition, (number for number, _ in shows))

    def _kept(self, facts: Facts, transition: Transition) -> Facts:
        """What is known of a token that goes where a refusal or failure leads."""
        if self.knowledge is None:
            return frozenset()
        changed = () if transition.alone else merged(transition)
        return self.knowledge.kept(facts, (*changed, *written(transition, acted=False)))
