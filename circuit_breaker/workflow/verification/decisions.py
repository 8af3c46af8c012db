"""Decisions: what rules can say of data together, which is what the ways of a token depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from circuit_breaker.rules import Rule
from circuit_breaker.rules.analysis import Domain, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import keyed
from circuit_breaker.rules.analysis.formulas import Atoms
from circuit_breaker.rules.analysis.search import Demand, Space
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE
from circuit_breaker.workflow.verification.model import Facts

__all__ = ["BUDGET", "Decisions", "touches"]

BUDGET = 2_000
"""Values that one question about rules tries; there are many questions."""


class Decisions:
    """The rules of a workflow, numbered, and what was found out about them.

    Args:
        domains: What can stand at paths.
    """

    def __init__(self, domains: Mapping[str, Domain] | None = None) -> None:
        self.rules: list[Rule] = []
        self.domains = dict(domains or {})
        self._keyed = keyed(self.domains)
        self._numbers: dict[int, int] = {}
        self._texts: list[str] = []
        self._opaque: list[bool] = []
        self._paths: list[frozenset[str]] = []
        self._found: dict[frozenset[tuple[str, bool]], Witness | Undecided | None] = {}
        self._spaces: dict[tuple[int, ...], Space] = {}

    def number(self, rule: Rule) -> int:
        """The number of a rule, which it keeps."""
        known = self._numbers.get(id(rule))
        if known is None:
            known = self._numbers[id(rule)] = len(self.rules)
            self.rules.append(rule)
            self._paths.append(rule.paths)
            self._opaque.append(_asks(rule))
            self._texts.append(f"{known}" if self._opaque[known] or rule.names else str(rule.to_document()))
        return known

    def paths(self, number: int) -> frozenset[str]:
        """The paths that a rule reads, as far as it can be told."""
        return self._paths[number]

    def opaque(self, number: int) -> bool:
        """Whether a part of the rule can only be asked."""
        return self._opaque[number]

    def witness(self, facts: Iterable[tuple[int, bool]]) -> Witness | Undecided | None:
        """Data of which all the facts are true; None where there are none."""
        known = sorted({(number, holds) for number, holds in facts if number >= 0})
        key = frozenset((self._texts[number], holds) for number, holds in known)
        if key not in self._found:
            demands = [(self.rules[number], TRUE if holds else FALSE) for number, holds in known]
            self._found[key] = self.solved(demands, tuple(dict.fromkeys(number for number, _ in known)))
        return self._found[key]

    def solved(self, demands: Iterable[Demand], numbers: tuple[int, ...] = ()) -> Witness | Undecided | None:
        """A token that answers these demands; ``numbers`` are those of their rules, so that work is not done twice."""
        demands = tuple(demands)
        space = self._spaces.get(numbers) if numbers else None
        if space is None:
            space = Space.of([rule for rule, _ in demands], domains=self._keyed, budget=BUDGET)
            if numbers:
                self._spaces[numbers] = space
        return space.find(*demands)

    def possible(self, facts: Iterable[tuple[int, bool]]) -> bool:
        """Whether the facts can be true together, as far as is known."""
        return self.witness(facts) is not None

    def sorts(self, numbers: Iterable[int], known: Facts) -> list[Facts]:
        """Every way in which the rules can answer, beside what is known; where all can judge."""
        sorts = [known]
        for number in numbers:
            wider = [facts | {(number, holds)} for facts in sorts for holds in _both(number, facts)]
            sorts = [facts for facts in wider if self.possible(facts)]
        return sorts or [known]


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
