"""Random rules over small sets of values, and answers about them by trying every token."""

from __future__ import annotations

from itertools import combinations, product
from random import Random
from typing import Any

from circuit_breaker.rules import MISSING, Rule, all_of, any_of, cel, field
from circuit_breaker.rules.analysis import Witness

PATHS = ("a", "b", "c.d")
NUMBERS = (0, 1, 2, 1.5, 2.0)
TEXTS = ("", "x", "xy", "y")
VALUES: tuple[Any, ...] = (
    MISSING, None, True, False, -1, 0, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.0, 2.5, 3,
    "", "w", "x", "xa", "xy", "xyz", "y", "z", "ax", "yx", [], ["x"], [1], ["x", 1], ["q", "r"], {}, {"x": 1}, {"d": 2},
)  # fmt: skip
FEW: tuple[Any, ...] = (MISSING, None, True, 0, 1, 1.25, 1.5, 2, 3, "", "x", "xy", ["x"], [1], {"x": 1})


def _number(path: str, random: Random) -> Rule:
    where, value = field(path), random.choice(NUMBERS)
    orders = (where > value, where >= value, where < value, where <= value, where == value, where != value)
    return random.choice((*orders, where.between(1, 2), where.one_of(0, 1.5), where.is_a("integer")))


def _text(path: str, random: Random) -> Rule:
    where, value = field(path), random.choice(TEXTS)
    orders = (where > value, where <= value, where == value, where != value, where.starts_with(value))
    sizes = (where.length(minimum=1), where.length(exactly=2))
    return random.choice((*orders, *sizes, where.one_of("x", "y"), where.is_a("text")))


def _general(path: str, random: Random) -> Rule:
    where = field(path)
    there = (where.exists(), where.missing(), where.present(), where.is_true(), ~where.is_false(), where.is_a("null"))
    return random.choice((*there, where == ["x"], where.is_a("list"), where != {"x": 1}, where.contains(1)))


def _expression(path: str, random: Random) -> Rule:
    value = random.choice([*NUMBERS, *(f"'{text}'" for text in TEXTS), "true", "null"])
    symbol = random.choice(["==", "!=", "<", "<=", ">", ">="])
    texts = (
        f"data.{path} {symbol} {value}",
        f"{value} {symbol} data.{path}",
        f"!(data.{path} {symbol} {value})",
        f"data.{path}",
        f"has(data.{path})",
        f"data.{path} in [1, 'x', null]",
        f"size(data.{path}) {symbol} 1",
        f"type(data.{path}) == double",
        f"data.{path} > 1 ? data.a == 1 : data.{path} <= 0",
        f"data.{path} {symbol} 1 && has(data.a) || data.a == 'x'",
    )
    return cel(random.choice(texts))


def _crossing(path: str, random: Random) -> Rule:
    one, other = field(path), field(random.choice(PATHS))
    return random.choice([one < other, one <= other, one == other, one != other, one > other])


KINDS = (_number, _number, _text, _general, _expression, _crossing)


def leaf(random: Random, *, crossing: bool = True) -> Rule:
    """A condition."""
    kinds = KINDS if crossing else KINDS[:-1]
    return random.choice(kinds)(random.choice(PATHS), random)


def rule(random: Random, depth: int = 2, *, crossing: bool = True) -> Rule:
    """A rule of a few conditions."""
    if depth == 0 or random.random() < 0.2:
        return leaf(random, crossing=crossing)
    parts = [rule(random, depth - 1, crossing=crossing) for _ in range(random.randint(1, 3))]
    return random.choice([all_of, all_of, any_of, lambda *each: ~all_of(*each)])(*parts)


def tokens(paths: frozenset[str], values: tuple[Any, ...]) -> list[Witness]:
    """Every token with such values at the paths that a rule reads."""
    read = [path.removeprefix("data.") for path in sorted(paths)]
    return [token(dict(zip(read, chosen, strict=True))) for chosen in product(values, repeat=len(read))]


def token(values: dict[str, Any]) -> Witness:
    """The token with those values at those paths."""
    data: dict[str, Any] = {}
    for path, value in values.items():
        holder, _, last = path.rpartition(".")
        if value is not MISSING:
            (data.setdefault(holder, {}) if holder else data)[last] = value
    return Witness(data)


def fewest(wanted: Rule, present: dict[str, Any], values: tuple[Any, ...]) -> int | None:
    """How many paths must be set at least so that the rule holds, where those values are present; or None."""
    paths = sorted(path.removeprefix("data.") for path in wanted.paths)
    for count in range(len(paths) + 1):
        for chosen in combinations(paths, count):
            for new in product([value for value in values if value is not MISSING], repeat=count):
                if wanted(token(present | dict(zip(chosen, new, strict=True)))):
                    return count
    return None
