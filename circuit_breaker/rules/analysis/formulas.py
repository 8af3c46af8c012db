"""Rules as formulas over numbered conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.rules.analysis.atoms import Atom, Hints, key_of
from circuit_breaker.rules.analysis.expressions import atom_of_node
from circuit_breaker.rules.analysis.ternary import Choice, Every, Formula, Leaf, Opposite, Some, answer_of
from circuit_breaker.rules.condition import Condition
from circuit_breaker.rules.constant import exact, plain
from circuit_breaker.rules.expression import syntax
from circuit_breaker.rules.expression.compiler import Compiler
from circuit_breaker.rules.leaves import CallableCondition, ExpressionCondition, FieldCondition, JavascriptCondition
from circuit_breaker.rules.operators import RuleOperator
from circuit_breaker.rules.tree import AllOf, AnyOf, Not, RuleName

__all__ = ["Atoms"]

_COMPARED: Final = frozenset(
    {
        RuleOperator.EQUALS,
        RuleOperator.NOT_EQUALS,
        RuleOperator.GREATER_THAN,
        RuleOperator.LESS_THAN,
        RuleOperator.GREATER_THAN_OR_EQUAL,
        RuleOperator.LESS_THAN_OR_EQUAL,
    }
)
_EQUALITIES: Final = frozenset({RuleOperator.EQUALS, RuleOperator.NOT_EQUALS})
_TEXTUAL: Final = frozenset({RuleOperator.CONTAINS, RuleOperator.ENDS_WITH, RuleOperator.MATCHES})


@attrs.define
class Atoms:
    """The conditions of several rules, each once.

    Attributes:
        found: The conditions, in order; a formula names them by their number.
    """

    found: list[Atom] = attrs.field(factory=list)
    _numbers: dict[Any, int] = attrs.field(factory=dict)

    def formula(self, tree: Condition) -> Formula:
        """The formula of a rule's tree."""
        if isinstance(tree, (AllOf, AnyOf)):
            parts = tuple(self.formula(rule.tree) for rule in tree.rules)
            return Every(parts) if isinstance(tree, AllOf) else Some(parts)
        if isinstance(tree, Not):
            return Opposite(self.formula(tree.rule.tree))
        if isinstance(tree, ExpressionCondition):
            return self._expression(tree.compiled.syntax, Compiler(tree.source))
        if isinstance(tree, FieldCondition):
            return self._leaf(("field", exact(tree.to_document())), lambda: _of_field(tree))
        return self._leaf(_identity(tree), lambda: _of_other(tree))

    def _leaf(self, identity: Any, make: Callable[[], Atom]) -> Leaf:
        if identity not in self._numbers:
            self._numbers[identity] = len(self.found)
            self.found.append(make())
        return Leaf(self._numbers[identity])

    def _expression(self, node: syntax.Node, compiler: Compiler) -> Formula:
        match node:
            case syntax.And(terms):
                return Every(tuple(self._expression(term, compiler) for term in terms))
            case syntax.Or(terms):
                return Some(tuple(self._expression(term, compiler) for term in terms))
            case syntax.Not(operand):
                return Opposite(self._expression(operand, compiler))
            case syntax.Choice(condition, then, otherwise):
                return Choice(*(self._expression(part, compiler) for part in (condition, then, otherwise)))
        return self._leaf(("cel", node), lambda: atom_of_node(node, compiler))


def _identity(tree: Condition) -> Any:
    if isinstance(tree, CallableCondition):
        return ("function", id(tree.function))
    return (type(tree).__name__, tree.text)


def _of_other(tree: Condition) -> Atom:
    ask = _asking(tree)
    if isinstance(tree, RuleName):
        return Atom(tree.text, ask)
    what = "JavaScript" if isinstance(tree, JavascriptCondition) else "the function"
    return Atom(tree.text, ask, opaque=f"{what} '{tree.text}' can only be asked")


def _asking(tree: Condition) -> Callable[[Any], int]:
    return lambda token: answer_of(tree.holds, tree.fails, token)


def _of_field(tree: FieldCondition) -> Atom:
    keys = tuple(dict.fromkeys(key_of(text) for text in (tree.path, tree.other) if text))
    operator, ask = tree.operator, _asking(tree)
    if operator is RuleOperator.JSON_SCHEMA:
        return Atom(tree.text, ask, keys, opaque=f"the JSON schema of '{tree.path}' can only be asked")
    if any(len(key) == 1 and key != ("state",) for key in keys) or (tree.other and operator not in _COMPARED):
        return Atom(tree.text, ask, keys, opaque=f"'{tree.text}' can only be asked")
    hints = Hints() if tree.other else _hints(operator, plain(tree.value))
    looks = operator in _TEXTUAL and isinstance(tree.value, str)
    orders = len(keys) > 1 and operator not in _EQUALITIES
    return Atom(tree.text, ask, keys, hints, looks=str(operator) if looks else "", orders=orders)


def _hints(operator: RuleOperator, value: Any) -> Hints:
    if operator in _COMPARED:
        return Hints((value,))
    if operator in {RuleOperator.ONE_OF, RuleOperator.BETWEEN}:
        return Hints(tuple(value))
    if operator is RuleOperator.CONTAINS:
        return Hints(items=(value,), pieces=(value,) if isinstance(value, str) else ())
    if operator is RuleOperator.LENGTH:
        return Hints(lengths=tuple(value.values()))
    return _TEXT_HINTS[operator](value) if operator in _TEXT_HINTS else Hints()


_TEXT_HINTS: Final[Mapping[RuleOperator, Callable[[str], Hints]]] = {
    RuleOperator.STARTS_WITH: lambda text: Hints(prefixes=(text,)),
    RuleOperator.ENDS_WITH: lambda text: Hints(pieces=(text,)),
    RuleOperator.MATCHES: lambda text: Hints(patterns=(text,)),
}
