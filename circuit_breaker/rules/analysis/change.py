"""The smallest change of a token that makes a rule hold.

Of each path the values that the conditions tell apart are tried, the nearest of each sort; first no change, then every
change of one path, then of two. What the search finds is applied, and judged by the rule itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import or_
from typing import Any

import attrs

from circuit_breaker.rules.analysis.answers import Change, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key, keyed
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.analysis.edits import Edit, applied, edits
from circuit_breaker.rules.analysis.formulas import Atoms
from circuit_breaker.rules.analysis.search import BUDGET
from circuit_breaker.rules.analysis.ternary import ANYTHING, TRUE, Formula
from circuit_breaker.rules.analysis.trie import Node, grown, read
from circuit_breaker.rules.analysis.variables import COMBINATIONS
from circuit_breaker.rules.constant import plain
from circuit_breaker.rules.rule import Rule
from circuit_breaker.rules.verdict import MISSING

__all__ = ["smallest_change"]


def smallest_change(
    rule: Rule, token: Any, *, domains: Mapping[str, Domain] | None = None, budget: int = BUDGET
) -> Change | Undecided | None:
    """The fewest paths to set, and of these the nearest values, so that the rule holds; proved by applying it.

    Where the value on the way to a path is no object, the object that takes its place is set as a whole. The state of
    the token is never changed.

    Args:
        rule: The rule, with its names looked up.
        token: What is judged now: a token, or a mapping, which is taken for its data.
        domains: What may be set at paths; see :func:`domains_of`.
        budget: Values that the search tries before it gives up.

    Returns:
        A change, without values where the rule holds already; None where it is proved that no change of values would
        do; or why that is not decided.

    Raises:
        RuleInvalid: A path of the domains is none.
    """
    seen = Witness(token) if isinstance(token, Mapping) else token
    if rule.tree.holds(seen):
        return Change({})
    found = _Search.of(rule, seen, keyed(domains or {}), budget).run()
    if found is None and any(path.count(".") > 1 for path in rule.paths):
        # A value inside of an object can also go, by an object without it.
        return _Search.of(rule, seen, keyed(domains or {}), budget, holders=True).run()
    return found


@attrs.define
class _Search:
    """The search for one rule and one token.

    Attributes:
        token: What is changed.
        rule: What shall hold.
        formula: The rule, as far as its conditions are known.
        groups: The edits of each key; one of each is chosen.
        masks: What the conditions answer that no single key decides; 0 for the others.
        crossing: For each condition on several keys, the places of these among the groups.
        atoms: The conditions, by their number.
        doubts: Why the edits may not be all that there are.
        left: How many edits may still be tried.
        doubted: The lowest cost at which there may be a change that was not found, or None.
    """

    token: Any
    rule: Rule
    formula: Formula
    groups: list[list[Edit]]
    masks: Sequence[int]
    crossing: Mapping[int, Sequence[int]]
    atoms: Sequence[Atom]
    doubts: list[str]
    left: int
    doubted: int | None
    later: Sequence[Sequence[int]] = ()

    @classmethod
    def of(
        cls, rule: Rule, token: Any, domains: Mapping[Key, Domain], budget: int, *, holders: bool = False
    ) -> _Search:
        """The search, before anything is tried; also over what holds the paths that are read, if ``holders``."""
        atoms = Atoms()
        formula = atoms.formula(rule.tree)
        tops = grown(atoms.found, domains)
        tops.pop(("state",), None)
        _compare_with_present(tops.values(), token)
        for node in (node for top in tops.values() for node in top.nodes() if holders):
            node.asked = True
        doubts: list[str] = []
        groups = {
            key: edits(top, atoms.found, token, doubts, most=min(budget, COMBINATIONS)) for key, top in tops.items()
        }
        masks = [_fixed(atom, token) for atom in atoms.found]
        doubted = 1 if doubts else None
        doubts += [atom.opaque for atom in atoms.found if atom.opaque]
        kept, order = _possible(formula, masks, groups)
        crossing = {
            number: tuple(order.index(key) for key in {key[:2] for key in atom.keys} if key in order)
            for number, atom in enumerate(atoms.found)
            if masks[number] == ANYTHING and not atom.opaque
        }
        found = cls(token, rule, formula, kept, masks, crossing, atoms.found, doubts, budget, doubted)
        found.later = _later(kept, len(masks))
        return found

    def run(self) -> Change | Undecided | None:
        """The change of the fewest paths, and of these the nearest."""
        least = sum(min((each.cost for each in group), default=0) for group in self.groups)
        most = sum(max((each.cost for each in group), default=0) for group in self.groups)
        for cost in range(least, most + 1):
            found = min(self._proved(cost), key=_distance, default=None)
            if found is not None:
                return self._change(found, minimal=self.doubted is None or self.doubted >= cost)
        return Undecided(self._reason()) if self.doubted is not None else None

    def _proved(self, cost: int) -> Iterator[tuple[Edit, ...]]:
        """The choices of such a cost for which the rule holds."""
        for chosen in self._chosen(self.masks, (), cost):
            sure = all(each.sure for each in chosen)
            if sure and self.rule.tree.holds(applied(self.token, _values(chosen))[0]):
                yield chosen
            elif (self.doubts or not sure) and self.doubted is None:
                self.doubted = max(cost, 1)

    def _chosen(self, masks: Sequence[int], chosen: tuple[Edit, ...], cost: int) -> Iterator[tuple[Edit, ...]]:
        """The choices of exactly that cost for which the rule may hold."""
        possible = list(map(or_, masks, self.later[len(chosen)]))
        if not self.formula.possible(possible) & TRUE:
            return
        if len(chosen) == len(self.groups):
            if not cost:
                yield chosen
            return
        for edit in self.groups[len(chosen)]:
            self.left -= 1
            if self.left < 0:
                self._give_up()
            if self.left < 0 or edit.cost > cost:
                return
            yield from self._chosen(self._narrowed(masks, (*chosen, edit)), (*chosen, edit), cost - edit.cost)

    def _narrowed(self, masks: Sequence[int], chosen: tuple[Edit, ...]) -> list[int]:
        """What each condition can answer after the last choice."""
        narrowed = _with(masks, chosen[-1].masks)
        for number, places in self.crossing.items():
            if max(places, default=0) == len(chosen) - 1:
                narrowed[number] = self.atoms[number].ask(applied(self.token, _values(chosen))[0])
        return narrowed

    def _give_up(self) -> None:
        self.doubts.append("there are more combinations of values than were tried")
        self.doubted = 1 if self.doubted is None else self.doubted

    def _reason(self) -> str:
        return "; ".join(dict.fromkeys(self.doubts)) or "texts that are looked into may or may not exist"

    def _change(self, chosen: tuple[Edit, ...], *, minimal: bool) -> Change:
        values = {".".join(key): value for key, value in _values(chosen).items()}
        return Change(values, minimal, "" if minimal else self._reason())


def _possible(
    formula: Formula, masks: Sequence[int], groups: Mapping[Key, list[Edit]]
) -> tuple[list[list[Edit]], list[Key]]:
    """The edits with which the rule may hold, groups of few first, and the keys in that order."""
    kept, before = dict(groups), -1
    while before != (before := sum(map(len, kept.values()))):
        union = list(_later(list(kept.values()), len(masks))[0])
        union = list(map(or_, union, masks))
        for key, group in kept.items():
            kept[key] = [edit for edit in group if formula.possible(_with(union, edit.masks)) & TRUE]
    order = sorted(kept, key=lambda key: len(kept[key]))
    return [kept[key] for key in order], order


def _with(masks: Sequence[int], known: Mapping[int, int]) -> list[int]:
    narrowed = list(masks)
    for number, mask in known.items():
        narrowed[number] = mask
    return narrowed


def _compare_with_present(tops: Iterable[Node], token: Any) -> None:
    """Paths that are compared with each other are compared with what is there now."""
    nodes = [node for top in tops for node in top.nodes() if node.group]
    seen = [read(token, node.key) for node in nodes]
    present = Hints(tuple(plain(value) for value in seen if value is not MISSING))
    for node in nodes:
        node.hints |= present


def _later(groups: Sequence[Sequence[Edit]], count: int) -> list[list[int]]:
    """For each place, what the conditions of the groups from there on can answer."""
    later = [[0] * count]
    for group in reversed(groups):
        masks = list(later[0])
        for edit in group:
            for number, mask in edit.masks.items():
                masks[number] |= mask
        later.insert(0, masks)
    return later


def _fixed(atom: Atom, token: Any) -> int:
    """What the condition answers whatever is chosen: nothing yet where that is for the changes of one key to say."""
    if atom.opaque or len({key[:2] for key in atom.keys}) > 1:
        return ANYTHING
    return atom.ask(token) if not atom.keys or atom.keys == (("state",),) else 0


def _values(chosen: tuple[Edit, ...]) -> dict[Key, Any]:
    return {key: value for edit in chosen for key, value in edit.values.items()}


def _distance(chosen: tuple[Edit, ...]) -> list[Any]:
    return sorted(edit.distance for edit in chosen if edit.cost)
