"""Knowledge: what is known of the data of a token, when that is decided, and how long it stays true."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules import Rule, field
from circuit_breaker.rules.analysis import Witness
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, answer_of
from circuit_breaker.rules.path import Path
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.merging import Collect, Last
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import Answers, Decisions, touches
from circuit_breaker.workflow.verification.lasting import holding, lasting_part
from circuit_breaker.workflow.verification.model import Fact, Facts, Spot
from circuit_breaker.workflow.verification.unions import Unions
from circuit_breaker.workflow.verification.writes import (
    FAILURE,
    answered,
    brought,
    counted,
    fresh,
    merged,
    written,
)

__all__ = ["Knowledge", "persuadable", "put_right"]

MOST_SORTS = 16
"""How many sorts of data are told apart before a split; with more each branch decides for itself."""
MOST_COUNTED = 64
"""How far a counter is followed."""


def persuadable(transition: Transition) -> bool:
    """Whether whoever fires it, or the signal, brings data with which its rules are judged."""
    own = brought(transition)
    if not own or transition.gate is None:
        return False
    paths = transition.gate.paths
    return not paths or any(touches(path, each) for path in paths for each in own)


def put_right(transition: Transition) -> Rule | None:
    """The validations of data, which are put right by whoever sent them; None where they read more than that."""
    rule = transition.validations
    sent = rule is not None and all(touches(path, "data") for path in rule.paths)
    return rule if sent and transition.otherwise is None else None


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
        self._parts: dict[tuple[int, tuple[str, ...]], int | None] = {}
        self._counters: dict[tuple[str, int], int] = {}
        self._lasting: dict[int, bool] = {}
        self._staying: dict[tuple[str, ...], dict[int, bool]] = {}
        self._useful: dict[str, dict[int, bool]] = {}
        self._decided: dict[tuple[str, Facts], list[Facts]] = {}
        self._unions = Unions(workflow, self.decisions)
        changing = {path for t in workflow.transitions for path in (*merged(t), *written(t))}
        self._changing = (*sorted(changing), FAILURE)
        self.asked = {state: tuple(dict.fromkeys(self._asked(state))) for state in workflow.leaving}
        self.valid = {state: tuple(dict.fromkeys(self._valid(state))) for state in workflow.leaving}
        self._ahead = self._reading({t.index for t in workflow.transitions}, later=True)
        self._read = {state: self._paths(numbers) for state, numbers in self._ahead.items()}
        alone = {t.index for t in workflow.transitions if t.alone}
        self._branch = self._reading(alone)
        self._here = {state: self._said_of(Witness(state=state), ("state",), state) for state in workflow.leaving}
        results = sorted({path for paths in self._read.values() for path in paths if path.startswith("results.")})
        self.begun = self._said_of(Witness(), results, workflow.initial)

    def _asked(self, state: str) -> Iterator[int]:
        """The rules that say how a token of a state goes on by itself."""
        for transition in self.workflow.leaving[state]:
            if not transition.alone:
                continue
            if transition.waits and transition.otherwise is None and (policy := self.policy(transition)) is not None:
                yield policy  # whoever fires it in vain can do so again, but it stays in vain
            if transition.gate is None:
                continue
            if persuadable(transition):
                part = self.gate(transition)
                yield from () if part is None else (part,)
            else:
                yield self.decisions.number(transition.gate)
                if transition.otherwise is not None and transition.guard is not None:
                    yield self.decisions.number(transition.guard)

    def _valid(self, state: str) -> Iterator[int]:
        """The validations that data must pass to go on from a state: whoever sends others is told so at once."""
        for transition in self.workflow.leaving[state] if self.asked[state] else ():
            if not persuadable(transition) and (rule := put_right(transition)) is not None:
                yield self.decisions.number(rule)

    def _later(self, state: str) -> Iterator[int]:
        """Rules that say how joins and actions end which take a token of a state, as far as it is as it was before."""
        for transition in self.workflow.leaving[state]:
            policy = self.policy(transition)
            if policy is not None:
                yield policy
            if transition.alone:
                continue
            if persuadable(transition):
                rules = [holding(transition)]
            else:
                rules = [transition.gate, transition.guard if transition.otherwise else None]
            yield from (self.decisions.number(rule) for rule in rules if rule is not None)

    def gate(self, transition: Transition) -> int | None:
        """What the rules beforehand ask of one token that what comes with it cannot change."""
        judged = transition.gate if transition.otherwise is None else transition.guard
        return None if judged is None else self.lasting(judged, brought(transition))

    def refused(self, transition: Transition, facts: Facts) -> bool:
        """Whether nothing that comes with it can make its rules hold beforehand."""
        return transition.alone and persuadable(transition) and (self.gate(transition), False) in facts

    def passed(self, transition: Transition) -> Facts:
        """What its rules have said beforehand of what comes with it, and its action does not change."""
        if transition.gate is None or not persuadable(transition):
            return frozenset()
        number = self.decisions.number(transition.gate)
        return frozenset({(number, True)}) if self._stays(number, answered(transition)) else frozenset()

    def policy(self, transition: Transition) -> int | None:
        """What the policy of an action asks that neither the action nor what comes with it can change."""
        if transition.rules is None or not transition.steps:
            return None
        return self.lasting(transition.rules, fresh(transition))

    def lasting(self, rule: Rule, changed: tuple[str, ...]) -> int | None:
        """What a rule asks that changes at some paths do not touch; None where that is nothing."""
        key = (self.decisions.number(rule), changed)
        if key not in self._parts:
            part = lasting_part(rule, changed)
            self._parts[key] = None if part is None else self.decisions.number(part)
        return self._parts[key]

    def _reading(self, allowed: set[int], *, later: bool = False) -> dict[str, frozenset[int]]:
        """For each state the rules that are asked in it, or further on by the allowed transitions."""
        found = {state: {*asked, *(self._later(state) if later else ())} for state, asked in self.asked.items()}
        before: dict[str, set[str]] = {}
        for transition in self.workflow.transitions:
            if transition.index in allowed:
                for target in transition.targets:
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

    def _said_of(self, token: Witness, paths: Collection[str], state: str) -> Facts:
        """What the rules say of a token in a state that read nothing but some paths, of which all is known."""
        rules = [(each, self.decisions.rules[each].tree) for each in self._ahead[state]]
        known = [
            each for each in rules if self.decisions.paths(each[0]) and self.decisions.paths(each[0]) <= set(paths)
        ]
        said = [
            (number, answer_of(tree.holds, tree.fails, token))
            for number, tree in known
            if not self.decisions.opaque(number)
        ]
        return frozenset((number, answer == TRUE) for number, answer in said if answer in (TRUE, FALSE))

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
        kept = self.kept(facts, written(transition))
        said = frozenset((number, True) for number in shown if self._stays(number, self._since(number, transition)))
        return kept | said | frozenset(self._counted(facts, transition))

    def _since(self, number: int, transition: Transition) -> tuple[str, ...]:
        """What a firing writes after one of its rules was judged; only its policy judges what the action did."""
        policy = transition.rules is not None and self.decisions.number(transition.rules) == number
        own = counted(transition)
        return own if policy or not transition.steps else (*own, *answered(transition))

    def _counted(self, facts: Facts, transition: Transition) -> Iterator[Fact]:
        """What is known of the counters: those that begin at nothing are followed for a while."""
        acted = answered(transition)
        keys = [key for key in (*transition.restarts, *transition.counts) if _readable(key)]
        for key in (key for key in keys if not any(touches(f"metadata.{key}", path) for path in acted)):
            if key in transition.restarts:
                yield self._counts(key, 0)
                continue
            known = next((n for n in range(MOST_COUNTED) if self._is(key, n, facts)), None)
            if known is not None:
                yield self._counts(key, known + 1)

    def _is(self, key: str, number: int, facts: Facts) -> bool:
        """Whether it is known that a counter stands at a number."""
        rule = self._counters.get((key, number))
        return rule is not None and (rule, True) in facts

    def _counts(self, key: str, number: int) -> Fact:
        known = self._counters.get((key, number))
        if known is None:
            known = self._counters[key, number] = self.decisions.number(field(f"metadata.{key}") == number)
        return known, True

    def joined(self, transition: Transition, spots: Sequence[Spot]) -> Facts | None:
        """What is known of several tokens made one; None where there can be no such tokens in one case."""
        lasting = frozenset(fact for spot in spots for fact in spot.facts if self._fixed(fact[0]))
        if not self.decisions.possible(lasting):
            return None
        merge = transition.merge
        if isinstance(merge, (Last, Collect)):  # of several tokens in the last state any can be the last one
            last = transition.net.takes[-1].place
            common = frozenset.intersection(*(spot.facts for spot in spots if spot.state == last))
            return lasting | self.kept(common, merged(transition))
        common = frozenset.intersection(*(spot.facts for spot in spots))
        common = self.kept(common, () if merge is None else ("data",))
        return lasting | {fact for fact in common if self._unions.of_one(fact[0], transition)}

    def _fixed(self, number: int) -> bool:
        """Whether a rule says the same of every token of a case, at any time: nothing changes what it reads."""
        found = self._lasting.get(number)
        if found is None:
            found = self._lasting[number] = self._stays(number, self._changing)
        return found

    def _stays(self, number: int, gone: tuple[str, ...]) -> bool:
        """Whether what a rule says is still so after changes at some paths."""
        if self.decisions.opaque(number):
            return False
        paths = self.decisions.paths(number)
        return "state" not in paths and not any(touches(path, change) for path in paths for change in gone)

    def useful(self, facts: Facts, state: str) -> Facts:
        """What of it still matters for a token in a state."""
        here = self._here[state]
        if self.forgets:
            return here
        useful = self._useful.setdefault(state, {})
        for number, _ in facts:
            if number not in useful:
                useful[number] = self._matters(number, state)
        return here.union(fact for fact in facts if useful[fact[0]])

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

    def refusable(self, transition: Transition, known: Facts) -> bool:
        """Whether its policy can say no where its guard does not, of tokens of which so much is known."""
        facts = {(self.decisions.number(transition.gate), False)} if transition.gate is not None else set()
        if transition.guard is not None:
            facts.add((self.decisions.number(transition.guard), True))
        return self.decisions.possible(known | facts)


def _readable(key: str) -> bool:
    """Whether a rule can be written that reads a key of the metadata by its path."""
    try:
        return Path.parse(f"metadata.{key}").steps == (key,)
    except RuleInvalid:
        return False
