"""Variables: what stands at one key of a token, reduced to the values that conditions tell apart.

Every value is judged by the conditions themselves, and values about which all of them say the same count as one. What
is made up here is complete for the conditions that the hints describe; where it is not, ``doubts`` say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

import attrs

from circuit_breaker.rules.analysis import collections, numbers, texts
from circuit_breaker.rules.analysis.atoms import Atom, Key
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE
from circuit_breaker.rules.analysis.trie import Node, nested, sample
from circuit_breaker.rules.constant import exact
from circuit_breaker.rules.path import step_into
from circuit_breaker.rules.verdict import MISSING

__all__ = ["COMBINATIONS", "Making", "Option", "Value", "Variable", "admitted", "kept", "variable"]

COMBINATIONS: Final = 4096
"""How many combinations of values inside of one object are told apart."""

_MEMBERS: Final = 8
_MOST_LOOKS: Final = 4
_MOST_PADDING: Final = 6


@attrs.define(eq=False)
class Option:
    """Values that no condition tells apart.

    Attributes:
        masks: What each condition answers, by its number.
        members: Some of the values, the plainest first.
        missing: Whether no value at all is one of them.
        sure: Whether the values are known to be answered so; otherwise a text may exist that is.
    """

    masks: dict[int, int]
    members: list[Any]
    missing: bool = False
    sure: bool = True


@attrs.frozen(eq=False)
class Variable:
    """What stands at one key.

    Attributes:
        key: The namespace and the key.
        options: What it can be; together every value that is to be reckoned with.
        doubts: Why that may not be so.
    """

    key: Key
    options: tuple[Option, ...]
    doubts: tuple[str, ...] = ()


@attrs.frozen
class Value:
    """A value, and the answers of conditions that some other value like it would give.

    Attributes:
        value: The value.
        instead: The answers, by the number of the condition; where there are some, no value is known that gives them.
    """

    value: Any
    instead: Mapping[int, int] = attrs.field(factory=dict)


def variable(top: Node, atoms: Sequence[Atom]) -> Variable:
    """The variable for a key, with all that is read below it."""
    making = Making(atoms)
    options = making.options(top)
    return Variable(top.key, tuple(options), tuple(dict.fromkeys(making.doubts)))


@attrs.define
class Making:
    """Makes up values.

    Attributes:
        atoms: The conditions, by their number.
        doubts: Why there may be values that no value made here stands for.
    """

    atoms: Sequence[Atom]
    doubts: list[str] = attrs.field(factory=list)

    def options(self, node: Node) -> list[Option]:
        """The values at the path and below it, those that are told apart once."""
        found: dict[Any, Option] = {}
        for each in self._enough(node):
            token = sample(node.key, each.value)
            masks = {number: self.atoms[number].ask(token) for number in node.inner} | dict(each.instead)
            crossed = tuple(kept(each.value, key[len(node.key) :]) for key in node.crossed())
            told = (*masks.values(), crossed, node.seen_above(each.value))
            option = found.setdefault(told, Option(masks, [], sure=not each.instead))
            if not option.sure and not each.instead:
                option.sure, option.members = True, []
            option.missing |= each.value is MISSING
            if len(option.members) < _MEMBERS and option.sure == (not each.instead):
                option.members.append(each.value)
        return list(found.values())

    def _enough(self, node: Node) -> Iterator[Value]:
        """The values that the domain admits.

        Of paths that are compared for equality alone, each path may be given any value in place of another about which
        all conditions on all of these paths say the same; of such values as many do as there are paths.
        """
        alike: dict[Any, dict[str, None]] = {}
        for each in self.values(node):
            if not admitted(node, each.value):
                continue
            if node.group and not node.ordered and not any(other.children for other in node.group):
                known = alike.setdefault(self._everywhere(node, each), {})
                if len(known | {kept(each.value, ()): None}) > node.copies:
                    continue
                known[kept(each.value, ())] = None
            yield each

    def _everywhere(self, node: Node, each: Value) -> Any:
        """What all conditions say about a value at any of the paths that are compared with each other."""
        said = [
            (
                other.domain.admits(each.value),
                other.seen_above(each.value),
                *(self.atoms[number].ask(sample(other.key, each.value)) for number in other.atoms),
            )
            for other in node.group
        ]
        return (each.value is MISSING, *said, *sorted(each.instead.items()))

    def values(self, node: Node) -> Iterator[Value]:
        """Values at the path, at least one of each sort; those of paths below are in them."""
        if node.key == ("state",):
            yield from (each for each in self._texts(node) if each.value)
            return
        self._check(node)
        if node.children:
            yield Value({})
            yield from self._containers(node)
        hints, copies = node.hints, node.copies
        yield from map(Value, numbers.representatives(hints.constants, copies=copies))
        yield from self._texts(node)
        yield from (Value(each) for each in (True, False))
        yield from (Value(each) for each in collections.lists(hints, copies=copies))
        yield from (
            Value(each)
            for each in collections.objects(hints, copies=copies)
            if not node.children or each in hints.constants
        )
        yield from (Value(each) for each in (MISSING, None))

    def _check(self, node: Node) -> None:
        where, hints = ".".join(node.key), node.hints
        if len(collections.distinct(hints.items)) > collections.MOST_ITEMS:
            self.doubts.append(f"more than {collections.MOST_ITEMS} items are looked for in '{where}'")
        if max(hints.lengths, default=0) >= collections.LARGEST:
            self.doubts.append(f"lengths of '{where}' from {collections.LARGEST} are not told apart")
        if nested([other.key for other in node.group]):
            self.doubts.append(f"'{where}' is compared both with something and with a part of it")
        if node.copies > 4:
            self.doubts.append(f"'{where}' is compared with too many other paths")
        if node.ordered and (hints.lengths or hints.pieces or hints.patterns):
            self.doubts.append(f"texts at '{where}' are looked into and ordered with those at other paths")

    def _texts(self, node: Node) -> Iterator[Value]:
        """Texts of every region, texts in which something is found, and what other texts of a region may answer."""
        hints = node.hints
        regions = list(texts.representatives(hints, copies=node.copies))
        yield from (Value(text) for text, *_ in regions)
        looking = [number for number in node.atoms if self.atoms[number].looks]
        if not looking:
            return
        yield from map(Value, texts.likely(hints, [text for text, *_ in regions]))
        for text, single, longest in regions:
            if not single:
                yield from (Value(text, answers) for answers in self._imagined(looking, longest))

    def _imagined(self, looking: list[int], longest: int | None) -> Iterator[dict[int, int]]:
        """What a text that nobody has found may answer to the conditions that look into it."""
        if len(looking) > _MOST_LOOKS:
            yield dict.fromkeys(looking, TRUE | FALSE)
            return
        for answers in product((TRUE, FALSE), repeat=len(looking)):
            found = dict(zip(looking, answers, strict=True))
            room = longest is None or self._least(found) <= longest
            if room and all(self._agree(one, other, found) for one in looking for other in looking):
                yield found

    def _least(self, answers: Mapping[int, int]) -> int:
        """How long a text with these answers is at least; pieces that share no character cannot share a place."""
        pieces = [piece for n, answer in answers.items() if answer == TRUE for piece in self.atoms[n].hints.pieces]
        apart = sum(map(len, map(set, pieces))) == len(set("".join(pieces)))
        return sum(map(len, pieces)) if apart else max(map(len, pieces))

    def _agree(self, one: int, other: int, answers: Mapping[int, int]) -> bool:
        """Whether the answers to two conditions do not contradict each other."""
        first, second = self.atoms[one], self.atoms[other]
        if answers[one] == FALSE or not first.hints.pieces or not second.hints.pieces:
            return True
        piece, wanted = first.hints.pieces[0], second.hints.pieces[0]
        if second.looks == "contains":
            return answers[other] == TRUE or wanted not in piece
        if first.looks != "ends_with" or second.looks != "ends_with":
            return True
        ends = piece.endswith(wanted)
        return ends if answers[other] == TRUE and len(wanted) <= len(piece) else answers[other] == TRUE or not ends

    def _containers(self, node: Node) -> Iterator[Value]:
        """Objects, and lists where the paths below are numbers, of what can be below."""
        steps = list(node.children)
        choices = [self._below(node.children[step]) for step in steps]
        constants = [each for each in node.hints.constants if isinstance(each, Mapping)]
        fillings = list(islice(collections.fresh(value for each in constants for value in each.values()), node.copies))
        for item in node.hints.items:
            if isinstance(item, str) and item not in node.children:
                steps.append(item)
                choices.append([Value(MISSING), *map(Value, fillings)])
        paddings = [(size, filling) for size in self._paddings(node) for filling in fillings[: None if size else 1]]
        total = len(paddings)
        for choice in choices:
            total *= len(choice)
        if total > COMBINATIONS:
            self.doubts.append(f"'{'.'.join(node.key)}' has more than {COMBINATIONS} combinations of values")
        taken = [*steps, *(key for each in constants for key in each)]
        for size, filling in paddings:
            extra = dict.fromkeys(islice(collections.fresh(taken), size), filling)
            for combination in islice(product(*choices), COMBINATIONS // len(paddings)):
                yield from _built(dict(zip(steps, combination, strict=True)), extra)

    def _below(self, child: Node) -> list[Value]:
        found = self.options(child)
        return [
            Value(option.members[0], {} if option.sure else {n: option.masks[n] for n in child.inner})
            for option in found
        ]

    def _paddings(self, node: Node) -> list[int]:
        """How many keys beside those that are read an object has."""
        most = max((*node.hints.lengths, 0)) + 1
        if most > _MOST_PADDING:
            self.doubts.append(f"lengths of '{'.'.join(node.key)}' are not told apart above {_MOST_PADDING}")
        if any(_is_place(step) and int(step) >= collections.LARGEST for step in node.children):
            self.doubts.append(
                f"lists at '{'.'.join(node.key)}' of more than {collections.LARGEST} items are not made up"
            )
        if node.hints.items and any(map(_is_place, node.children)):
            self.doubts.append(f"items of '{'.'.join(node.key)}' are both looked for and read by number")
        return list(range(min(most, _MOST_PADDING) + 1))


def admitted(node: Node, value: Any) -> bool:
    """Whether the value is in the domain of the path, and what is in it in those of the paths below."""
    below = [(child, MISSING if value is MISSING else step_into(value, step)) for step, child in node.children.items()]
    if isinstance(value, Mapping) and any(child.domain.held and inner is MISSING for child, inner in below):
        return False
    return node.domain.admits(value) and all(admitted(child, inner) for child, inner in below)


def _built(values: Mapping[str, Value], extra: Mapping[str, Any]) -> Iterator[Value]:
    """The list (where the keys are numbers without a hole) and the object of these values."""
    present = {step: each for step, each in values.items() if each.value is not MISSING}
    instead = {number: mask for each in values.values() for number, mask in each.instead.items()}
    made = {step: each.value for step, each in present.items()} | dict(extra)
    if any(map(_is_place, values)):
        items = _items({step: each.value for step, each in values.items()})
        if items is not None:
            yield Value([*items, *extra.values()] if _may_grow(items, values) else items, instead)
    yield Value(made, instead)


def _items(values: Mapping[str, Any]) -> list[Any] | None:
    """The list that has these values at these places; None where something else is asked of it."""
    present = {int(step): value for step, value in values.items() if _is_place(step) and value is not MISSING}
    absent = [int(step) for step, value in values.items() if _is_place(step) and value is MISSING]
    if any(not _is_place(step) and value is not MISSING for step, value in values.items()):
        return None
    size = max(present, default=-1) + 1
    if size > collections.LARGEST or any(place < size for place in absent):
        return None
    return [present.get(place, "other") for place in range(size)]


def _is_place(step: str) -> bool:
    """Whether the step can lead into a list."""
    return step.isascii() and step.isdigit()


def _may_grow(items: Iterable[Any], values: Mapping[str, Value]) -> bool:
    """Whether items can be added without being at a place that must stay empty."""
    size = len(list(items))
    return all(int(step) < size for step in values if _is_place(step))


def kept(value: Any, steps: tuple[str, ...]) -> str:
    """The value at a path that is compared with others, as text that is the same for equal numbers."""
    for step in steps:
        value = step_into(value, step)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is MISSING else exact(value)
