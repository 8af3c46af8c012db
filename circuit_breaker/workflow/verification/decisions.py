"""Decisions: what rules can say of data together, which is what the ways of a token depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from circuit_breaker.rules import Rule
from circuit_breaker.rules.analysis import Domain, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import keyed
from circuit_breaker.rules.analysis.formulas import Atoms
from circuit_breaker.rules.analysis.search import Demand, Space
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE
from circuit_breaker.workflow.verification.model import Facts

__all__ = ["BUDGET", "Answers", "Decisions", "touches"]


@attrs.frozen(eq=False)
class Answers:
    """What was found out about rules, for one and the same data.

    Attributes:
        found: For each set of demands, rules by their text, a token that answers them.
        asked: Rules that have no text, which are kept so that no other one is taken for them.
    """

    found: dict[frozenset[tuple[str, int]], Witness | Undecided | None] = attrs.field(factory=dict)
    asked: list[Rule] = attrs.field(factory=list)


BUDGET = 2_000
"""Values that one question about rules tries; there are many questions."""


class Decisions:
    """The rules of a workflow, numbered, and what was found out about them.

    Args:
        domains: What can stand at paths.
        known: Answers that were found before for the same domains; those that are found now are added.
    """

    def __init__(self, domains: Mapping[str, Domain] | None = None, known: Answers | None = None) -> None:
        self.rules: list[Rule] = []
        self.domains = dict(domains or {})
        self._keyed = keyed(self.domains)
        self._numbers: dict[int, int] = {}
        self._texts: list[str] = []
        self._opaque: list[bool] = []
        self._paths: list[frozenset[str]] = []
        self._answers = Answers() if known is None else known
        self._spaces: dict[tuple[int, ...], Space] = {}

    def number(self, rule: Rule) -> int:
        """The number of a rule, which it keeps."""
        known = self._numbers.get(id(rule))
        if known is None:
            known = self._numbers[id(rule)] = len(self.rules)
            self.rules.append(rule)
            self._paths.append(rule.paths)
            self._opaque.append(_asks(rule))
            self._texts.append(self._text(rule, opaque=self._opaque[known]))
        return known

    def _text(self, rule: Rule, *, opaque: bool) -> str:
        if not (opaque or rule.names):
            return str(rule.to_document())
        self._answers.asked.append(rule)
        return f"{id(rule)}"

    def paths(self, number: int) -> frozenset[str]:
        """The paths that a rule reads, as far as it can be told."""
        return self._paths[number]

    def opaque(self, number: int) -> bool:
        """Whether a part of the rule can only be asked."""
        return self._opaque[number]

    def witness(self, facts: Iterable[tuple[int, bool]]) -> Witness | Undecided | None:
        """Data of which all the facts are true; None where there are none."""
        return self._solved(_demands(facts))

    def solved(self, demands: Iterable[Demand]) -> Witness | Undecided | None:
        """A token that answers these demands."""
        return self._solved([(self.number(rule), mask) for rule, mask in demands])

    def _solved(self, demands: Sequence[tuple[int, int]], among: Iterable[int] = ()) -> Witness | Undecided | None:
        key = frozenset((self._texts[number], mask) for number, mask in demands)
        if key not in self._answers.found:
            numbers = tuple(sorted({*among, *(number for number, _ in demands)}))
            space = self._spaces.get(numbers)
            if space is None:
                rules = [self.rules[number] for number in numbers]
                space = self._spaces[numbers] = Space.of(rules, domains=self._keyed, budget=BUDGET)
            self._answers.found[key] = space.find(*((self.rules[number], mask) for number, mask in demands))
        return self._answers.found[key]

    def possible(self, facts: Iterable[tuple[int, bool]]) -> bool:
        """Whether the facts can be true together, as far as is known."""
        return self.witness(facts) is not None

    def sorts(self, numbers: Iterable[int], known: Facts) -> list[Facts]:
        """Every way in which the rules can answer, beside what is known; where all can judge."""
        numbers = tuple(numbers)
        among = {*numbers, *(number for number, _ in known if number >= 0)}  # one space serves all questions
        sorts = [known]
        for number in numbers:
            wider = [facts | {(number, holds)} for facts in sorts for holds in _both(number, facts)]
            sorts = [facts for facts in wider if self._solved(_demands(facts), among) is not None]
        return sorts or [known]


def _demands(facts: Iterable[tuple[int, bool]]) -> list[tuple[int, int]]:
    known = sorted({(number, holds) for number, holds in facts if number >= 0})
    return [(number, TRUE if holds else FALSE) for number, holds in known]


def _asks(rule: Rule) -> bool:
    atoms = Atoms()
    atoms.formula(rule.tree)
    return any(atom.opaque for atom in atoms.found)


def _both(number: int, facts: Facts) -> tuple[bool, ...]:
    said = tuple(holds for holds in (True, False) if (number, holds) in facts)
    return said or (True, False)


def touches(path: str, changed: str) -> bool:
    """Whether a change of what lies at one path can change what lies at the other."""
    return path == changed or path.startswith(f"{changed}.") or changed.startswith(f"{path}.")
