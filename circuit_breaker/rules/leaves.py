"""The leaves of the tree of a rule: conditions on a field, expressions, JavaScript and Python functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import attrs

from circuit_breaker.errors import EvaluationFailed, RuleInvalid, words_of
from circuit_breaker.lazy import deferred
from circuit_breaker.rules.comparing import against_constant, against_field
from circuit_breaker.rules.condition import Condition, Test
from circuit_breaker.rules.constant import exact, plain, spelled
from circuit_breaker.rules.context import RuleContext
from circuit_breaker.rules.javascript import compile_script
from circuit_breaker.rules.operators import OPERATIONS, RuleOperator
from circuit_breaker.rules.path import Path, Read
from circuit_breaker.rules.verdict import MISSING, Verdict

__all__ = ["CallableCondition", "ExpressionCondition", "FieldCondition", "JavascriptCondition"]

compile_expression = deferred("circuit_breaker.rules.expression", "compile_expression")


def _path(text: Any) -> str:
    return Path.parse(text).text


def _path_or_none(text: Any) -> str:
    return Path.parse(text).text if text else ""


def _operator(text: Any) -> RuleOperator:
    return RuleOperator.of(text)


@attrs.frozen
class FieldCondition(Condition):
    """What one field must be.

    Attributes:
        path: The dotted path with its namespace, such as ``"data.score"``.
        operator: How it is compared.
        value: The constant, frozen: lists are tuples, objects read-only mappings. None where there is none.
        other: The dotted path of another field, where that stands in place of the constant.
    """

    path: str = attrs.field(converter=_path)
    operator: RuleOperator = attrs.field(converter=_operator)
    value: Any = attrs.field(default=None, eq=exact)
    other: str = attrs.field(default="", converter=_path_or_none)

    def functions(self) -> tuple[Test, Test]:
        operation = OPERATIONS[self.operator]
        where = f"{self.path} {self.operator}"
        if self.other:
            if not operation.comparing or self.value is not None:
                raise RuleInvalid(
                    f"{where}: is not compared with another field and a value", remedy="give a value alone"
                )
            return against_field(Path.parse(self.path), self.operator, Path.parse(self.other))
        object.__setattr__(self, "value", operation.check(self.value, where))
        return against_constant(Path.parse(self.path), self.operator, self.value)

    @cached_property
    def words(self) -> str:
        """The operator and what the field is compared with, in words."""
        operation = OPERATIONS[self.operator]
        return str(operation.phrase).format(self.other) if self.other else operation.words(self.value)

    @cached_property
    def text(self) -> str:
        return f"{self.path} {self.words}"

    @cached_property
    def _read(self) -> Read:
        return Path.parse(self.path).reader()

    @property
    def expression(self) -> str:
        operation, path = OPERATIONS[self.operator], Path.parse(self.path).expression
        return (
            operation.against(path, Path.parse(self.other).expression)
            if self.other
            else operation.cel(path, self.value)
        )

    @property
    def paths(self) -> frozenset[str]:
        return frozenset({self.path, self.other} - {""})

    def judge(self, token: Any) -> Verdict:
        operation = OPERATIONS[self.operator]
        seen = self._read(token)
        passed, failed = self.holds(token), self.fails(token)
        return Verdict(
            passed,
            self.text,
            path=self.path,
            seen=seen,
            wanted=operation.wanted or self._wanted(token),
            reason="" if passed else self._reason(token, seen, known=failed),
            known=passed or failed,
        )

    def _wanted(self, token: Any) -> str:
        other = Path.parse(self.other).reader()(token) if self.other else MISSING
        return self.words if other is MISSING else f"{self.words} ({spelled(other, most=60)})"

    def _reason(self, token: Any, seen: Any, *, known: bool) -> str:
        if seen is MISSING:
            return "missing"
        if known:
            explain = OPERATIONS[self.operator].explain
            return explain(self.value, seen) if explain else ""
        if self.other and Path.parse(self.other).reader()(token) is MISSING:
            return f"{self.other} is missing"
        return "not comparable"

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"field": self.path, "op": str(self.operator)}
        if self.other:
            return document | {"other": self.other}
        return document if OPERATIONS[self.operator].absent is not None else document | {"value": plain(self.value)}


@attrs.frozen
class ExpressionCondition(Condition):
    """An expression in our subset of CEL.

    Attributes:
        source: Its text.
        compiled: The expression, with its syntax tree.
    """

    source: str
    compiled: Any = attrs.field(init=False, eq=False, repr=False)

    def functions(self) -> tuple[Test, Test]:
        if type(self.source) is not str:
            raise RuleInvalid(f"an expression is a text, got {self.source!r}")
        compiled = compile_expression(self.source)
        object.__setattr__(self, "compiled", compiled)
        return compiled.test, lambda token: _is_false(compiled.evaluate, token)

    @property
    def text(self) -> str:
        return self.source

    @property
    def expression(self) -> str:
        return self.source

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(self.compiled.paths)

    def judge(self, token: Any) -> Verdict:
        verdict: Verdict = self.compiled.judge(token)
        return verdict if verdict.passed else attrs.evolve(verdict, known=self.fails(token))

    def to_document(self) -> dict[str, Any]:
        return {"cel": self.source}


@attrs.frozen
class JavascriptCondition(Condition):
    """An expression in JavaScript, evaluated in a sandbox.

    Attributes:
        source: Its text.
        script: The checked script.
    """

    source: str
    script: Any = attrs.field(init=False, eq=False, repr=False)

    def functions(self) -> tuple[Test, Test]:
        script = compile_script(self.source)
        object.__setattr__(self, "script", script)
        return (lambda token: _is_true(script.evaluate, token)), (lambda token: _is_false(script.evaluate, token))

    @property
    def text(self) -> str:
        return self.source

    def judge(self, token: Any) -> Verdict:
        try:
            passed = self.script.evaluate(token)
        except EvaluationFailed as error:
            return Verdict(False, self.source, kind="javascript", reason=error.message, known=False)
        return Verdict(passed, self.source, kind="javascript", wanted="true")

    def to_document(self) -> dict[str, Any]:
        return {"javascript": self.source}


@attrs.frozen
class CallableCondition(Condition):
    """A Python function of a token, or of a :class:`RuleContext` if its parameter is called ``context``.

    Attributes:
        function: Called with one argument; it returns True or False, and anything else passes for neither.
    """

    function: Callable[[Any], Any]
    _call: Callable[[Any], Any] = attrs.field(init=False, eq=False, repr=False)

    def functions(self) -> tuple[Test, Test]:
        object.__setattr__(self, "_call", _call_of(self.function))
        return (lambda token: self._ask(token)[0] is True), (lambda token: self._ask(token)[0] is False)

    def _ask(self, token: Any) -> tuple[bool | None, str]:
        try:
            answer = self._call(token)
            if inspect.isawaitable(answer):
                return None, "it returned an awaitable; rules are synchronous"
        except Exception as error:  # noqa: BLE001 - a rule of the user's may fail in any way, and then must not pass
            return None, f"{type(error).__name__}: {words_of(error)}"
        if isinstance(answer, bool):
            return answer, ""
        return None, f"it returned a {type(answer).__name__}, which is neither True nor False"

    @property
    def text(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def judge(self, token: Any) -> Verdict:
        answer, reason = self._ask(token)
        return Verdict(answer is True, self.text, kind="callable", reason=reason, known=answer is not None)

    def to_document(self) -> dict[str, Any]:
        raise RuleInvalid(
            f"the function {self.text} has no document", remedy="give the rule a name, and put it into a rulebook"
        )


def _is_true(evaluate: Callable[[Any], Any], token: Any) -> bool:
    try:
        return evaluate(token) is True
    except EvaluationFailed:
        return False


def _is_false(evaluate: Callable[[Any], Any], token: Any) -> bool:
    try:
        return evaluate(token) is False
    except EvaluationFailed:
        return False


_CONTEXT: Final = frozenset({"context", "ctx"})


def _call_of(function: Any) -> Callable[[Any], Any]:
    """The function as one of a token.

    Raises:
        RuleInvalid: It is not callable, is asynchronous, or does not take exactly one argument.
    """
    if not callable(function):
        raise RuleInvalid(f"{function!r} is no function", remedy="give a function that takes a token")
    name = getattr(function, "__qualname__", repr(function))
    if inspect.iscoroutinefunction(function):
        raise RuleInvalid(
            f"the rule {name} is asynchronous", remedy="let an action put the fact on the token, and judge that"
        )
    try:
        signature = inspect.signature(function)
        signature.bind(None)
    except ValueError:
        return function  # type: ignore[no-any-return]  # a builtin that does not tell its parameters
    except TypeError as error:
        raise RuleInvalid(
            f"the rule {name} does not take one argument: {error}", remedy="let it take a token"
        ) from error
    first = next(iter(signature.parameters.values()))
    if first.name in _CONTEXT or first.annotation in {RuleContext, "RuleContext"}:
        return lambda token: function(getattr(token, "context", None) or RuleContext(token))
    return function  # type: ignore[no-any-return]  # what callable() lets through has no narrower type
