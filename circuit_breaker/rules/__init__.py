"""Rules: named predicates over a token that combine, and answer with reasons. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily
from circuit_breaker.rules.builder import RuleBuilder
from circuit_breaker.rules.combine import all_of, any_of, as_rule, none_of, rule_from_document
from circuit_breaker.rules.condition import Condition
from circuit_breaker.rules.conditions import (
    custom,
    depends_on,
    different_values,
    has_confidence,
    has_error,
    json_schema,
    length,
    matches,
    meets_quality,
    numericality,
    one_of,
    presence,
    requires,
)
from circuit_breaker.rules.context import RuleContext
from circuit_breaker.rules.field import Field, field
from circuit_breaker.rules.leaves import CallableCondition, ExpressionCondition, FieldCondition, JavascriptCondition
from circuit_breaker.rules.operators import RuleOperator
from circuit_breaker.rules.policy import Policy
from circuit_breaker.rules.rule import Rule, cel, create_rule, javascript, rule
from circuit_breaker.rules.rulebook import Rulebook
from circuit_breaker.rules.template import Template, template
from circuit_breaker.rules.tree import AllOf, AnyOf, Not, RuleName
from circuit_breaker.rules.verdict import MISSING, Verdict

if TYPE_CHECKING:
    from circuit_breaker.rules.common import COMMON
    from circuit_breaker.rules.remedy import PLACEHOLDER

__all__ = [
    "COMMON",
    "MISSING",
    "PLACEHOLDER",
    "AllOf",
    "AnyOf",
    "CallableCondition",
    "Condition",
    "ExpressionCondition",
    "Field",
    "FieldCondition",
    "JavascriptCondition",
    "Not",
    "Policy",
    "Rule",
    "RuleBuilder",
    "RuleContext",
    "RuleName",
    "RuleOperator",
    "Rulebook",
    "Template",
    "Verdict",
    "all_of",
    "any_of",
    "as_rule",
    "cel",
    "create_rule",
    "custom",
    "depends_on",
    "different_values",
    "field",
    "has_confidence",
    "has_error",
    "javascript",
    "json_schema",
    "length",
    "matches",
    "meets_quality",
    "none_of",
    "numericality",
    "one_of",
    "presence",
    "requires",
    "rule",
    "rule_from_document",
    "template",
]

__getattr__ = lazily(__name__, {"common": ("COMMON",), "remedy": ("PLACEHOLDER",)})
