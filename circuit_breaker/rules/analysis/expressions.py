"""The conditions that are leaves of expressions: comparisons of paths with constants and with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import EvaluationFailed
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.rules.expression import syntax
from circuit_breaker.rules.expression.compiler import Compiler
from circuit_breaker.rules.expression.values import TypeName

__all__ = ["atom_of_node"]


def atom_of_node(node: syntax.Node, compiler: Compiler) -> Atom:
    """The condition that a leaf of an expression is."""
    text = compiler.text[node.start : node.end]
    run = compiler.compiled(node)
    reads = tuple(dict.fromkeys(_read(node)))
    atom = Atom(text, lambda token: _answer(run, token), reads, opaque=f"'{text}' can only be asked")
    if not reads:
        return attrs.evolve(atom, opaque="")
    described = _described(node)
    if described is None or any(len(key) == 1 and key != ("state",) for key in reads):
        return atom
    hints, looks = described
    orders = len(reads) > 1 and isinstance(node, syntax.Compare) and node.symbol not in {"==", "!="}
    return attrs.evolve(atom, opaque="", hints=hints, looks=looks, orders=orders)


def _answer(run: Callable[[Any], Any], token: Any) -> int:
    try:
        value = run(token)
    except EvaluationFailed:
        return UNKNOWN
    if value is True:
        return TRUE
    return FALSE if value is False else UNKNOWN


def _read(node: syntax.Node) -> Iterator[Key]:
    """The longest paths that a part of an expression reads."""
    pending = [node]
    while pending:
        current = pending.pop()
        names = _names(current)
        if names:
            yield names
        else:
            pending.extend(current.children)


def _names(node: syntax.Node) -> Key:
    if isinstance(node, syntax.Has):
        return syntax.names_of(syntax.Select(node.operand, node.field))
    return syntax.names_of(node)


Described = tuple[Hints, str]
"""The hints of a condition, and how it looks into texts."""

_METHODS: Final[Mapping[str, Callable[[str], Described]]] = {
    "startsWith": lambda text: (Hints(prefixes=(text,)), ""),
    "endsWith": lambda text: (Hints(pieces=(text,)), "ends_with"),
    "contains": lambda text: (Hints(pieces=(text,)), "contains"),
    "matches": lambda text: (Hints(patterns=(text,)), "matches"),
}


def _described(node: syntax.Node) -> Described | None:
    """The hints of a leaf and how it looks into texts; None where the hints could not tell all."""
    if _names(node):
        return Hints(), ""
    match node:
        case syntax.Compare(symbol, left, right):
            return _compared(symbol, left, right)
        case syntax.Call(name, (subject, syntax.Literal(value))) if _names(subject) and name in _METHODS:
            return _METHODS[name](value) if isinstance(value, str) else (Hints(), "")
    return None


def _compared(symbol: str, left: syntax.Node, right: syntax.Node) -> Described | None:
    if _names(left) and _names(right):
        return None if symbol == "in" or _is_has(left) or _is_has(right) else (Hints(), "")
    if _names(right) and symbol == "in":
        return _constant(left, lambda value: Hints(items=(value,)))
    if _names(right):
        left, right = right, left
    if _names(left):
        return _constant(right, lambda value: Hints(tuple(value) if symbol == "in" else (value,)))
    return _of_call(left, right) or _of_call(right, left)


def _is_has(node: syntax.Node) -> bool:
    return isinstance(node, syntax.Has)


def _of_call(call: syntax.Node, constant: syntax.Node) -> Described | None:
    """The hints of ``size(path)`` or ``type(path)`` against a constant."""
    match call, constant:
        case syntax.Call("size", (subject,)), syntax.Literal(value) if _names(subject):
            number = type(value) in (int, float) and abs(value) < 2**31
            return Hints(lengths=tuple(n for n in (int(value), int(value) + 1) if n >= 0) if number else ()), ""
        case syntax.Call("type", (subject,)), syntax.Literal(TypeName()) if _names(subject):
            return Hints(), ""
    return None


def _constant(node: syntax.Node, hints: Callable[[Any], Hints]) -> Described | None:
    if isinstance(node, syntax.Literal):
        known = not isinstance(node.value, TypeName)
        try:
            return (hints(node.value) if known else Hints()), ""
        except TypeError:  # ``in`` a constant that holds nothing has no answer for any token
            return Hints(), ""
    if isinstance(node, syntax.ListOf) and all(isinstance(part, syntax.Literal) for part in node.elements):
        values = [part.value for part in node.elements if isinstance(part, syntax.Literal)]
        return None if any(isinstance(value, TypeName) for value in values) else (hints(values), "")
    return None
