"""Turns the tree of an expression into closures: functions from a source to a value.

Where an expression can do work that grows with the data (macros, calls, arithmetic), the source of its closures is a
:class:`Frame` with a budget. Plain rules need none and read the token itself, which is what makes them fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import attrs

from circuit_breaker.errors import ConditionParsingError
from circuit_breaker.rules.expression.arithmetic import arithmetic, negate
from circuit_breaker.rules.expression.comparisons import FLIPPED, against_constant, between, one_of
from circuit_breaker.rules.expression.functions import FUNCTIONS
from circuit_breaker.rules.expression.logic import choice, joined, negation
from circuit_breaker.rules.expression.macros import Loop, iteration
from circuit_breaker.rules.expression.pattern import Pattern, compile_pattern
from circuit_breaker.rules.expression.reading import element, field, path, presence
from circuit_breaker.rules.expression.source import Closure, Frame, Source
from circuit_breaker.rules.expression.syntax import (
    And,
    Arithmetic,
    Call,
    Choice,
    Compare,
    Has,
    Index,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Negate,
    Node,
    Not,
    Or,
    Select,
    Variable,
    names_of,
    walk,
)
from circuit_breaker.rules.expression.values import Unanswerable, describe, kind

__all__ = ["Compiler"]

_NODES_A_STEP: Final = 16


@attrs.define
class Compiler:
    """Compiles the expression ``text`` and parts of it.

    Attributes:
        text: The whole expression, for messages.
        patterns: The constant patterns that were compiled so far.
    """

    text: str
    patterns: dict[str, Pattern] = attrs.field(factory=dict)

    def compiled(self, tree: Node) -> Closure:
        """A closure from a token to the value of ``tree``.

        Raises:
            ConditionParsingError: When a constant pattern cannot be read.
        """
        nodes = [node for node, _ in walk(tree)]
        if not any(isinstance(node, Macro | Call | Arithmetic) for node in nodes):
            return _Translation(self, metered=False).of(tree)
        variables = max((node.variable.depth + 1 for node in nodes if isinstance(node, Macro)), default=0)
        closure = _Translation(self, metered=True).of(tree)

        def run(source: Source) -> Any:
            return closure(Frame(source, variables))

        return run

    def pattern(self, node: Literal) -> Pattern:
        """The compiled pattern that a literal holds."""
        found = self.patterns.get(node.value)
        if found is None:
            try:
                found = self.patterns[node.value] = compile_pattern(node.value)
            except ConditionParsingError as error:
                raise ConditionParsingError(
                    f"the pattern cannot be read: {error.message}",
                    text=self.text,
                    position=node.start,
                    remedy=error.remedy,
                ) from error
        return found


@attrs.frozen
class _Translation:
    """One tree on its way into closures; ``metered`` when their source is a frame."""

    compiler: Compiler
    metered: bool

    def of(self, node: Node) -> Closure:
        names = names_of(node)
        return path(names) if names else _TRANSLATIONS[type(node)](self, node)

    def all_of(self, nodes: tuple[Node, ...]) -> tuple[Closure, ...]:
        return tuple(self.of(node) for node in nodes)

    def where(self, node: Node) -> str:
        """The text of a node, which names it in messages."""
        return self.compiler.text[node.start : node.end]

    def literal(self, node: Literal) -> Closure:
        value = node.value
        return lambda _source: value

    def variable(self, node: Variable) -> Closure:
        slot = node.depth
        return lambda frame: frame.variables[slot]

    def select(self, node: Select) -> Closure:
        return field(self.of(node.operand), node.field, self.where(node))

    def index(self, node: Index) -> Closure:
        return element(self.of(node.operand), self.of(node.key), self.where(node.operand))

    def has(self, node: Has) -> Closure:
        return presence(self.of(node.operand), node.field, f"{self.where(node.operand)}.{node.field}")

    def negation(self, node: Not) -> Closure:
        return negation(self.of(node.operand))

    def negate(self, node: Negate) -> Closure:
        operand = self.of(node.operand)
        return lambda source: negate(operand(source))

    def conjunction(self, node: And) -> Closure:
        return joined(self.all_of(node.terms), decisive=False)

    def disjunction(self, node: Or) -> Closure:
        return joined(self.all_of(node.terms), decisive=True)

    def choice(self, node: Choice) -> Closure:
        return choice(self.of(node.condition), self.of(node.then), self.of(node.otherwise))

    def comparison(self, node: Compare) -> Closure:
        if node.symbol == "in" and isinstance(node.right, ListOf):
            elements = node.right.elements
            if all(isinstance(part, Literal) for part in elements):
                return one_of(self.of(node.left), tuple(cast(Literal, part).value for part in elements))
        if isinstance(node.right, Literal) and node.symbol != "in":
            return against_constant(node.symbol, self.of(node.left), node.right.value)
        if isinstance(node.left, Literal) and node.symbol != "in":
            return against_constant(FLIPPED[node.symbol], self.of(node.right), node.left.value)
        return between(node.symbol, self.of(node.left), self.of(node.right), metered=self.metered)

    def arithmetic(self, node: Arithmetic) -> Closure:
        symbol, left, right = node.symbol, self.of(node.left), self.of(node.right)
        return lambda frame: arithmetic(symbol, left(frame), right(frame), budget=frame)

    def list_of(self, node: ListOf) -> Closure:
        elements, metered = self.all_of(node.elements), self.metered

        def build(source: Any) -> list[Any]:
            if metered:
                source.spend(1)
                source.spend_elements(len(elements))
            return [element(source) for element in elements]

        return build

    def map_of(self, node: MapOf) -> Closure:
        entries, metered = [(self.of(key), self.of(value)) for key, value in node.entries], self.metered

        def build(source: Any) -> dict[Any, Any]:
            if metered:
                source.spend(1)
                source.spend_elements(len(entries))
            built: dict[Any, Any] = {}
            for key, value in entries:
                built[_new_key(key(source), built)] = value(source)
            return built

        return build

    def call(self, node: Call) -> Closure:
        if (
            node.name == "matches"
            and isinstance(pattern := node.arguments[1], Literal)
            and isinstance(pattern.value, str)
        ):
            return self.constant_match(node.arguments[0], self.compiler.pattern(pattern))
        function, arguments = FUNCTIONS[node.name], self.all_of(node.arguments)
        compute = function.compute
        if function.costs:
            first, second = arguments
            return lambda frame: compute(first(frame), second(frame), budget=frame)
        (argument,) = arguments
        return lambda frame: compute(argument(frame))

    def constant_match(self, subject: Node, pattern: Pattern) -> Closure:
        read = self.of(subject)

        def search(frame: Frame) -> bool:
            text = read(frame)
            if isinstance(text, str):
                return pattern.search(text, budget=frame)
            raise Unanswerable(f"matches takes no {kind(text)}")

        return search

    def macro(self, node: Macro) -> Closure:
        size = sum(1 for body in (node.body, node.only) if body is not None for _ in walk(body))
        only = None if node.only is None else self.of(node.only)
        weight = 1 + size // _NODES_A_STEP
        return iteration(node.name, Loop(self.of(node.operand), node.variable.depth, weight, self.of(node.body), only))


def _new_key(key: Any, built: dict[Any, Any]) -> Any:
    """The key, when it can be one of the map that is built.

    Raises:
        Unanswerable: When it is no text or whole number, or is there already.
    """
    if type(key) not in (str, int):
        raise Unanswerable(f"a {kind(key)} cannot be the key of a map")
    if key in built:
        raise Unanswerable(f"the map has the key {describe(key)} twice")
    return key


_TRANSLATIONS: Final = cast(
    "dict[type[Node], Callable[[_Translation, Any], Closure]]",
    {
        Literal: _Translation.literal,
        Variable: _Translation.variable,
        Select: _Translation.select,
        Index: _Translation.index,
        Has: _Translation.has,
        Not: _Translation.negation,
        Negate: _Translation.negate,
        And: _Translation.conjunction,
        Or: _Translation.disjunction,
        Choice: _Translation.choice,
        Compare: _Translation.comparison,
        Arithmetic: _Translation.arithmetic,
        ListOf: _Translation.list_of,
        MapOf: _Translation.map_of,
        Call: _Translation.call,
        Macro: _Translation.macro,
    },
)
