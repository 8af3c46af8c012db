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


HELD = (None, 1, {}, {"x": 1}, {"x": None}, {"x": {}}, {"x": {"z": 1}}, {"y": 1}, {"x": 1, "y": 1})


def held_leaf(random: Random) -> Rule:
    """A condition on an object, on what is in it, or on another object that it is compared with."""
    path, key, size, value = random.choice(("n", "n.x", "n.x.z", "n.y")), random.choice("xyw"), *_sized(random)
    where, whole, other = field(path), field("n"), field(random.choice(("m", "m.x")))
    there = (where.missing(), where.exists(), where.present(), ~where.present(), where.is_a("object"))
    known = (where == value, where != value, other == value, other.missing())
    keys = (cel(f"'{key}' in data.n"), cel(f"!('{key}' in data.n)"), whole.contains(key), cel("size(data.n.x) == 0"))
    sizes = (whole.length(exactly=size), cel(f"size(data.n) < {size}"))
    return random.choice((*there, *known, *keys, *sizes, where == other, whole != field("m")))


def _sized(random: Random) -> tuple[int, Any]:
    return random.randint(0, 3), random.choice(HELD)


def held_tokens() -> list[Witness]:
    """Tokens with objects in objects."""
    below = (MISSING, None, 1, {}, {"z": None}, {"z": 1})
    made = [_object(x=x, y=y, w=w) for x in below for y in (MISSING, None, 1) for w in (MISSING, 2)]
    others = (MISSING, 1, {"x": 1}, {"x": None}, {"y": 1}, {"x": {}, "y": 1}, {"x": {"z": 1}})
    return [Witness(_object(n=n, m=m)) for n in (MISSING, None, 1, *made) for m in others]


def _object(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not MISSING}


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
