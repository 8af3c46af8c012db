"""Decisions: what rules can say of data together, which is what the ways of a token depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from circuit_breaker.lazy import deferred
from circuit_breaker.rules import Rule
from circuit_breaker.rules.analysis import Domain, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import Key, keyed
from circuit_breaker.rules.analysis.grid import Form, Grid, Room
from circuit_breaker.rules.analysis.judged import Judged
from circuit_breaker.rules.analysis.search import Demand, Space
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE
from circuit_breaker.rules.path import steps_of
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.verification.model import Facts

__all__ = ["BUDGET", "Answers", "Decisions", "touches"]

_domains_of = deferred("circuit_breaker.rules.analysis", "domains_of")

BUDGET = 2_000
"""Values that one question about rules tries; there are many questions."""

MOST_WORK = 10_000
"""How many pairs of rules the plain way may look at, over all questions about a workflow of few transitions."""
MOST_WORK_EACH = 40
"""How many for each transition of a larger one."""

Found = Witness | Undecided | None


class Answers:
    """What was found out about rules, for one and the same kind of data.

    Args:
        workflow: The workflow of which the data are known; None where nothing is.

    Attributes:
        domains: What can stand at paths.
        grid: The rules that are judged for all values at once.
        found: For each set of demands a token that answers them.
    """

    def __init__(self, workflow: Workflow | None = None) -> None:
        schema = None if workflow is None else workflow.schema
        self.domains: Mapping[str, Domain] = {} if schema is None else _domains_of(schema)
        self.grid = Grid(keyed(self.domains), budget=BUDGET)
        for transition in () if workflow is None else workflow.transitions:
            for rule in (transition.gate, transition.guard, transition.rules, transition.validations):
                if rule is not None:
                    self.grid.form(rule)
        self.found: dict[frozenset[tuple[int, int]], Found] = {}
        self._spaces: dict[frozenset[int], Space] = {}
        self._least = MOST_WORK_EACH * (0 if workflow is None else len(workflow.transitions))
        self._work = 0

    @property
    def tired(self) -> bool:
        """Whether the plain way has taken more work than is good for one workflow."""
        return self._work > max(MOST_WORK, self._least)

    def rested(self) -> Answers:
        """The same, ready for as much work again."""
        self._work = 0
        return self

    def solved(self, demands: Sequence[Demand], among: Iterable[Rule] = ()) -> Found:
        """A token that answers these demands; None where there is none.

        Args:
            demands: Rules, and what is wanted of each.
            among: Rules of other questions that are to be asked next.
        """
        forms = [self.grid.form(rule) for rule, _ in demands]
        key = frozenset((form.number, mask) for form, (_, mask) in zip(forms, demands, strict=True))
        if key not in self.found:
            self.found[key] = None if _contrary(key) else self._solved(demands, forms, among)
        return self.found[key]

    def _solved(self, demands: Sequence[Demand], forms: Sequence[Form], among: Iterable[Rule]) -> Found:
        """What depends on rules that do not fit onto the grid is found in the plain way, all else on the grid."""
        tops = self.apart(forms)
        if not tops:
            return self.grid.find(demands)
        plain = [demand for demand, form in zip(demands, forms, strict=True) if not form.tops.isdisjoint(tops)]
        quick = [demand for demand, form in zip(demands, forms, strict=True) if form.tops.isdisjoint(tops)]
        if not quick:
            return self._plainly(plain, among)
        one = self.solved(quick)
        if one is None:
            return None
        other = self.solved(plain, among)
        return _together(one, other) if isinstance(one, Witness) else None if other is None else one

    def room(self, wanted: Iterable[tuple[Form, int]], apart: frozenset[Key]) -> Room | None:
        """The tokens that are left, rules left out that depend on some keys; None where there are none."""
        judged = [(self.grid.of(form), mask) for form, mask in wanted if form.tops.isdisjoint(apart)]
        return self.grid.narrowed(Room(), [(one, mask) for one, mask in judged if one is not None])

    def cut(self, room: Room, judged: Judged, *, holds: bool) -> Room | None:
        """What is left of a room where a rule holds, or fails; None where that is nothing."""
        left = self.grid.narrowed(room, ((judged, TRUE if holds else FALSE),))
        return left if left is not None and (not left.choices or self.grid.chosen(left) is not None) else None

    def _plainly(self, demands: Sequence[Demand], among: Iterable[Rule]) -> Found:
        rules = [*among, *(rule for rule, _ in demands)]
        key = frozenset(self.grid.form(rule).number for rule in rules)
        self._work += len(key) ** 2
        space = self._spaces.get(key)
        if space is None:
            space = self._spaces[key] = Space.of(rules, domains=keyed(self.domains), budget=BUDGET)
        return space.find(*demands)

    def apart(self, forms: Sequence[Form]) -> frozenset[Key]:
        """The keys of the tokens on which rules depend that do not fit onto the grid, themselves or by others."""
        found = {top for form in forms if self.grid.of(form) is None for top in form.tops}
        size = -1
        while found and size < len(found):
            size = len(found)
            found.update(top for form in forms if not form.tops.isdisjoint(found) for top in form.tops)
        return frozenset(found)


def _contrary(wanted: Iterable[tuple[int, int]]) -> bool:
    """Whether of one rule several answers are wanted that exclude each other."""
    left: dict[int, int] = {}
    for number, mask in wanted:
        left[number] = left.get(number, mask) & mask
    return not all(left.values())


def _together(one: Witness, other: Found) -> Found:
    """A token that is what both are; they have no key in common."""
    if not isinstance(other, Witness):
        return other
    return Witness(
        {**one.data, **other.data},
        {**one.metadata, **other.metadata},
        {**one.results, **other.results},
        one.state or other.state,
    )


class Decisions:
    """The rules of a workflow, numbered, and what is found out about them.

    Args:
        answers: What was found out before about the same kind of data; what is found now is added.
    """

    def __init__(self, answers: Answers) -> None:
        self.rules: list[Rule] = []
        self.domains = answers.domains
        self._answers = answers
        self._numbers: dict[int, int] = {}
        self._forms: list[Form] = []
        self._paths: list[frozenset[str]] = []
        self._rooms: dict[Facts, _Left] = {}

    def number(self, rule: Rule) -> int:
        """The number of a rule, which it keeps."""
        known = self._numbers.get(id(rule))
        if known is None:
            known = self._numbers[id(rule)] = len(self.rules)
            self.rules.append(rule)
            self._paths.append(rule.paths)
            self._forms.append(self._answers.grid.form(rule))
        return known

    @property
    def tired(self) -> bool:
        """Whether it takes too long to find out more."""
        return self._answers.tired

    def paths(self, number: int) -> frozenset[str]:
        """The paths that a rule reads, as far as it can be told."""
        return self._paths[number]

    def opaque(self, number: int) -> bool:
        """Whether a part of the rule can only be asked."""
        return self._forms[number].opaque

    def witness(self, facts: Iterable[tuple[int, bool]]) -> Found:
        """Data of which all the facts are true; None where there are none."""
        return self._answers.solved(self._demands(facts))

    def solved(self, demands: Iterable[Demand]) -> Found:
        """A token that answers these demands."""
        return self._answers.solved(list(demands))

    def possible(self, facts: Iterable[tuple[int, bool]]) -> bool:
        """Whether the facts can be true together, as far as is known."""
        return self.witness(facts) is not None

    def _demands(self, facts: Iterable[tuple[int, bool]]) -> list[Demand]:
        return [(self.rules[number], TRUE if holds else FALSE) for number, holds in sorted(set(facts))]

    def sorts(self, numbers: Iterable[int], known: Facts) -> list[Facts]:
        """Every way in which the rules can answer, beside what is known; where all can judge."""
        numbers = tuple(numbers)
        left = self._left(known)
        judged = [self._answers.grid.of(self._forms[number]) for number in numbers]
        quick = [one for one in judged if one is not None]
        if len(quick) < len(judged) or any(not left.apart.isdisjoint(self._forms[number].tops) for number in numbers):
            return self._plainly(numbers, known) or [known]
        return self._quickly(numbers, quick, known, left) or [known]

    def _left(self, known: Facts) -> _Left:
        """What is left of all tokens where so much is known."""
        found = self._rooms.get(known)
        if found is None or found.cut != self._answers.grid.cut:
            wanted = [(self._forms[number], TRUE if holds else FALSE) for number, holds in known]
            apart = self._answers.apart([form for form, _ in wanted])
            found = self._rooms[known] = _Left(self._answers.room(wanted, apart), apart, self._answers.grid.cut)
        return found

    def _plainly(self, numbers: Sequence[int], known: Facts) -> list[Facts]:
        """The sorts, one question after the other."""
        among = [self.rules[number] for number in {*numbers, *(number for number, _ in known)}]
        sorts = [known]
        for number in numbers:
            wider = [facts | {(number, holds)} for facts in sorts for holds in _both(number, facts)]
            sorts = [facts for facts in wider if self._answers.solved(self._demands(facts), among) is not None]
        return sorts

    def _quickly(self, numbers: Sequence[int], judged: Sequence[Judged], known: Facts, left: _Left) -> list[Facts]:
        """The sorts, by cutting what is left of all values in two by one rule after the other."""
        sorts: list[tuple[list[tuple[int, bool]], Room]] = [] if left.room is None else [([], left.room)]
        for number, rule in zip(numbers, judged, strict=True):
            wider: list[tuple[list[tuple[int, bool]], Room]] = []
            for facts, room in sorts:
                for holds in _both(number, known):
                    half = self._answers.cut(room, rule, holds=holds)
                    if half is not None:
                        wider.append(([*facts, (number, holds)], half))
            sorts = wider
        found = {known.union(facts): room for facts, room in sorts}
        self._rooms.update((facts, attrs.evolve(left, room=room)) for facts, room in found.items())
        return list(found)


@attrs.frozen(eq=False)
class _Left:
    """What is left of all tokens where something is known of them.

    Attributes:
        room: It, as far as it is on the grid; None where there are no such tokens.
        apart: The keys on which rules depend that are not on the grid.
        cut: How often the grid had been cut.
    """

    room: Room | None
    apart: frozenset[Key]
    cut: int


def _both(number: int, facts: Facts) -> tuple[bool, ...]:
    said = tuple(holds for holds in (True, False) if (number, holds) in facts)
    return said or (True, False)


def touches(path: str, changed: str) -> bool:
    """Whether a change of what lies at one path can change what lies at the other."""
    one, other = steps_of(path), steps_of(changed)
    least = min(len(one), len(other))
    return one[:least] == other[:least]
