"""What a rule says, as a tree of frozen values that can be walked.

::

    Condition
    ├── FieldCondition        data.score >= 8
    ├── ExpressionCondition   CEL text
    ├── JavascriptCondition   JavaScript text
    ├── CallableCondition     a Python function
    ├── RuleName              a rule that is looked up in a rulebook
    ├── AllOf, AnyOf          several rules
    └── Not                   one rule

Each has two functions of a token: ``holds``, and ``fails``. Where the answer is not known (a missing value, a value
that cannot be compared, an error) neither is true, so that an unknown answer passes neither a rule nor its negation
(Kleene's strong logic of three values). The parts of a combination are rules, for a part may have a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import attrs

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules.condition import Condition, Part, Test
from circuit_breaker.rules.verdict import Verdict

__all__ = ["AllOf", "AnyOf", "Not", "RuleName"]


@attrs.frozen
class RuleName(Condition):
    """A rule that is looked up in a rulebook; until then nothing passes it.

    Attributes:
        rule: The name.
        or_present: Whether a name that no rulebook has means that the field of that name must be present.
    """

    rule: str
    or_present: bool = False

    def __attrs_post_init__(self) -> None:
        if type(self.rule) is not str or not self.rule or type(self.or_present) is not bool:
            raise RuleInvalid(f"{self.rule!r} is no name of a rule", remedy="give its name as text")
        Condition.__attrs_post_init__(self)

    def functions(self) -> tuple[Test, Test]:
        return (lambda _: False), (lambda _: False)

    @property
    def text(self) -> str:
        return self.rule

    @property
    def names(self) -> tuple[str, ...]:
        return (self.rule,)

    def judge(self, token: Any) -> Verdict:
        del token
        reason = f"no rulebook with a rule '{self.rule}' was given"
        return Verdict(False, self.rule, name=self.rule, kind="callable", reason=reason, known=False)

    def to_document(self) -> dict[str, Any]:
        return {"rule": self.rule} | ({"or_present": True} if self.or_present else {})


@attrs.frozen(eq=False, repr=False)
class _Combination(Condition):
    """Several rules as one; ``word`` stands between them."""

    word: ClassVar[str]
    rules: tuple[Part, ...]

    def __attrs_post_init__(self) -> None:
        if not self.rules:
            raise RuleInvalid("a combination of no rules says nothing", remedy="give at least one rule")
        Condition.__attrs_post_init__(self)

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.rules

    def resolved(self, rulebook: Mapping[str, Any], within: tuple[str, ...]) -> Condition:
        return attrs.evolve(self, rules=tuple(rule.resolved(rulebook, within) for rule in self.rules))

    @cached_property
    def text(self) -> str:
        return f" {self.word} ".join(map(_bracketed, self.rules)) if len(self.rules) > 1 else str(self.rules[0])

    def _expression(self, symbol: str) -> str:
        texts = [rule.tree.expression for rule in self.rules]
        return symbol.join(f"({text})" if len(texts) > 1 and _is_joined(text) else text for text in texts) * all(texts)


@attrs.frozen
class AllOf(_Combination):
    """Every one of the rules.

    Attributes:
        rules: At least one.
    """

    word = "and"

    def functions(self) -> tuple[Test, Test]:
        trees = [rule.tree for rule in self.rules]
        return _every([tree.holds for tree in trees]), _some([tree.fails for tree in trees])

    @property
    def expression(self) -> str:
        return self._expression(" && ")

    def judge(self, token: Any) -> Verdict:
        children = tuple(rule.judge(token) for rule in self.rules)
        passed = all(child.passed for child in children)
        known = passed or any(child.known and not child.passed for child in children)
        return Verdict(passed, self.text, kind="all", children=children, known=known)

    def to_document(self) -> dict[str, Any]:
        return {"all": [rule.to_document() for rule in self.rules]}


@attrs.frozen
class AnyOf(_Combination):
    """At least one of the rules.

    Attributes:
        rules: At least one.
    """

    word = "or"

    def functions(self) -> tuple[Test, Test]:
        trees = [rule.tree for rule in self.rules]
        return _some([tree.holds for tree in trees]), _every([tree.fails for tree in trees])

    @property
    def expression(self) -> str:
        return self._expression(" || ")

    def judge(self, token: Any) -> Verdict:
        children = tuple(rule.judge(token) for rule in self.rules)
        passed = any(child.passed for child in children)
        known = passed or all(child.known for child in children)
        return Verdict(passed, self.text, kind="any", children=children, known=known)

    def to_document(self) -> dict[str, Any]:
        return {"any": [rule.to_document() for rule in self.rules]}


@attrs.frozen
class Not(Condition):
    """The contrary of a rule; not known where the rule is not.

    Attributes:
        rule: What must not hold.
    """

    rule: Part

    def functions(self) -> tuple[Test, Test]:
        return self.rule.tree.fails, self.rule.tree.holds

    @property
    def text(self) -> str:
        return f"not {_bracketed(self.rule)}"

    @property
    def expression(self) -> str:
        inner = self.rule.tree.expression
        return f"!({inner})" if inner else ""

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.rule,)

    def judge(self, token: Any) -> Verdict:
        child = self.rule.judge(token)
        passed = child.known and not child.passed
        return Verdict(passed, self.text, kind="not", children=(child,), known=child.known)

    def to_document(self) -> dict[str, Any]:
        inner = self.rule.tree
        if isinstance(inner, AnyOf) and len(inner.rules) > 1 and not (self.rule.to_document().keys() - {"any"}):
            return {"none": [rule.to_document() for rule in inner.rules]}
        return {"not": self.rule.to_document()}

    def resolved(self, rulebook: Mapping[str, Any], within: tuple[str, ...]) -> Condition:
        return attrs.evolve(self, rule=self.rule.resolved(rulebook, within))


def _bracketed(rule: Part) -> str:
    return (
        f"({rule})" if not rule.name and isinstance(rule.tree, _Combination) and len(rule.tree.rules) > 1 else str(rule)
    )


def _is_joined(expression: str) -> bool:
    return "&&" in expression or "||" in expression or "?" in expression


def _every(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda token: first(token) and second(token)
    return lambda token: all(test(token) for test in tests)


def _some(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda token: first(token) or second(token)
    return lambda token: any(test(token) for test in tests)
