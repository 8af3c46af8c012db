"""Edits: what can be done to the values at one key of a token, each sort of outcome once and at its lowest price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

import attrs

from circuit_breaker.rules.analysis import collections
from circuit_breaker.rules.analysis.answers import PLACEHOLDER, Witness
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key
from circuit_breaker.rules.analysis.trie import Node, nested, read, sample
from circuit_breaker.rules.analysis.variables import COMBINATIONS, Making, Value, admitted, kept
from circuit_breaker.rules.constant import kind_of, plain
from circuit_breaker.rules.path import Path
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Edit", "applied", "edits"]

Distance = tuple[Any, ...]

_READABLE: Final = 12
_PARTS: Final = ("data", "metadata", "results")


@attrs.frozen(eq=False)
class Edit:
    """Values that are set at some paths below one key.

    Attributes:
        masks: What each condition then answers, by its number.
        values: The new values.
        distance: How far they are from what was there; it orders edits of one cost.
        sure: Whether the conditions are known to answer so.
    """

    masks: Mapping[int, int]
    values: Mapping[Key, Any]
    distance: Distance
    sure: bool = True

    @property
    def cost(self) -> int:
        """How many paths are set."""
        return len(self.values)


def edits(top: Node, atoms: Sequence[Atom], token: Any, doubts: list[str], *, most: int = COMBINATIONS) -> list[Edit]:
    """The edits of a key, the cheapest first; the first one changes nothing.

    Args:
        top: The key, with the paths that are read below it.
        atoms: The conditions, by their number.
        token: What is changed.
        doubts: Gets the reasons why there may be more.
        most: How many combinations of values are tried.
    """
    making = Making(atoms)
    nodes = [node for node in top.nodes() if node.asked]
    choices = [[None, *_steps(node, making, token)] for node in nodes]
    found: dict[Any, Edit] = {}
    for chosen in islice(product(*choices), most):
        steps = {node.key: step for node, step in zip(nodes, chosen, strict=True) if step is not None}
        if nested(steps):
            continue
        edit = _edit(top, atoms, token, steps)
        if edit is None:
            making.doubts.append(f"the class of the data refuses some values of '{'.'.join(top.key)}'")
        else:
            crossed = tuple(kept(read(applied(token, edit.values)[0], key), ()) for key in top.crossed())
            known = found.setdefault((*edit.masks.values(), edit.sure, crossed), edit)
            if (edit.cost, edit.distance) < (known.cost, known.distance):
                found[(*edit.masks.values(), edit.sure, crossed)] = edit
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > most:
        making.doubts.append(f"'{'.'.join(top.key)}' has more than {most} combinations of values")
    doubts.extend(dict.fromkeys(making.doubts))
    return sorted(found.values(), key=lambda edit: (edit.cost, edit.distance))


def _edit(top: Node, atoms: Sequence[Atom], token: Any, steps: Mapping[Key, _Step]) -> Edit | None:
    """The edit that sets these values; None where the token does not take them."""
    try:
        changed, values = applied(token, {key: step.value.value for key, step in steps.items()})
    except (LookupError, TypeError, ValueError):  # the class of typed data refuses the value
        return None
    masks = {number: atoms[number].ask(changed) for number in top.inner}
    for step in steps.values():
        masks |= step.value.instead
    distances = sorted(step.distance for step in steps.values())
    return Edit(masks, values, tuple(distances), not any(step.value.instead for step in steps.values()))


@attrs.frozen(eq=False)
class _Step:
    value: Value
    distance: Distance


def _steps(node: Node, making: Making, token: Any) -> list[_Step]:
    """The nearest value of every sort at one path."""
    seen = read(token, node.key)
    found: dict[Any, _Step] = {}
    for number, each in enumerate(_values(node, making, plain(seen))):
        if each.value is MISSING or not admitted(node, each.value):
            continue
        there = sample(node.key, each.value)
        masks = {atom: making.atoms[atom].ask(there) for atom in node.inner} | dict(each.instead)
        identity = (*masks.values(), bool(each.instead), tuple(kept(read(there, key), ()) for key in node.crossed()))
        step = _Step(each, (*_distance(seen, each.value), number))
        known = found.setdefault(identity, step)
        if step.distance < known.distance:
            found[identity] = step
    return list(found.values())


def _values(node: Node, making: Making, seen: Any) -> Iterator[Value]:
    """Values that are made of what is there, and all others."""
    hints = node.hints
    if not (hints.lengths or hints.pieces or hints.prefixes or hints.patterns):  # its own letters say nothing there
        yield Value(PLACEHOLDER)
    yield from map(Value, _near(seen, node.hints, node.children))
    constants = () if seen is MISSING else (seen,)
    yield from making.values(attrs.evolve(node, hints=node.hints | Hints(constants)))


def _near(seen: Any, hints: Hints, below: Iterable[str]) -> Iterator[Any]:
    """What is there with something added or taken away."""
    kind = kind_of(seen)
    sizes = [size for length in hints.lengths for size in (length - 1, length, length + 1) if 0 <= size < 1_000]
    if kind == "text":
        yield from (seen[:size].ljust(size, "a") for size in sizes)
        yield from (seen.replace(piece, "") for piece in hints.pieces if piece)
        yield from (prefix + seen for prefix in hints.prefixes)
        yield from (seen + piece for piece in hints.pieces)
    elif kind == "list":
        fresh = collections.fresh([*seen, *hints.items])
        padding = [next(fresh) for _ in range(max(sizes, default=0))]
        yield from ([*seen, item] for item in hints.items)
        yield from ([each for each in seen if each != item] for item in hints.items)
        yield from ([*seen, *padding][:size] for size in sizes)
    elif kind == "object":
        yield from ({**seen, item: "other"} for item in hints.items if isinstance(item, str))
        yield from ({key: value for key, value in seen.items() if key != item} for item in (*hints.items, *below))


def _distance(seen: Any, value: Any) -> Distance:
    """How far a value is from what is there: another kind, one that reads badly, by how much."""
    kind = kind_of(value)
    known = seen is not MISSING and seen is not None
    strange = known and kind_of(seen) != kind
    fraction = kind == "number" and (not known or isinstance(seen, int)) and isinstance(value, float)
    return (
        strange,
        kind == "null",
        fraction,
        len(str(value)) > _READABLE and kind == "number",
        _far(seen, value, kind),
    )


def _far(seen: Any, value: Any, kind: str) -> float:
    if kind_of(seen) != kind:
        return 0.0
    if kind == "number":
        try:
            return float(abs(value - seen))
        except OverflowError:  # a whole number beyond every float
            return float("inf")
    if kind == "text":
        return float(len(value) + len(seen) - 2 * _shared(seen, value))
    if kind in {"list", "object"}:
        lost, new = (sum(each not in there for each in here) for here, there in ((seen, value), (value, seen)))
        return float(lost + new)
    return 0.0


def _shared(one: str, other: str) -> int:
    """How many characters two texts share at their beginnings and ends."""
    start = _alike(one, other)
    return start + _alike(one[start:][::-1], other[start:][::-1])


def _alike(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (mine, theirs) in enumerate(pairs) if mine != theirs), min(len(one), len(other)))


def applied(token: Any, values: Mapping[Key, Any]) -> tuple[Witness, dict[Key, Any]]:
    """The token with the values set, and what had to be set for that.

    What is no object on the way to a path is replaced by one, which is then set as a whole.

    Raises:
        LookupError: Typed data has no such field.
        TypeError: The class of typed data refuses a value.
        ValueError: Likewise.
    """
    parts = {name: getattr(token, name) for name in _PARTS}
    paths: list[Key] = []
    for key, value in values.items():
        try:
            parts[key[0]] = Path(key[0], key[1:]).changed(parts[key[0]], value)
            paths.append(key)
        except LookupError:
            holder = _blocking(parts, key)
            inner: Any = value
            for step in reversed(key[len(holder) :]):
                inner = {step: inner}
            parts[holder[0]] = Path(holder[0], holder[1:]).changed(parts[holder[0]], inner)
            paths.append(holder)
    changed = Witness(**parts, state=token.state, id=token.id)
    covered = [key for key in dict.fromkeys(paths) if not any(key[: len(o)] == o for o in paths if len(o) < len(key))]
    return changed, {key: read(changed, key) for key in covered}


def _blocking(parts: Mapping[str, Any], key: Key) -> Key:
    """The first path on the way that holds something without fields.

    Raises:
        LookupError: It is typed data, which has its fields and no others.
    """
    token = Witness(**parts)
    for end in range(2, len(key)):
        if kind_of(read(token, key[:end])) in {"boolean", "number", "text", "list"}:
            return key[:end]
    raise LookupError(".".join(key))
