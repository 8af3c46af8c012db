"""Reads an expression into its tree, by recursive descent, and by precedence where operators are.

What can be known to be wrong without a token is refused here: unknown names and functions, wrong numbers of arguments,
brackets that do not close. Unlike CEL the types of operands are not checked before there are values.
"""

from __future__ import annotations

from typing import Final

from circuit_breaker.errors import nearest
from circuit_breaker.rules.expression.arithmetic import INT_MAX
from circuit_breaker.rules.expression.cursor import DEPTH, Cursor
from circuit_breaker.rules.expression.functions import FUNCTIONS, TYPE_NAMES
from circuit_breaker.rules.expression.lexer import Lexeme
from circuit_breaker.rules.expression.precedence import POWERS, Operand
from circuit_breaker.rules.expression.syntax import (
    ROOTS,
    Call,
    Choice,
    Has,
    Index,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Negate,
    Node,
    Not,
    Root,
    Select,
    Variable,
    walk,
)
from circuit_breaker.rules.expression.values import TypeName

__all__ = ["MACROS", "parse"]

MACROS: Final = {"all": (2,), "exists": (2,), "exists_one": (2,), "existsOne": (2,), "filter": (2,), "map": (2, 3)}
"""The macros, and the numbers of arguments that each may have."""

_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "package"}
    | {"namespace", "return", "var", "void", "while"}
)


def parse(text: str) -> Node:
    """The tree of the expression ``text``.

    Raises:
        ConditionParsingError: When it cannot be read, with the position of the first fault.
    """
    return _Parser(text).whole()


class _Parser(Cursor):
    """One reading of one text, with the macro variables that are known where it is."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._variables: tuple[str, ...] = ()

    def whole(self) -> Node:
        tree = self._expression()
        if self.seen.kind != "end":
            raise self.fault(
                f"unexpected '{self.seen.text}'", remedy="an operator such as && is missing, or a bracket is too many"
            )
        for node, depth in walk(tree):
            if depth > DEPTH:
                raise self.too_deep(node.start)
        return tree

    def _expression(self) -> Node:
        self.enter()
        start = self.seen.start
        tree = self._operation()
        if self.take("?"):
            then = self._operation()
            self.expect(":", after="between the two values of ? :")
            tree = Choice(tree, then, self._expression(), **self.span(start))
        self.leave()
        return tree

    def _operation(self) -> Node:
        """Operands and operators, ordered by precedence on two stacks rather than by recursion, which would go deep."""
        operands: list[Operand] = []
        symbols: list[str] = []
        while True:
            operands.append(self._operand())
            power = self._power()
            while symbols and POWERS[symbols[-1]] >= power:
                right, left = operands.pop(), operands.pop()
                operands.append(left.with_right(symbols.pop(), right))
            if not power:
                return operands[0].node
            symbols.append(self.advance().text)

    def _operand(self) -> Operand:
        start = self.seen.start
        node = self._unary()
        return Operand(node, start, self.span(start)["end"])

    def _power(self) -> int:
        return POWERS.get(self.seen.text, 0) if self.seen.kind in ("symbol", "name") else 0

    def _unary(self) -> Node:
        prefixes = []
        while self.at("!") or self.at("-"):
            prefixes.append(self.advance())
        if len(prefixes) > DEPTH:
            raise self.too_deep(prefixes[DEPTH].start)
        number = self._negative(prefixes)
        node = self._member() if number is None else self._suffixes(number, number.start)
        for prefix in reversed(prefixes):
            node = (Not if prefix.text == "!" else Negate)(node, **self.span(prefix.start))
        return node

    def _negative(self, prefixes: list[Lexeme]) -> Node | None:
        """A literal with its minus, which is taken off the prefixes: only so the least int can be written."""
        value = self.seen.value
        if not (prefixes and prefixes[-1].text == "-" and type(value) in (int, float)):
            return None
        start = prefixes.pop().start
        self.advance()
        return Literal(-value, **self.span(start))

    def _member(self) -> Node:
        start = self.seen.start
        return self._suffixes(self._primary(), start)

    def _suffixes(self, node: Node, start: int) -> Node:
        while True:
            if self.take("."):
                node = self._selection(node, start)
            elif self.take("["):
                key = self._expression()
                self.expect("]", after="after the index")
                node = Index(node, key, **self.span(start))
            else:
                return node

    def _selection(self, operand: Node, start: int) -> Node:
        name = self.advance()
        if name.kind not in ("name", "quoted") or name.text == "in":
            raise self.fault(
                "expected the name of a field after '.'", position=name.start, remedy='other keys: data["a key"]'
            )
        if name.kind == "name" and self.take("("):
            if name.text in MACROS:
                return self._macro(operand, name, start)
            return self._call(name, (operand,), start)
        return Select(operand, name.text, **self.span(start))

    def _primary(self) -> Node:
        lexeme = self.advance()
        if lexeme.kind == "literal":
            return self._literal(lexeme)
        if lexeme.kind == "name" and lexeme.text not in _RESERVED:
            return self._named(lexeme)
        if lexeme.text == "(" and lexeme.kind == "symbol":
            tree = self._expression()
            self.expect(")", after="to close the bracket")
            return tree
        if lexeme.text == "[" and lexeme.kind == "symbol":
            return ListOf(self._elements("]"), **self.span(lexeme.start))
        if lexeme.text == "{" and lexeme.kind == "symbol":
            return MapOf(self._entries(), **self.span(lexeme.start))
        if lexeme.kind == "end":
            raise self.fault("the expression is empty" if not self.text.strip() else "the expression ends too early")
        raise self.fault(f"expected a value, not '{lexeme.text}'", position=lexeme.start)

    def _literal(self, lexeme: Lexeme) -> Node:
        if type(lexeme.value) is int and lexeme.value > INT_MAX:
            raise self.fault(
                "the number does not fit into 64 bits",
                position=lexeme.start,
                remedy="write it as a double, such as 1e20",
            )
        return Literal(lexeme.value, **self.span(lexeme.start))

    def _named(self, lexeme: Lexeme) -> Node:
        name, start = lexeme.text, lexeme.start
        if self.take("("):
            return self._has(start) if name == "has" else self._call(lexeme, (), start)
        if name in self._variables:
            depth = len(self._variables) - 1 - self._variables[::-1].index(name)
            return Variable(name, depth, **self.span(start))
        if name in ROOTS:
            return Root(name, **self.span(start))
        if name in TYPE_NAMES:
            return Literal(TypeName(name), **self.span(start))
        known = (*ROOTS, *self._variables)
        raise self.fault(
            f"unknown name '{name}'",
            position=start,
            remedy=f"{nearest(name, known)}; a field of the data is data.{name}",
        )

    def _elements(self, closing: str) -> tuple[Node, ...]:
        elements: list[Node] = []
        while not self.take(closing):
            elements.append(self._expression())
            if not self.take(","):
                self.expect(closing, after="or ','")
                break
            if closing == ")" and self.at(")"):
                raise self.fault("an argument is missing after ','")
        return tuple(elements)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        entries: list[tuple[Node, Node]] = []
        while not self.take("}"):
            key = self._expression()
            self.expect(":", after="between key and value")
            entries.append((key, self._expression()))
            if not self.take(","):
                self.expect("}", after="or ','")
                break
        return tuple(entries)

    def _has(self, start: int) -> Node:
        arguments = self._elements(")")
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            raise self.fault("has() takes one field", position=start, remedy="such as has(data.author)")
        return Has(arguments[0].operand, arguments[0].field, **self.span(start))

    def _call(self, name: Lexeme, receiver: tuple[Node, ...], start: int) -> Node:
        function = FUNCTIONS.get(name.text)
        if function is None:
            known = [*FUNCTIONS, *MACROS, "has"]
            raise self.fault(f"unknown function '{name.text}'", position=name.start, remedy=nearest(name.text, known))
        if receiver and not function.is_method:
            raise self.fault(f"{name.text} is no method", position=name.start, remedy=f"write {name.text}(...)")
        if not receiver and not function.is_global:
            raise self.fault(f"{name.text} is a method", position=name.start, remedy=f"write a.{name.text}(b)")
        arguments = (*receiver, *self._elements(")"))
        if len(arguments) != function.arity:
            wanted = function.arity - len(receiver)
            raise self.fault(
                f"{name.text} takes {wanted} arguments, not {len(arguments) - len(receiver)}", position=name.start
            )
        return Call(name.text, arguments, **self.span(start))

    def _macro(self, operand: Node, name: Lexeme, start: int) -> Node:
        variable = self.advance()
        if variable.kind != "name" or variable.text in _RESERVED:
            raise self.fault(
                f"{name.text} takes the name of a variable first",
                position=variable.start,
                remedy="such as all(x, x > 0)",
            )
        outer = self._variables
        self._variables = (*outer, variable.text)
        bodies = self._elements(")") if self.take(",") else ()
        self._variables = outer
        if len(bodies) + 1 not in MACROS[name.text]:
            wanted = " or ".join(str(count) for count in MACROS[name.text])
            raise self.fault(f"{name.text} takes {wanted} arguments, not {len(bodies) + 1}", position=name.start)
        bound = Variable(variable.text, len(outer), start=variable.start, end=variable.end)
        only = bodies[0] if len(bodies) == 2 else None
        return Macro(
            "exists_one" if name.text == "existsOne" else name.text,
            operand,
            bound,
            only,
            bodies[-1],
            **self.span(start),
        )
