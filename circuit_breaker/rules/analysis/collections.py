"""Lists and objects that stand for all of them, as far as length, items, keys and constants can tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, islice, permutations
from typing import Any, Final

from circuit_breaker.rules.analysis.atoms import Hints
from circuit_breaker.rules.constant import exact, same

__all__ = ["LARGEST", "MOST_ITEMS", "fresh", "lists", "objects", "sizes"]

MOST_ITEMS: Final = 5
"""How many items that are looked for are told apart completely."""

LARGEST: Final = 1_000
"""The longest list or object that is made up."""


def fresh(taken: Iterable[Any]) -> Iterator[str]:
    """Texts that equal nothing that is taken, each another one."""
    known = {each for each in taken if isinstance(each, str)}
    number = 1
    while True:
        text = "other" if number == 1 else f"other {number}"
        if text not in known:
            yield text
        number += 1


def sizes(lengths: Iterable[int], least: int) -> list[int]:
    """A length of every range that comparisons tell apart, none below ``least``."""
    bounds = {0, 1, least, least + 1}
    for length in lengths:
        bounds |= {length - 1, length, length + 1}
    return sorted(bound for bound in bounds if least <= bound <= LARGEST)


def lists(hints: Hints, *, copies: int = 1) -> Iterator[list[Any]]:
    """Lists of every length in question, with every choice of the items in question."""
    constants = [each for each in hints.constants if isinstance(each, list)]
    yield from constants
    items = distinct(hints.items)[:MOST_ITEMS]
    for chosen in _choices(items):
        for size in sizes(hints.lengths, len(chosen)):
            for variant in range(copies):
                made = _list(list(chosen), size, [*items, *hints.constants], constants, variant)
                if made is not None:
                    yield made


def _list(chosen: list[Any], size: int, taken: list[Any], constants: list[Any], variant: int) -> list[Any] | None:
    """A list of the chosen items, padded to the size, that is none of the constants; None where there is none."""
    names = [*taken, *(item for constant in constants for item in constant)]
    padding = list(islice(fresh(names), variant, variant + size - len(chosen)))
    if size > len(chosen):
        return chosen + padding
    orders = islice(permutations(chosen), len(constants) + 1)
    return next((list(order) for order in orders if not any(same(list(order), each) for each in constants)), None)


def objects(hints: Hints, *, copies: int = 1) -> Iterator[dict[str, Any]]:
    """Objects of every length in question, with every choice of the keys in question."""
    constants = [each for each in hints.constants if isinstance(each, Mapping)]
    yield from map(dict, constants)
    keys = list(dict.fromkeys(each for each in hints.items if isinstance(each, str)))[:MOST_ITEMS]
    values = [value for constant in constants for value in constant.values()]
    fillings = list(islice(fresh(values), copies))
    for chosen in _choices(keys):
        for size in sizes(hints.lengths, len(chosen)):
            padding = islice(fresh([*keys, *(key for each in constants for key in each)]), size - len(chosen))
            names = (*chosen, *padding)
            yield from (dict.fromkeys(names, filling) for filling in fillings)


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values without those that equal an earlier one."""
    found: list[Any] = []
    for value in values:
        if not any(same(value, each) for each in found):
            found.append(value)
    return sorted(found, key=exact)


def _choices(items: list[Any]) -> Iterator[tuple[Any, ...]]:
    for count in range(len(items) + 1):
        yield from combinations(items, count)
