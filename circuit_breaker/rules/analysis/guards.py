"""Rules that compete: tried in order, the first that holds wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import attrs

from circuit_breaker.rules.analysis.answers import Competition, Gap, Overlap, Shadow, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import Atom, Key, keyed
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.analysis.search import BUDGET, Demand, Space
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.rules.analysis.trie import read, sample
from circuit_breaker.rules.rule import Rule
from circuit_breaker.rules.tree import AnyOf
from circuit_breaker.rules.verdict import MISSING

__all__ = ["compete", "contradictory", "gaps", "overlapping", "shadowed"]

Guards = Mapping[str, Rule]
Domains = Mapping[str, Domain]

_MOST_GAPS: Final = 16


def compete(
    guards: Guards, *, given: Rule | None = None, domains: Domains | None = None, budget: int = BUDGET
) -> Competition:
    """All that is known of rules that are tried in order.

    Args:
        guards: The rules by name, the first to be tried first; the names in them are looked up.
        given: A rule that holds anyway, such as a validation.
        domains: What can stand at paths; see :func:`domains_of`.
        budget: Values that each question tries before it is given up.

    Raises:
        RuleInvalid: A path of the domains is none.
    """
    asked = _Asked(guards, given, domains or {}, budget)
    return Competition(
        tuple(asked.contradictory()),
        tuple(asked.shadowed()),
        tuple(asked.overlapping()),
        tuple(asked.gaps()),
        tuple(asked.undecided),
    )


def contradictory(
    guards: Guards, *, given: Rule | None = None, domains: Domains | None = None
) -> tuple[tuple[str, ...], tuple[Undecided, ...]]:
    """The names of the rules that never hold, and what is not decided; takes what :func:`compete` takes."""
    asked = _Asked(guards, given, domains or {})
    return tuple(asked.contradictory()), tuple(asked.undecided)


def shadowed(
    guards: Guards, *, given: Rule | None = None, domains: Domains | None = None
) -> tuple[tuple[Shadow, ...], tuple[Undecided, ...]]:
    """The rules that never win, and what is not decided; takes what :func:`compete` takes."""
    asked = _Asked(guards, given, domains or {})
    return tuple(asked.shadowed()), tuple(asked.undecided)


def overlapping(
    guards: Guards, *, given: Rule | None = None, domains: Domains | None = None
) -> tuple[tuple[Overlap, ...], tuple[Undecided, ...]]:
    """The pairs that can hold at once, and what is not decided; takes what :func:`compete` takes."""
    asked = _Asked(guards, given, domains or {})
    return tuple(asked.overlapping()), tuple(asked.undecided)


def gaps(
    guards: Guards, *, given: Rule | None = None, domains: Domains | None = None
) -> tuple[tuple[Gap, ...], tuple[Undecided, ...]]:
    """Tokens for which none holds, and what is not decided; takes what :func:`compete` takes."""
    asked = _Asked(guards, given, domains or {})
    return tuple(asked.gaps()), tuple(asked.undecided)


@attrs.define(eq=False)
class _Asked:
    """Questions about some rules, and those that have no answer."""

    guards: Guards
    given: Rule | None
    domains: Domains
    budget: int = BUDGET
    undecided: list[Undecided] = attrs.field(factory=list)
    space: Space = attrs.field(init=False)
    _never: frozenset[str] | None = None

    def __attrs_post_init__(self) -> None:
        self.space = self._space(keyed(self.domains))

    def _space(self, domains: Mapping[Key, Domain]) -> Space:
        given = [] if self.given is None else [self.given]
        return Space.of([*self.guards.values(), *given], domains=domains, budget=self.budget)

    def _find(self, question: str, *demands: Demand, space: Space | None = None) -> Witness | bool | None:
        """A token, None where there is none, False where that is not decided."""
        given = [] if self.given is None else [(self.given, TRUE)]
        found = (space or self.space).find(*demands, *given)
        if isinstance(found, Undecided):
            self.undecided.append(attrs.evolve(found, question=question))
            return False
        return found

    def contradictory(self) -> Iterator[str]:
        """The rules that never hold."""
        if self._never is None:
            found = {
                name: self._find(f"contradictory '{name}'", (rule, TRUE)) is None for name, rule in self.guards.items()
            }
            self._never = frozenset(name for name, never in found.items() if never)
        return (name for name in self.guards if name in (self._never or ()))

    def shadowed(self) -> Iterator[Shadow]:
        """The rules that hold only where an earlier one does, and hold at all."""
        never = set(self.contradictory())
        live = [name for name in self.guards if name not in never]
        for place, name in enumerate(live):
            earlier = live[:place]
            if earlier and self._covered(name, earlier):
                one = next((each for each in earlier if self._covered(name, [each], ask=False)), None)
                yield Shadow(name, (one,) if one else tuple(self._needed(name, earlier)))

    def _covered(self, name: str, earlier: Sequence[str], *, ask: bool = True) -> bool:
        others = [(self.guards[each], FALSE | UNKNOWN) for each in earlier]
        known = len(self.undecided)
        found = self._find(f"shadowed '{name}'", (self.guards[name], TRUE), *others)
        if not ask:
            del self.undecided[known:]
        return found is None

    def _needed(self, name: str, earlier: Sequence[str]) -> list[str]:
        """The earlier rules without those that are not needed to cover it."""
        kept = list(earlier)
        for each in earlier:
            fewer = [other for other in kept if other != each]
            if fewer and self._covered(name, fewer, ask=False):
                kept = fewer
        return kept

    def overlapping(self) -> Iterator[Overlap]:
        """The pairs that can hold at once."""
        for (first, one), (second, other) in combinations(self.guards.items(), 2):
            found = self._find(f"overlapping '{first}' and '{second}'", (one, TRUE), (other, TRUE))
            if isinstance(found, Witness):
                yield Overlap(first, second, found)

    def gaps(self) -> Iterator[Gap]:
        """A token for which all rules say no; then, for one kind of value after the other, tokens they cannot judge."""
        anyone = Rule(AnyOf(tuple(self.guards.values())))
        found = self._find("gaps", (anyone, FALSE))
        if isinstance(found, Witness):
            yield Gap("value", found, tuple(sorted(anyone.paths)))
        domains = keyed(self.domains)
        for _ in range(_MOST_GAPS):
            found = self._find("gaps of what is not known", (anyone, UNKNOWN), space=self._space(domains))
            if not isinstance(found, Witness):
                return
            gap, narrower = self._explained(found, domains)
            yield gap
            if not narrower:
                return
            domains = domains | narrower

    def _explained(self, token: Witness, domains: Mapping[Key, Domain]) -> tuple[Gap, dict[Key, Domain]]:
        """Which values keep the rules from judging, and domains without values of that kind."""
        silent = [atom for atom in self.space.atoms.found if not atom.opaque and atom.ask(token) == UNKNOWN]
        keys = sorted({key for atom in silent for key in atom.keys})
        missing = [key for key in keys if read(token, key) is MISSING or read(token, key) is None]
        if missing:
            return Gap("missing", token, _texts(missing)), _there(missing, domains)
        narrower = {}
        for key in keys:
            kinds = _not_judged(key, [atom for atom in silent if atom.keys == (key,)])
            if kinds:
                narrower[key] = domains.get(key, Domain()).without(*kinds)
        return Gap("kind" if keys else "unknown", token, _texts(keys)), narrower


_SAMPLES: Final[Mapping[str, Any]] = {"boolean": True, "number": 0, "text": "other", "list": [], "object": {}}


def _not_judged(key: Key, silent: Sequence[Atom]) -> list[str]:
    """The kinds of values at the path that none of the conditions can judge."""
    if not silent:
        return []
    return [kind for kind, value in _SAMPLES.items() if all(atom.ask(sample(key, value)) == UNKNOWN for atom in silent)]


def _there(keys: Sequence[Key], domains: Mapping[Key, Domain]) -> dict[Key, Domain]:
    """The domains with a value at these paths."""
    return {key: domains.get(key, Domain()).without("missing", "null") for key in keys}


def _texts(keys: Sequence[Key]) -> tuple[str, ...]:
    return tuple(".".join(key) for key in keys)
