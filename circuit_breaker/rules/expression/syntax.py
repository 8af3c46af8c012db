"""The parsed form of an expression: a tree of frozen nodes, equal when they say the same wherever it stands.

::

    Node
    ├── Literal      8, 'text', true, null, and the type names int, double, ...
    ├── Root         data, metadata, results, state
    ├── Variable     the variable of a macro, in its body
    ├── Select       operand.field
    ├── Index        operand[key]
    ├── Has          has(operand.field)
    ├── ListOf       [a, b]
    ├── MapOf        {key: value}
    ├── Not          !operand
    ├── Negate       -operand
    ├── Compare      left == right, and != < <= > >= in
    ├── Arithmetic   left + right, and - * / %
    ├── And, Or      terms joined by && or ||: two or more, one node for the whole chain
    ├── Choice       condition ? then : otherwise
    ├── Call         size(x), x.startsWith(y): the receiver is the first argument
    └── Macro        x.all(v, p), exists, exists_one, filter, map

Every node has ``start`` and ``end``, the offsets of its text in the expression, which do not count for equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

__all__ = [
    "ROOTS",
    "And",
    "Arithmetic",
    "Call",
    "Choice",
    "Compare",
    "Has",
    "Index",
    "ListOf",
    "Literal",
    "Macro",
    "MapOf",
    "Negate",
    "Node",
    "Not",
    "Or",
    "Root",
    "Select",
    "Variable",
    "names_of",
    "path_of",
    "paths_of",
    "walk",
]

ROOTS: Final = ("data", "metadata", "results", "state")
"""The names that an expression can read, each an attribute of the token."""


@attrs.frozen
class Node:
    """A part of an expression.

    Attributes:
        start: Offset of its first character in the expression, from 0.
        end: Offset behind its last character.
    """

    start: int = attrs.field(default=0, eq=False, repr=False, kw_only=True)
    end: int = attrs.field(default=0, eq=False, repr=False, kw_only=True)

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes directly below, from left to right."""
        return tuple(_nodes(tuple(getattr(self, field.name) for field in attrs.fields(type(self)))))


def _nodes(value: Any) -> Iterator[Node]:
    """The nodes in what a field holds: one, or tuples of them."""
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


@attrs.frozen
class Literal(Node):
    """A value written in the expression; ``value`` is a scalar or a :class:`TypeName`."""

    value: Any = attrs.field(eq=lambda value: (type(value), value))


@attrs.frozen
class Root(Node):
    """One of :data:`ROOTS`."""

    name: str


@attrs.frozen
class Variable(Node):
    """The variable of an enclosing macro; ``depth`` counts the macros around that macro."""

    name: str
    depth: int


@attrs.frozen
class Select(Node):
    """``operand.field``."""

    operand: Node
    field: str


@attrs.frozen
class Index(Node):
    """``operand[key]``."""

    operand: Node
    key: Node


@attrs.frozen
class Has(Node):
    """``has(operand.field)``: whether the field is there, null included."""

    operand: Node
    field: str


@attrs.frozen
class ListOf(Node):
    """``[a, b]``."""

    elements: tuple[Node, ...]


@attrs.frozen
class MapOf(Node):
    """``{key: value}``; ``entries`` are pairs in the order written."""

    entries: tuple[tuple[Node, Node], ...]


@attrs.frozen
class Not(Node):
    """``!operand``."""

    operand: Node


@attrs.frozen
class Negate(Node):
    """``-operand``; a negative number written as such is a :class:`Literal`."""

    operand: Node


@attrs.frozen
class Compare(Node):
    """``left symbol right``, where ``symbol`` is one of ``== != < <= > >= in``."""

    symbol: str
    left: Node
    right: Node


@attrs.frozen
class Arithmetic(Node):
    """``left symbol right``, where ``symbol`` is one of ``+ - * / %``."""

    symbol: str
    left: Node
    right: Node


@attrs.frozen
class And(Node):
    """``a && b && c``."""

    terms: tuple[Node, ...]


@attrs.frozen
class Or(Node):
    """``a || b || c``."""

    terms: tuple[Node, ...]


@attrs.frozen
class Choice(Node):
    """``condition ? then : otherwise``."""

    condition: Node
    then: Node
    otherwise: Node


@attrs.frozen
class Call(Node):
    """A call of the function ``name``; written as a method, the receiver is the first argument."""

    name: str
    arguments: tuple[Node, ...]


@attrs.frozen
class Macro(Node):
    """``operand.name(variable, body)``; ``only`` is the condition of ``map(variable, only, body)``.

    The variable that is declared counts as a child, before the parts that use it.
    """

    name: str
    operand: Node
    variable: Variable
    only: Node | None
    body: Node


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Every node of the tree with its depth, 1 for ``node`` itself; parents first. It does not recurse."""
    pending = [(node, 1)]
    while pending:
        current, depth = pending.pop()
        yield current, depth
        pending.extend((child, depth + 1) for child in reversed(current.children))


def names_of(node: Node) -> tuple[str, ...]:
    """The names that lead to what the node reads, such as ``("data", "author")``; empty when it is no such path.

    The first one is the root. ``data["author"]`` reads the same as ``data.author``.
    """
    names: list[str] = []
    while not isinstance(node, Root):
        if isinstance(node, Select):
            names.append(node.field)
        elif isinstance(node, Index) and isinstance(node.key, Literal) and isinstance(node.key.value, str):
            names.append(node.key.value)
        else:
            return ()
        node = node.operand
    return (node.name, *reversed(names))


def path_of(node: Node) -> str:
    """The dotted path that the node reads, such as ``"data.author.name"``, or an empty text when it is no such path.

    A name that is no identifier stands in backticks: ``"data.`word-count`"``.
    """
    return ".".join(name if name.isidentifier() else f"`{name}`" for name in names_of(node))


def paths_of(node: Node) -> frozenset[str]:
    """The longest dotted paths that the tree reads, ``has(data.x)`` included."""
    paths: set[str] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if path := path_of(Select(current.operand, current.field) if isinstance(current, Has) else current):
            paths.add(path)
        else:
            pending.extend(current.children)
    return frozenset(paths)
