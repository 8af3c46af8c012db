"""Verdicts of expressions: the tree of ``&&``, ``||`` and ``!``, and for every leaf what was seen and what was wanted.

A leaf is judged by evaluating it alone, so a verdict shows what each condition is worth even where the answer was clear
before. A failure below a ``!`` makes the negation itself a leaf: it failed because there was no answer, not because of
the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from circuit_breaker.errors import EvaluationFailed
from circuit_breaker.rules.expression.comparisons import FLIPPED
from circuit_breaker.rules.expression.compiler import Compiler
from circuit_breaker.rules.expression.source import Closure, Source
from circuit_breaker.rules.expression.syntax import (
    And,
    Call,
    Compare,
    Has,
    Node,
    Not,
    Or,
    Select,
    path_of,
)
from circuit_breaker.rules.expression.values import Missing, describe, kind
from circuit_breaker.rules.verdict import MISSING, Verdict

__all__ = ["Judge", "judge", "refusal"]

Judge = Callable[[Source], Verdict]


@attrs.frozen
class _View:
    """What a leaf looks at.

    Attributes:
        path: The path that is read, or an empty text.
        read: Reads it.
        relation: What is wanted of it, such as ``">="`` or ``"true"``.
        other: Reads what it is held against, or None when ``relation`` says everything.
        other_text: How the expression writes that.
    """

    path: str = ""
    read: Closure | None = None
    relation: str = ""
    other: Closure | None = None
    other_text: str = ""

    def seen(self, token: Source) -> Any:
        return None if self.read is None else _tried(self.read, token, otherwise=MISSING)

    def wanted(self, token: Source) -> str:
        if self.other is None:
            return self.relation
        value = _tried(self.other, token, otherwise=MISSING)
        return f"{self.relation} {self.other_text if value is MISSING else describe(value)}"


def _tried(read: Closure, token: Source, *, otherwise: Any) -> Any:
    try:
        return read(token)
    except EvaluationFailed:
        return otherwise


def judge(tree: Node, compiler: Compiler) -> Judge:
    """A closure from a token to the verdict on ``tree``."""
    match tree:
        case And(terms):
            return _joined(tree, "all", all, [judge(term, compiler) for term in terms], compiler)
        case Or(terms):
            return _joined(tree, "any", any, [judge(term, compiler) for term in terms], compiler)
        case Not(operand):
            return _negated(tree, operand, compiler)
    return _leaf(tree, compiler)


def refusal(text: str, error: EvaluationFailed, view_path: str = "", **known: Any) -> Verdict:
    """The verdict on a condition that has no answer; a missing value says so in one word."""
    if not isinstance(error, Missing):
        return Verdict(False, text, kind="expression", path=view_path, reason=error.message, **known)
    path = view_path if view_path.startswith(f"{error.path}.") else error.path
    wanted = known.get("wanted", "") if path == view_path else ""
    return Verdict(False, text, kind="expression", path=path, seen=MISSING, wanted=wanted, reason="missing")


def _text(node: Node, compiler: Compiler) -> str:
    return compiler.text[node.start : node.end]


def _joined(tree: Node, kind_: str, combine: Callable[[Any], bool], judges: list[Judge], compiler: Compiler) -> Judge:
    text = _text(tree, compiler)

    def verdict(token: Source) -> Verdict:
        children = tuple(child(token) for child in judges)
        return Verdict(combine(children), text, kind=kind_, children=children)

    return verdict


def _negated(tree: Node, operand: Node, compiler: Compiler) -> Judge:
    text, run, child = _text(tree, compiler), compiler.compiled(tree), judge(operand, compiler)

    def verdict(token: Source) -> Verdict:
        try:
            passed = run(token)
        except EvaluationFailed as error:
            return refusal(text, error)
        return Verdict(passed, text, kind="not", children=(child(token),))

    return verdict


def _leaf(tree: Node, compiler: Compiler) -> Judge:
    text, run, view = _text(tree, compiler), compiler.compiled(tree), _view(tree, compiler)

    def verdict(token: Source) -> Verdict:
        known = {"seen": view.seen(token), "wanted": view.wanted(token)}
        try:
            value = run(token)
        except EvaluationFailed as error:
            return refusal(text, error, view.path, **known)
        reason = "" if isinstance(value, bool) else f"gives a {kind(value)}, not a bool"
        return Verdict(value is True, text, kind="expression", path=view.path, reason=reason, **known)

    return verdict


def _view(node: Node, compiler: Compiler) -> _View:
    match node:
        case Compare(symbol, left, right) if path_of(left):
            return _against(left, symbol, right, compiler)
        case Compare("in", left, right) if path_of(right):
            return _against(right, "containing", left, compiler)
        case Compare(symbol, left, right) if path_of(right) and symbol in FLIPPED:
            return _against(right, FLIPPED[symbol], left, compiler)
        case Has(operand, name) if path_of(operand):
            selected = Select(operand, name)
            return _View(path_of(selected), compiler.compiled(selected), "present")
        case Call(name, (subject, argument)) if path_of(subject):
            return _against(subject, name, argument, compiler)
        case _ if path_of(node):
            return _View(path_of(node), compiler.compiled(node), "true")
    return _View()


def _against(subject: Node, relation: str, other: Node, compiler: Compiler) -> _View:
    return _View(
        path_of(subject), compiler.compiled(subject), relation, compiler.compiled(other), _text(other, compiler)
    )
