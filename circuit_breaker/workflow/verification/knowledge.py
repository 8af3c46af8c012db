"""Knowledge: what is known of the data of a token, when that is decided, and how long it stays true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from circuit_breaker.rules import field
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.merging import Last
from circuit_breaker.workflow.steps import Execution
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import Answers, Decisions, touches
from circuit_breaker.workflow.verification.model import Fact, Facts

__all__ = ["EVERYTHING", "Knowledge", "persuadable"]

EVERYTHING = ("data", "metadata", "results")
MOST_SORTS = 16
"""How many sorts of data are told apart before a split; with more each branch decides for itself."""
MOST_COUNTED = 64
"""How far a counter is followed."""


def persuadable(transition: Transition) -> bool:
    """Whether whoever fires it, or the signal, brings data with which its rules are judged."""
    if transition.automatic or transition.delay is not None or transition.gate is None:
        return False
    paths = transition.gate.paths
    return not paths or any(path.startswith("data") for path in paths)


class Knowledge:
    """What can be known of tokens in each state of a workflow.

    Args:
        workflow: The workflow.
        known: What was found out about its rules before.
        forgets: Whether each state begins to find out about data anew.
    """

    def __init__(self, workflow: Workflow, known: Answers | None = None, *, forgets: bool = False) -> None:
        self.workflow, self.forgets = workflow, forgets
        self.decisions = Decisions(known or Answers(workflow))
        self._counters: dict[tuple[str, int], int] = {}
        self._lasting: dict[int, bool] = {}
        self._staying: dict[tuple[str, ...], dict[int, bool]] = {}
        self._useful: dict[str, dict[int, bool]] = {}
        self._decided: dict[tuple[str, Facts], list[Facts]] = {}
        merged = any(t.merge is not None and not isinstance(t.merge, Last) for t in workflow.transitions)
        changing = {path for t in workflow.transitions for path in self.changed(t)}
        self._changing = EVERYTHING if merged else (*sorted(changing), "metadata.failure")
        self.asked = {state: tuple(dict.fromkeys(self._asked(state))) for state in workflow.leaving}
        self.valid = {state: tuple(dict.fromkeys(self._valid(state))) for state in workflow.leaving}
        self._ahead = self._reading({t.index for t in workflow.transitions})
        self._read = {state: self._paths(numbers) for state, numbers in self._ahead.items()}
        alone = {t.index for t in workflow.transitions if sum(arc.weight for arc in t.net.takes) == 1}
        self._branch = self._reading(alone)

    def _asked(self, state: str) -> Iterator[int]:
        """The rules that say how a token of a state goes on by itself."""
        for transition in self.workflow.leaving[state]:
            if sum(arc.weight for arc in transition.net.takes) != 1 or persuadable(transition):
                continue
            if transition.gate is not None:
                yield self.decisions.number(transition.gate)
                if transition.otherwise is not None and transition.guard is not None:
                    yield self.decisions.number(transition.guard)

    def _valid(self, state: str) -> Iterator[int]:
        """The validations that data must pass to go on from a state: whoever sends others is told so at once."""
        for transition in self.workflow.leaving[state] if self.asked[state] else ():
            if transition.validations is not None and transition.otherwise is None and not persuadable(transition):
                yield self.decisions.number(transition.validations)

    def _reading(self, allowed: set[int]) -> dict[str, frozenset[int]]:
        """For each state the rules that are asked in it, or further on by the allowed transitions."""
        found = {state: set(asked) for state, asked in self.asked.items()}
        before: dict[str, set[str]] = {}
        for transition in self.workflow.transitions:
            if transition.index in allowed:
                for target in _targets(transition):
                    before.setdefault(target, set()).update(transition.sources)
        todo = [state for state, asked in found.items() if asked]
        while todo:
            state = todo.pop()
            for source in before.get(state, ()):
                if not found[state] <= found[source]:
                    found[source] |= found[state]
                    todo.append(source)
        return {state: frozenset(asked) for state, asked in found.items()}

    def _paths(self, numbers: Iterable[int]) -> frozenset[str]:
        """The paths that rules read."""
        return frozenset(path for number in numbers for path in self.decisions.paths(number))

    def shared(self, states: Iterable[str], known: Facts) -> list[Facts]:
        """The sorts of data that more than one of the branches which begin in these states would tell apart."""
        branches = [self._branch[state] for state in states]
        if len(branches) < 2:
            return [known]
        reads = [self._paths(branch) for branch in branches]
        numbers = sorted(
            number
            for number in frozenset().union(*branches)
            if sum(not self.decisions.paths(number).isdisjoint(read) for read in reads) > 1
            and not self.decisions.opaque(number)
        )
        if not numbers or len(numbers) > MOST_SORTS:
            return [known]
        sorts = self.decisions.sorts(numbers, known)
        return sorts if len(sorts) <= MOST_SORTS else [known]

    def kept(self, facts: Facts, changed: tuple[str, ...]) -> Facts:
        """What is still known after changes at some paths."""
        if not facts:
            return facts
        staying = self._staying.setdefault(tuple(changed), {})
        for number, _ in facts:
            if number not in staying:
                staying[number] = self._stays(number, changed)
        return frozenset(fact for fact in facts if staying[fact[0]])

    def after(self, facts: Facts, transition: Transition, shown: Iterable[int]) -> Facts:
        """What is known after it fired: what still holds, what its counters say, and what its rules have said.

        Args:
            facts: What was known.
            transition: It.
            shown: The rules that were judged on what came with it.
        """
        kept = self.kept(facts, self.changed(transition))
        said = frozenset((number, True) for number in shown if self._stays(number, ()))
        return kept | said | frozenset(self._counted(facts, transition))

    def _counted(self, facts: Facts, transition: Transition) -> Iterator[Fact]:
        """What is known of the counters: those that begin at nothing are followed for a while."""
        if any(not isinstance(step, Execution) for step in transition.steps):
            return
        for key in transition.restarts:
            yield self._counts(key, 0)
        for key in transition.counts:
            known = next((n for n in range(MOST_COUNTED) if self._counts(key, n) in facts), None)
            if known is not None and key not in transition.restarts:
                yield self._counts(key, known + 1)

    def _counts(self, key: str, number: int) -> Fact:
        known = self._counters.get((key, number))
        if known is None:
            known = self._counters[key, number] = self.decisions.number(field(f"metadata.{key}") == number)
        return known, True

    def joined(self, transition: Transition, known: Sequence[Facts]) -> Facts | None:
        """What is known of several tokens made one; None where there can be no such tokens in one case."""
        lasting = frozenset(fact for facts in known for fact in facts if self._fixed(fact[0]))
        if not self.decisions.possible(lasting):
            return None
        if isinstance(transition.merge, Last):
            return known[-1] | lasting
        return frozenset.intersection(*known) | lasting

    def _fixed(self, number: int) -> bool:
        """Whether a rule says the same of every token of a case, at any time: nothing changes what it reads."""
        found = self._lasting.get(number)
        if found is None:
            found = self._lasting[number] = number >= 0 and self._stays(number, self._changing)
        return found

    def _stays(self, number: int, gone: tuple[str, ...]) -> bool:
        """Whether what a rule says is still so after changes at some paths."""
        if number < 0 or self.decisions.opaque(number):
            return False
        paths = self.decisions.paths(number)
        return "state" not in paths and not any(touches(path, change) for path in paths for change in gone)

    def useful(self, facts: Facts, state: str) -> Facts:
        """What of it still matters for a token in a state."""
        if self.forgets:
            return frozenset()
        useful = self._useful.setdefault(state, {})
        for number, _ in facts:
            if number not in useful:
                useful[number] = number < 0 or self._matters(number, state)
        return frozenset(fact for fact in facts if useful[fact[0]])

    def _matters(self, number: int, state: str) -> bool:
        """Whether what a rule says tells something about what is asked in a state or further on."""
        return number in self._ahead[state] or not self.decisions.paths(number).isdisjoint(self._read[state])

    def decided(self, state: str, facts: Facts) -> list[Facts]:
        """Every way in which the rules of a state can answer; data that only a validation holds up are left out."""
        found = self._decided.get((state, facts))
        if found is None:
            found = self._decided[state, facts] = self._sorts(state, facts)
        return found

    def _sorts(self, state: str, facts: Facts) -> list[Facts]:
        sorts = self.decisions.sorts(self.asked[state], facts)
        valid = frozenset((number, True) for number in self.valid[state])
        if not valid:
            return sorts
        kept = [each if self._leads_on(state, each) else each | valid for each in sorts]
        return [each for each in kept if self.decisions.possible(each)] or sorts

    def _leads_on(self, state: str, facts: Facts) -> bool:
        """Whether a token of which so much is known can leave a state."""
        for transition in self.workflow.leaving[state]:
            if transition.gate is None or persuadable(transition):
                return True
            guard = None if transition.guard is None else self.decisions.number(transition.guard)
            refused = transition.otherwise is not None and (guard is None or (guard, True) in facts)
            if refused or (self.decisions.number(transition.gate), True) in facts:
                return True
        return False

    def refusable(self, transition: Transition) -> bool:
        """Whether the policy of a transition can say no where its guard does not."""
        facts = {(self.decisions.number(transition.gate), False)} if transition.gate is not None else set()
        if transition.guard is not None:
            facts.add((self.decisions.number(transition.guard), True))
        return self.decisions.possible(facts)

    def changed(self, transition: Transition, *, acted: bool = True) -> tuple[str, ...]:
        """The paths at which a firing can change a token.

        Args:
            transition: It.
            acted: Whether its action succeeded.
        """
        changed = [f"metadata.{key}" for key in (*transition.counts, *transition.restarts, *transition.stamps.values())]
        if transition.deal is not None:
            changed.append(f"data.{transition.deal.item}")
        if transition.waits and transition.delay is None:
            changed.append("data")
        for step in transition.steps if acted else ():
            if not isinstance(step, Execution):
                return EVERYTHING
            changed.append("data" if step.result is None else f"results.{step.result}")
        return tuple(changed)


def _targets(transition: Transition) -> list[str]:
    others = [state for state in (transition.otherwise, transition.on_failure) if state is not None]
    return [*(arc.place for arc in transition.net.gives), *others]
