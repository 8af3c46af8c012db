"""RuleBuilder: a rule step by step; every step is a new builder, and all conditions that were added must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import attrs

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules.condition import Condition, Part
from circuit_breaker.rules.leaves import CallableCondition, FieldCondition, JavascriptCondition
from circuit_breaker.rules.operators import RuleOperator
from circuit_breaker.rules.tree import AllOf

__all__ = ["RuleBuilder"]

RuleT = TypeVar("RuleT")


@attrs.frozen(eq=False)
class RuleBuilder(Generic[RuleT]):
    """Builds one rule. Fields are under ``data`` unless another namespace is named.

    Attributes:
        name: The name of the rule.
        make: Makes a rule of a condition; called with ``name``, ``description`` and ``category`` too.
        conditions: What was asked so far.
        explanation: The description.
        group: The category.
    """

    name: str
    make: Callable[..., RuleT]
    conditions: tuple[Condition, ...] = ()
    explanation: str = ""
    group: str = ""

    def field_equals(self, field: str, value: Any) -> RuleBuilder[RuleT]:
        """The field has that value."""
        return self.field_condition(field, RuleOperator.EQUALS, value)

    def field_greater_than(self, field: str, value: float) -> RuleBuilder[RuleT]:
        """The field is a number above that."""
        return self.field_condition(field, RuleOperator.GREATER_THAN, value)

    def field_contains(self, field: str, value: Any) -> RuleBuilder[RuleT]:
        """The field is a text with that in it, or a list with that item."""
        return self.field_condition(field, RuleOperator.CONTAINS, value)

    def field_exists(self, field: str) -> RuleBuilder[RuleT]:
        """The field is there and not null."""
        return self.field_condition(field, RuleOperator.EXISTS)

    def field_condition(self, field: str, operator: RuleOperator | str, value: Any = None) -> RuleBuilder[RuleT]:
        """The field compares so with that value.

        Raises:
            RuleInvalid: The path, the operator or the value is wrong.
        """
        return self._and(FieldCondition(field, operator, value))

    def custom(self, evaluator: Callable[[Any], Any]) -> RuleBuilder[RuleT]:
        """The function says so: of the token, or of a :class:`RuleContext` if its parameter is called ``context``.

        Raises:
            RuleInvalid: It is asynchronous, or does not take one argument.
        """
        return self._and(CallableCondition(evaluator))

    def javascript(self, expression: str) -> RuleBuilder[RuleT]:
        """The JavaScript expression says so.

        Raises:
            ConditionParsingError: It is no expression.
            ExtraMissing: The extra ``javascript`` is not installed.
        """
        return self._and(JavascriptCondition(expression))

    def description(self, text: str) -> RuleBuilder[RuleT]:
        """The rule means that."""
        return attrs.evolve(self, explanation=text)

    def category(self, name: str) -> RuleBuilder[RuleT]:
        """The rule belongs there."""
        return attrs.evolve(self, group=name)

    def build(self) -> RuleT:
        """The rule.

        Raises:
            RuleInvalid: It has no condition.
        """
        if not self.conditions:
            raise RuleInvalid(
                f"the rule '{self.name}' has no condition", remedy="add one, such as .field_exists('title')"
            )
        tree = self.conditions[0]
        if len(self.conditions) > 1:
            tree = AllOf(tuple(cast(Part, self.make(condition)) for condition in self.conditions))
        return self.make(tree, name=self.name, description=self.explanation, category=self.group)

    def _and(self, condition: Condition) -> RuleBuilder[RuleT]:
        return attrs.evolve(self, conditions=(*self.conditions, condition))
