"""Search: a token for which rules answer as wanted, or the proof that there is none.

One condition after the other becomes known (Davis, Putnam, Logemann and Loveland, "A machine program for
theorem-proving", 1962, with three values in place of two): the search gives a value to one key at a time and gives up
as soon as some rule can no longer answer as wanted. What it finds is judged by the rules themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

import attrs

from circuit_breaker.rules.analysis.answers import Undecided, Witness
from circuit_breaker.rules.analysis.atoms import Atom, Key
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.analysis.formulas import Atoms
from circuit_breaker.rules.analysis.ternary import ANYTHING, FALSE, TRUE, UNKNOWN, Formula, answer_of
from circuit_breaker.rules.analysis.trie import grown
from circuit_breaker.rules.analysis.variables import Option, Variable, variable
from circuit_breaker.rules.rule import Rule
from circuit_breaker.rules.verdict import MISSING

__all__ = ["BUDGET", "Demand", "Space"]

BUDGET: Final = 20_000
"""Values that one search tries before it gives up."""

_TRIES: Final = 64
_VARIANTS: Final = 8

Demand = tuple[Rule, int]
"""A rule, and which answers of it are wanted, as a mask."""

_Assignment = tuple[Option | None, ...]


@attrs.frozen(eq=False)
class Space:
    """All tokens, as far as some rules can tell them apart; made once, and searched any number of times.

    Attributes:
        atoms: The conditions of the rules.
        variables: What stands at each key that they read; and for each condition that can only be asked, its answers.
        crossing: For each condition on several keys, the positions of these among the variables.
        budget: Values that one search tries.
    """

    atoms: Atoms
    variables: tuple[Variable, ...]
    crossing: Mapping[int, tuple[int, ...]]
    budget: int = BUDGET

    @classmethod
    def of(cls, rules: Iterable[Rule], *, domains: Mapping[Key, Domain] | None = None, budget: int = BUDGET) -> Space:
        """The space of the rules, under the assumption that values are within their domains."""
        atoms = Atoms()
        for rule in rules:
            atoms.formula(rule.tree)
        tops = grown(atoms.found, domains or {})
        variables = [variable(top, atoms.found) for top in tops.values()]
        places = {each.key: place for place, each in enumerate(variables)}
        crossing = {number: _places(atom, places) for number, atom in enumerate(atoms.found) if not atom.opaque}
        variables += [_asked(number, atom) for number, atom in enumerate(atoms.found) if atom.opaque]
        return cls(atoms, tuple(variables), {n: found for n, found in crossing.items() if len(found) > 1}, budget)

    def find(self, *demands: Demand) -> Witness | Undecided | None:
        """A token for which every rule answers as is wanted of it; None where it is proved that there is none.

        Args:
            *demands: The rules, which must be made of those that the space was made of, and what is wanted of each.
        """
        return _Search(self, demands).run()


def _places(atom: Atom, places: Mapping[Key, int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(places[key[:2]] for key in atom.keys))


def _asked(number: int, atom: Atom) -> Variable:
    """A condition that can only be asked, as a variable without a value."""
    options = tuple(Option({number: mask}, []) for mask in (TRUE, FALSE, UNKNOWN))
    return Variable(("", str(number)), options, (atom.opaque,))


@attrs.define
class _Search:
    """One search.

    Attributes:
        space: Where it searches.
        demands: What is wanted.
        formulas: The formula of each rule, and the wanted answers.
        options: What is left of each variable's options; those with few come first.
        order: The places of the variables in that order.
        left: How many options may still be tried.
        tries: How many assignments may still be judged by the rules themselves.
    """

    space: Space
    demands: Sequence[Demand]
    formulas: Sequence[tuple[Formula, int]] = ()
    options: list[Sequence[Option]] = attrs.field(factory=list)
    order: Sequence[int] = ()
    left: int = 0
    tries: int = _TRIES

    def run(self) -> Witness | Undecided | None:
        """A token, the proof that there is none, or why neither was found."""
        self.formulas = [(self.space.atoms.formula(rule.tree), wanted) for rule, wanted in self.demands]
        self.left = self.space.budget
        self.options = [each.options for each in self.space.variables]
        while self._filtered():
            pass
        self.order = self._ordered()
        doubtful = False
        if all(self.options):
            for assignment in self._assignments(self._masks(), [None] * len(self.options), 0):
                found = self._proved(assignment)
                if found is not None:
                    return found
                doubtful = True
                self.tries -= 1
                if not self.tries:
                    break
        return self._without(doubtful=doubtful)

    def _ordered(self) -> list[int]:
        """The places, those of few options first, and what is compared with each other together."""
        order: list[int] = []
        left = set(range(len(self.options)))
        while left:
            near = {place for places in self.space.crossing.values() if set(places) & set(order) for place in places}
            order.append(min((near & left) or left, key=lambda place: (len(self.options[place]), place)))
            left.discard(order[-1])
        return order

    def _filtered(self) -> bool:
        """Whether an option went that is impossible whatever the other variables are."""
        masks, before = self._masks(), sum(map(len, self.options))
        for place, options in enumerate(self.options):
            self.options[place] = [option for option in options if self._possible(masks, option)]
        return sum(map(len, self.options)) < before

    def _possible(self, masks: Sequence[int], option: Option) -> bool:
        narrowed = list(masks)
        for number, mask in option.masks.items():
            narrowed[number] = mask
        return all(formula.possible(narrowed) & wanted for formula, wanted in self.formulas)

    def _without(self, *, doubtful: bool) -> Undecided | None:
        """Why nothing was found, or None where that is a proof."""
        doubts = [doubt for each in self.space.variables for doubt in each.doubts if each.key[0]]
        if self.left < 0:
            return Undecided(f"more than {self.space.budget} combinations of values would have to be tried")
        if doubtful:
            asked = [doubt for each in self.space.variables for doubt in each.doubts if not each.key[0]]
            return Undecided("; ".join((*asked, *doubts)) or "texts that are looked into may or may not exist")
        return Undecided("; ".join(doubts)) if doubts else None

    def _masks(self) -> list[int]:
        """What each condition can answer before anything is chosen."""
        masks = [0] * len(self.space.atoms.found)
        for each in self.options:
            for option in each:
                for number, mask in option.masks.items():
                    masks[number] |= mask
        for number, atom in enumerate(self.space.atoms.found):
            if number in self.space.crossing:
                masks[number] = ANYTHING
            elif not atom.keys and not atom.opaque:
                masks[number] = atom.ask(Witness())
        return masks

    def _assignments(self, masks: Sequence[int], chosen: list[Option | None], depth: int) -> Iterator[_Assignment]:
        """Every choice for which the rules may answer as wanted; what is not chosen does not matter."""
        answers = [(formula.possible(masks), wanted) for formula, wanted in self.formulas]
        if self.left < 0 or any(not answer & wanted for answer, wanted in answers):
            return
        if depth == len(self.order) or not any(answer & ~wanted for answer, wanted in answers):
            yield tuple(chosen)
            return
        place = self.order[depth]
        for option in self.options[place]:
            self.left -= 1
            chosen[place] = option
            yield from self._assignments(self._narrowed(masks, chosen, place), chosen, depth + 1)
        chosen[place] = None

    def _narrowed(self, masks: Sequence[int], chosen: Sequence[Option | None], place: int) -> list[int]:
        """What each condition can answer after the choice at that place."""
        narrowed = list(masks)
        option = chosen[place]
        for number, mask in option.masks.items() if option else ():
            narrowed[number] = mask
        for number, places in self.space.crossing.items():
            if place in places and all(chosen[each] is not None for each in places):
                narrowed[number] = self.space.atoms.found[number].ask(self._token(chosen))
        return narrowed

    def _proved(self, chosen: _Assignment) -> Witness | None:
        """A token of the choice for which the rules themselves answer as wanted."""
        members = [self._members(place, option) for place, option in enumerate(chosen)]
        for values in islice(product(*members), _VARIANTS):
            token = self._made(values)
            if self._answered(token):
                return self._plainest(list(values))
        return None

    def _answered(self, token: Witness) -> bool:
        return all(answer_of(rule.tree.holds, rule.tree.fails, token) & wanted for rule, wanted in self.demands)

    def _plainest(self, values: list[Any]) -> Witness:
        """The token without what does not matter."""
        for place, value in enumerate(values):
            if value is not MISSING and any(option.missing for option in self.space.variables[place].options):
                values[place] = MISSING
                if not self._answered(self._made(values)):
                    values[place] = value
        return self._made(values)

    def _members(self, place: int, option: Option | None) -> list[Any]:
        """The values of an option; of a key that does not matter the plainest, nothing being the best."""
        if option is None:
            options = self.options[place]
            option = next((each for each in options if each.missing), options[0])
            return [MISSING] if option.missing else option.members[:1] or [MISSING]
        return option.members[:_VARIANTS] or [MISSING]

    def _token(self, chosen: Sequence[Option | None]) -> Witness:
        return self._made([MISSING if not option or not option.members else option.members[0] for option in chosen])

    def _made(self, values: Sequence[Any]) -> Witness:
        parts: dict[str, Any] = {"data": {}, "metadata": {}, "results": {}, "state": ""}
        for each, value in zip(self.space.variables, values, strict=True):
            if value is MISSING or not each.key[0]:
                continue
            if len(each.key) == 1:
                parts[each.key[0]] = value
            else:
                parts[each.key[0]][each.key[1]] = value
        return Witness(**parts)
