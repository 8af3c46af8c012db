"""Grid: all tokens, as far as rules that compare paths with constants can tell them apart; each path is an axis of it.

The paths do not depend on each other, so what is wanted of a rule that reads one path cuts one axis and nothing else.
Only rules that read several paths leave a choice: it is made one after the other, the narrowest first, and taken back
where it leads nowhere (Davis, Logemann and Loveland, "A machine program for theorem-proving", 1962).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from circuit_breaker.rules.analysis.answers import Undecided, Witness
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key
from circuit_breaker.rules.analysis.axis import NO_PATH, Axis, cuts_of, fits
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.analysis.formulas import Atoms
from circuit_breaker.rules.analysis.judged import Box, Joint, Judged, Part, Wanted, every, one_of, opposite, some
from circuit_breaker.rules.analysis.search import BUDGET, Demand
from circuit_breaker.rules.analysis.ternary import Choice, Every, Formula, Leaf, Opposite, Some, answer_of
from circuit_breaker.rules.rule import Rule
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Form", "Grid", "Room"]


@attrs.frozen(eq=False)
class Form:
    """What is known of a rule.

    Attributes:
        rule: The rule.
        formula: It over the conditions of the grid.
        number: The same number for rules that say the same.
        tops: The keys that its paths begin with; for a condition that can only be asked one of its own.
        opaque: Whether a part of it can only be asked.
    """

    rule: Rule
    formula: Formula
    number: int
    tops: frozenset[Key]
    opaque: bool


Open = tuple[Joint, int]
"""A rule that reads several paths, and what is wanted of it, where it is still to be chosen how."""


@attrs.frozen
class Room:
    """Tokens that are left.

    Attributes:
        box: The values of each path.
        choices: What is still to be chosen of rules that read several paths.
    """

    box: Box = attrs.field(factory=dict)
    choices: tuple[Open, ...] = ()


class Grid:
    """All tokens, as far as rules tell them apart.

    Args:
        domains: What can stand at paths.
        budget: How many choices one question may try.

    Attributes:
        cut: How often its axes were cut anew.
    """

    def __init__(self, domains: Mapping[Key, Domain] | None = None, *, budget: int = BUDGET) -> None:
        self._domains, self._budget = dict(domains or {}), budget
        self._atoms = Atoms()
        self._forms: dict[int, Form] = {}
        self._numbers: dict[Formula, int] = {}
        self._seen = 0
        self._hints: dict[Key, Hints] = {}
        self._paths: dict[Key, set[Key]] = {}
        self._axes: dict[Key, Axis] = {}
        self._judged: dict[int, Judged | None] = {}
        self.cut = 0

    def form(self, rule: Rule) -> Form:
        """What is known of a rule; the axes are cut anew for one that comes late."""
        known = self._forms.get(id(rule))
        if known is None:
            formula = self._atoms.formula(rule.tree)
            number = self._numbers.setdefault(formula, len(self._numbers))
            atoms = [self._atoms.found[each] for each in dict.fromkeys(formula.numbers())]
            tops = frozenset(key[:2] for atom in atoms for key in atom.keys)
            tops |= {("", str(each)) for each in formula.numbers() if self._atoms.found[each].opaque}
            known = Form(rule, formula, number, tops, any(atom.opaque for atom in atoms))
            self._forms[id(rule)] = known
            self._learn()
        return known

    def _learn(self) -> None:
        """Cuts the axes also where the answers of new conditions turn."""
        for atom in self._atoms.found[self._seen :]:
            for key in atom.keys if fits(atom) else ():
                paths = self._paths.setdefault(key[:2], set())
                axis = self._axes.get(key)
                if (key not in paths and paths) or (axis is not None and not cuts_of(atom.hints) <= axis.cuts):
                    self._axes.pop(key, None)
                    self._judged.clear()
                    self.cut += 1
                paths.add(key)
                self._hints[key] = self._hints.get(key, Hints()) | atom.hints
        self._seen = len(self._atoms.found)

    def axis(self, key: Key) -> Axis:
        """The values at a path."""
        found = self._axes.get(key)
        if found is None:
            found = self._axes[key] = Axis(key, self._hints.get(key, Hints()), self._domains)
        return found

    def judged(self, rule: Rule) -> Judged | None:
        """The rule for all values at once; None where a condition of it does not fit onto the grid."""
        return self.of(self.form(rule))

    def of(self, form: Form) -> Judged | None:
        """The same of a rule of which the form is known."""
        if form.number not in self._judged:
            fit = all(self._fits(self._atoms.found[each]) for each in form.formula.numbers())
            self._judged[form.number] = self._of(form.formula) if fit else None
        return self._judged[form.number]

    def _fits(self, atom: Atom) -> bool:
        return fits(atom) and all(len(self._paths[key[:2]]) == 1 for key in atom.keys)

    def _of(self, formula: Formula) -> Judged:
        match formula:
            case Every(parts):
                return every(map(self._of, parts), self._always())
            case Some(parts):
                return some(map(self._of, parts), self._always())
            case Opposite(part):
                return opposite(self._of(part))
            case Choice(condition, then, otherwise):
                return one_of(self._of(condition), self._of(then), self._of(otherwise))
            case Leaf(number):
                atom = self._atoms.found[number]
                key = atom.keys[0] if atom.keys else NO_PATH
                return Part(key, self.axis(key).sets(atom))
        raise AssertionError(formula)

    def _always(self) -> Part:
        return Part(NO_PATH, (self.axis(NO_PATH).every, 0, 0))

    def narrowed(self, room: Room, wanted: Iterable[Wanted]) -> Room | None:
        """What is left of a room where these answers are wanted too; None where that is nothing."""
        box, choices = dict(room.box), list(room.choices)
        todo: Sequence[Wanted] = tuple(wanted)
        while todo:
            for judged, mask in todo:
                if isinstance(judged, Joint):
                    choices.append((judged, mask))
                elif isinstance(judged, Part):
                    left = box.get(judged.key, self.axis(judged.key).every) & judged.values(mask)
                    if not left:
                        return None
                    box[judged.key] = left
            still = _opened(box, choices) if choices else ([], ())
            if still is None:
                return None
            choices, todo = still
        return Room(box, tuple(choices))

    def chosen(self, room: Room) -> Box | Undecided | None:
        """A box of which every token answers as wanted; None where there is none."""
        ahead: list[tuple[Room, Sequence[Wanted]]] = [(room, ())]
        for _ in range(self._budget):
            if not ahead:
                return None
            here, wanted = ahead.pop()
            left = self.narrowed(here, wanted)
            if left is None:
                continue
            if not left.choices:
                return left.box
            ways = [_ways(left.box, choice) for choice in left.choices]
            place = min(range(len(ways)), key=lambda each: len(ways[each]))
            others = Room(left.box, (*left.choices[:place], *left.choices[place + 1 :]))
            ahead += [(others, way) for way in reversed(ways[place])]
        return Undecided(f"more than {self._budget} combinations of values would have to be tried")

    def find(self, demands: Sequence[Demand]) -> Witness | Undecided | None:
        """A token for which every rule answers as is wanted of it; None where it is proved that there is none.

        Args:
            demands: Rules that fit onto the grid, and what is wanted of each.
        """
        for rule, _ in demands:
            self.form(rule)
        wanted = [(judged, mask) for rule, mask in demands if (judged := self.judged(rule)) is not None]
        room = self.narrowed(Room(), wanted)
        box = None if room is None else self.chosen(room)
        if box is None or isinstance(box, Undecided):
            return box
        token = self._token({key: self.axis(key).every for rule, _ in demands for key in self._read(rule)} | dict(box))
        if all(answer_of(rule.tree.holds, rule.tree.fails, token) & mask for rule, mask in demands):
            return token
        return Undecided("no token was found about which the rules say so")

    def _read(self, rule: Rule) -> Iterator[Key]:
        """The paths that a rule reads."""
        for number in self.form(rule).formula.numbers():
            yield from self._atoms.found[number].keys

    def _token(self, box: Box) -> Witness:
        parts: dict[str, Any] = {"data": {}, "metadata": {}, "results": {}, "state": ""}
        for key, values in box.items():
            whole = self.axis(key).plainest(values)
            if len(key) == 1:
                parts[key[0]] = whole
            elif key and whole is not MISSING:
                parts[key[0]][key[1]] = whole
        return Witness(**parts)


def _ways(box: Box, wanted: Open) -> list[Sequence[Wanted]]:
    """The ways that are left to answer as wanted."""
    judged, mask = wanted
    return [way for way in judged.ways(mask) if all(part.possible(box) & each for part, each in way)]


def _opened(box: Box, choices: Iterable[Open]) -> tuple[list[Open], Sequence[Wanted]] | None:
    """The choices that are open, and what is forced by those that are not; None where one is left nothing."""
    still: list[Open] = []
    forced: list[Wanted] = []
    for judged, mask in choices:
        if not judged.possible(box) & ~mask:
            continue
        ways = _ways(box, (judged, mask))
        if not ways:
            return None
        if len(ways) == 1:
            forced += ways[0]
        else:
            still.append((judged, mask))
    return still, forced
