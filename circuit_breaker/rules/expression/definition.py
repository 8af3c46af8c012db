"""An expression: a condition over a token, written as text."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs

from circuit_breaker.errors import EvaluationFailed
from circuit_breaker.rules.expression.budget import Exhausted
from circuit_breaker.rules.expression.compiler import Compiler
from circuit_breaker.rules.expression.judging import Judge, judge, refusal
from circuit_breaker.rules.expression.parser import parse
from circuit_breaker.rules.expression.source import Closure, Source
from circuit_breaker.rules.expression.syntax import Node, paths_of
from circuit_breaker.rules.expression.values import Unanswerable
from circuit_breaker.rules.verdict import Verdict

__all__ = ["Expression", "compile_expression"]


@attrs.frozen
class Expression:
    """A compiled expression, made by :func:`compile_expression`; two are equal when their trees are.

    Attributes:
        text: The expression as written.
        syntax: Its tree, see :mod:`circuit_breaker.rules.expression.syntax`.
        paths: The dotted paths that it reads, such as ``"data.score"``, ``"results.clarity.score"`` or ``"state"``.
    """

    text: str = attrs.field(eq=False)
    syntax: Node = attrs.field(repr=False)
    paths: frozenset[str] = attrs.field(eq=False, repr=False)
    _compiler: Compiler = attrs.field(eq=False, repr=False)
    _run: Closure = attrs.field(eq=False, repr=False)

    def test(self, token: Source) -> bool:
        """Whether the expression is true of the token; False where it has no answer or one that is no bool."""
        try:
            return self._run(token) is True
        except EvaluationFailed:
            return False

    def evaluate(self, token: Source) -> Any:
        """The value of the expression: plain JSON, or a :class:`TypeName`.

        Raises:
            EvaluationFailed: When it has none: a value is missing or of the wrong kind, or the evaluation takes too
                long.
        """
        try:
            return self._run(token)
        except EvaluationFailed as error:
            raise EvaluationFailed(f"'{self.text}' has no value: {error.message}", remedy=error.remedy) from error

    def judge(self, token: Source) -> Verdict:
        """The verdict with reasons; it passes exactly when :meth:`test` is True."""
        try:
            self._run(token)
        except Exhausted as error:
            return refusal(self.text, error)
        except Unanswerable:
            return self._judge(token)
        return self._judge(token)

    @cached_property
    def _judge(self) -> Judge:
        return judge(self.syntax, self._compiler)


def compile_expression(text: str) -> Expression:
    """The expression, ready to be asked of tokens.

    Args:
        text: A condition in the subset of CEL that :mod:`circuit_breaker.rules.expression` describes.

    Raises:
        ConditionParsingError: When it cannot be read, with the position of the first fault.
    """
    tree = parse(text)
    compiler = Compiler(text)
    return Expression(text, tree, paths_of(tree), compiler, compiler.compiled(tree))
