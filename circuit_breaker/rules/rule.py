"""Rule: a named predicate over a token, which combines with others and answers with reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast, overload

import attrs

from circuit_breaker.errors import Fault, RuleInvalid, nearest
from circuit_breaker.lazy import deferred
from circuit_breaker.rules.builder import RuleBuilder
from circuit_breaker.rules.condition import Condition, Test
from circuit_breaker.rules.constant import exact, frozen, plain
from circuit_breaker.rules.leaves import (
    CallableCondition,
    ExpressionCondition,
    FieldCondition,
    JavascriptCondition,
)
from circuit_breaker.rules.tree import AllOf, AnyOf, Not, RuleName
from circuit_breaker.rules.verdict import Verdict

if TYPE_CHECKING:
    from circuit_breaker.rules.remedy import Change

__all__ = ["Rule", "cel", "create_rule", "javascript", "rule"]

_remedies = deferred("circuit_breaker.rules.remedy", "remedies")

RuleType = Literal["simple", "composite", "custom", "javascript"]


def _metadata(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], frozen(dict(value), where="metadata of a rule"))


@attrs.frozen(repr=False)
class Rule:
    """A rule.

    Attributes:
        tree: What it says: a :class:`~circuit_breaker.rules.tree.Condition` that can be walked.
        name: Under which a rulebook keeps it, or an empty text.
        description: What it means, in a sentence; verdicts show it.
        category: Where it belongs, such as ``"payment"``.
        metadata: What else is said about it, as JSON.
        test: Whether a token passes: a function, specialised for this rule.
    """

    tree: Condition
    name: str = ""
    description: str = ""
    category: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict, eq=exact, converter=_metadata)
    test: Test = attrs.field(init=False, eq=False, default=attrs.Factory(lambda self: self.tree.holds, takes_self=True))

    @classmethod
    def simple(cls, name: str) -> RuleBuilder[Rule]:
        """A builder of a rule of that name."""
        return RuleBuilder(name, cls)

    @classmethod
    def field_exists(cls, *path: str) -> Rule:
        """That the field is there and not null; ``Rule.field_exists("data", "content")`` is ``data.content``."""
        return cls(FieldCondition(".".join(path), "exists"))

    @classmethod
    def field_equals(cls, path: str, value: Any) -> Rule:
        """That the field has that value; ``Rule.field_equals("metadata.status", "new")``."""
        return cls(FieldCondition(path, "==", value))

    def __call__(self, token: Any) -> bool:
        """Whether the token passes."""
        return self.test(token)

    def judge(self, token: Any) -> Verdict:
        """The answer about a token, with reasons."""
        verdict = self.tree.judge(token)
        if not self.name and not self.description:
            return verdict
        return attrs.evolve(verdict, name=self.name or verdict.name, text=self.description or verdict.text)

    def remedies(self, token: Any) -> tuple[Change, ...]:
        """The smallest changes that would make it hold, as new values by path, such as ``{"data.score": 8}``.

        Each is proved by judging the changed token. There are none for functions, expressions and JavaScript; where any
        value would do it is ``"<any value>"``.
        """
        found: tuple[Change, ...] = _remedies(self.tree, token)
        return found

    @property
    def text(self) -> str:
        """What it says, in words."""
        return self.tree.text

    @property
    def rule_type(self) -> RuleType:
        """``simple``, ``composite``, ``custom`` (a function) or ``javascript``."""
        kinds: dict[type[Condition], RuleType] = {CallableCondition: "custom", JavascriptCondition: "javascript"}
        return "composite" if self.tree.parts else kinds.get(type(self.tree), "simple")

    @property
    def condition(self) -> str:
        """It as CEL text, or as JavaScript; in words where neither can say it; empty for a function."""
        return "" if self.evaluator else self.tree.expression or self.tree.text

    @property
    def evaluator(self) -> Callable[[Any], Any] | None:
        """The function of a custom rule, otherwise None."""
        return self.tree.function if isinstance(self.tree, CallableCondition) else None

    @property
    def operator(self) -> Literal["and", "or", "not", ""]:
        """How a composite rule joins its rules; an empty text for any other."""
        operators: dict[type[Condition], Literal["and", "or", "not"]] = {AllOf: "and", AnyOf: "or", Not: "not"}
        return operators.get(type(self.tree), "")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that a composite one is made of."""
        return cast("tuple[Rule, ...]", self.tree.parts)

    @property
    def paths(self) -> frozenset[str]:
        """The dotted paths that it reads; what a function reads is not known."""
        return self.tree.paths

    @property
    def names(self) -> tuple[str, ...]:
        """The names of rules in it that are not looked up yet."""
        return self.tree.names

    def named(
        self,
        name: str,
        *,
        description: str | None = None,
        category: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Rule:
        """The same rule under a name; what is not given stays as it is.

        Raises:
            RuleInvalid: The name is empty or no text.
        """
        if not str(name).strip():
            raise RuleInvalid(f"{name!r} is no name for a rule")
        given: dict[str, Any] = {"description": description, "category": category, "metadata": metadata}
        return attrs.evolve(self, name=name, **{key: value for key, value in given.items() if value is not None})

    def resolve(self, rulebook: Mapping[str, Rule], *, strict: bool = True) -> Rule:
        """The rule with the names in it looked up; what is unknown stays a name unless ``strict``.

        Raises:
            RuleInvalid: A name is unknown (all such names together), or a rule is made of itself.
        """
        found = self.resolved(rulebook, ())
        if strict and found.names:
            faults = [
                Fault(f"rule '{name}'", "is in no rulebook here", nearest(name, rulebook)) for name in found.names
            ]
            raise RuleInvalid(f"{self} names rules that do not exist", faults=faults)
        return found

    def resolved(self, rulebook: Mapping[str, Rule], within: tuple[str, ...]) -> Rule:
        """The rule with known names looked up, ``within`` being the names that lead here.

        Raises:
            RuleInvalid: A rule is made of itself.
        """
        if not isinstance(self.tree, RuleName):
            return self if not self.names else attrs.evolve(self, tree=self.tree.resolved(rulebook, within))
        name = self.tree.rule
        if name in within:
            raise RuleInvalid(f"the rule '{name}' is made of itself: {' -> '.join((*within, name))}")
        if name not in rulebook:
            return attrs.evolve(self, tree=FieldCondition(name, "present")) if self.tree.or_present else self
        return self._applied(rulebook[name].resolved(rulebook, (*within, name)))

    def _applied(self, target: Rule) -> Rule:
        """The rule that was looked up, with what is said here about it."""
        said: dict[str, Any] = {key: getattr(self, key) for key in ("name", "description", "category", "metadata")}
        return attrs.evolve(target, **{key: value for key, value in said.items() if value})

    def to_document(self) -> dict[str, Any]:
        """The rule as JSON; a named function as ``{"rule": name}``, to be looked up in a rulebook.

        Raises:
            RuleInvalid: A function in it has no name.
        """
        if self.evaluator and self.name:
            return {"rule": self.name}
        said = {key: plain(getattr(self, key)) for key in ("name", "description", "category", "metadata")}
        return self.tree.to_document() | {key: value for key, value in said.items() if value}

    def __and__(self, other: Any) -> Rule:
        return Rule(AllOf((*_flat(self, AllOf), *_flat(_operand(other, "&"), AllOf))))

    def __or__(self, other: Any) -> Rule:
        return Rule(AnyOf((*_flat(self, AnyOf), *_flat(_operand(other, "|"), AnyOf))))

    def __rand__(self, other: Any) -> Rule:
        return _operand(other, "&") & self

    def __ror__(self, other: Any) -> Rule:
        return _operand(other, "|") | self

    def __invert__(self) -> Rule:
        return Rule(Not(self))

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self} is neither true nor false without a token; combine rules with &, | and ~ instead of 'and', 'or' "
            "and 'not', and write a chained comparison as .between(low, high)"
        )

    def __str__(self) -> str:
        return self.name or self.tree.text

    def __repr__(self) -> str:
        return f"<Rule {self.name}: {self.text}>" if self.name else f"<Rule {self.text}>"


def _operand(value: Any, symbol: str) -> Rule:
    if isinstance(value, str):
        return Rule(RuleName(value))
    if not isinstance(value, Rule):
        raise RuleInvalid(f"{value!r} is no rule; it stands beside {symbol}", remedy="put comparisons into parentheses")
    return value


def _flat(rule: Rule, kind: type[AllOf | AnyOf]) -> tuple[Any, ...]:
    bare = not (rule.name or rule.description or rule.category or rule.metadata)
    return rule.tree.parts if bare and isinstance(rule.tree, kind) else (rule,)


def create_rule(name: str) -> RuleBuilder[Rule]:
    """A builder of a rule of that name."""
    return Rule.simple(name)


def cel(text: str, *, name: str = "", description: str = "") -> Rule:
    """The rule that a CEL expression says, such as ``cel("data.score >= 8 && state == 'draft'")``.

    Raises:
        ConditionParsingError: The text is no expression; the error has the position.
    """
    return Rule(ExpressionCondition(text), name, description)


def javascript(text: str, *, name: str = "", description: str = "") -> Rule:
    """The rule that a JavaScript expression says, evaluated in a sandbox.

    Raises:
        ConditionParsingError: The text is no expression.
        ExtraMissing: The extra ``javascript`` is not installed.
    """
    return Rule(JavascriptCondition(text), name, description)


@overload
def rule(what: Rule | Callable[[Any], Any], /, **said: Any) -> Rule: ...
@overload
def rule(what: str | None = None, /, **said: Any) -> Callable[[Callable[[Any], Any]], Rule]: ...
def rule(what: Any = None, /, **said: Any) -> Any:
    """A rule from a predicate over a token: ``@rule``, ``@rule("what it means")`` or ``@rule(name=..., category=...)``.

    The name of the function is the name of the rule, the first line of its docstring the description, unless given. A
    predicate that raises does not pass, and the verdict says why. Given a rule, as in ``rule(field("score") >= 8,
    name="good")``, it is that rule under a name.

    Args:
        what: The predicate, the description, or a rule.
        **said: ``name``, ``description``, ``category``, ``metadata``.

    Raises:
        RuleInvalid: The predicate is asynchronous, or does not take one argument; or an unknown keyword was given.
    """
    if not said.keys() <= {"name", "description", "category", "metadata"}:
        raise RuleInvalid(f"rule() takes name, description, category and metadata, got {', '.join(said)}")
    if isinstance(what, str):
        said.setdefault("description", what)
    if what is None or isinstance(what, str):
        return lambda function: _from_function(function, said)
    if isinstance(what, Rule):
        return attrs.evolve(what, **said)
    return _from_function(what, said)


def _from_function(function: Any, said: Mapping[str, Any]) -> Rule:
    name = getattr(function, "__name__", "")
    first = (getattr(function, "__doc__", None) or "").strip().partition("\n")[0]
    own: dict[str, Any] = {"name": "" if name == "<lambda>" else name, "description": first}
    return Rule(CallableCondition(function), **(own | dict(said)))
