"""JavaScript expressions as conditions, in a sandbox of their own: the extra ``javascript``.

The engine is QuickJS, without modules, timers, files or network. Each evaluation gets a fresh context with 16 MB of
memory, 1 MB of stack and a limit of time. The engine counts the processor time of the whole process, so its limit may
come early in a busy process; it is set generously, and a watchdog gives up on the wall clock. ``data``, ``metadata``,
``results`` and ``state`` arrive as JSON; nothing else does, and only a boolean comes back.
"""

from __future__ import annotations

import json
import threading
from types import ModuleType
from typing import Any, Final

import attrs

from circuit_breaker.errors import ConditionParsingError, EvaluationFailed, ExtraMissing, RuleInvalid
from circuit_breaker.rules.constant import plain

__all__ = ["Script", "compile_script"]

MEMORY: Final = 16 * 1024 * 1024
STACK: Final = 1024 * 1024
PROCESSOR_SECONDS: Final = 1.0
PATIENCE: Final = 2.0
LONGEST: Final = 10_000

_WRAPPED: Final = """
(function (input) {{
  "use strict";
  const {{data, metadata, results, state}} = JSON.parse(input);
  return (
{}
  );
}})(input)
"""
_CHECKS: Final = (
    "(function () {{ 'use strict'; return (\n{}\n); }})",
    "(function () {{ 'use strict'; return [\n{}\n]; }})",
)
_WORDS: Final = {
    "interrupted": "it took too long",
    "out of memory": "it ran out of memory",
    "null": "it ran out of memory",
}


@attrs.frozen(eq=False, repr=False)
class Script:
    """A checked expression.

    Attributes:
        source: Its text.
    """

    source: str

    def evaluate(self, token: Any) -> bool:
        """The value of the expression for the token.

        Raises:
            EvaluationFailed: It threw, hit a limit, or is no boolean.
        """
        values = {name: plain(getattr(token, name)) for name in ("data", "metadata", "results", "state")}
        try:
            text = json.dumps(values)
        except (TypeError, ValueError) as error:
            raise EvaluationFailed(f"the token is no JSON: {error}") from error
        evaluation = _Evaluation(_engine(), _WRAPPED.format(self.source), text)
        evaluation.start()
        evaluation.join(PATIENCE)
        if evaluation.is_alive():
            raise EvaluationFailed(f"it took longer than {PATIENCE:g} s")
        return evaluation.answer()


class _Evaluation(threading.Thread):
    """One run of a script; a daemon, so that one that hangs keeps no process alive."""

    def __init__(self, engine: ModuleType, code: str, text: str) -> None:
        super().__init__(name="javascript-rule", daemon=True)
        self._engine = engine
        self._code = code
        self._text = text
        self._value: Any = None
        self._failure = ""

    def run(self) -> None:
        """Evaluates the script in a fresh context."""
        context = _context(self._engine)
        context.set("input", self._text)
        try:
            self._value = context.eval(self._code)
        except (self._engine.JSException, TypeError) as error:
            self._failure = _short(error)

    def answer(self) -> bool:
        """What the script said.

        Raises:
            EvaluationFailed: It failed, or said neither true nor false.
        """
        if self._failure:
            raise EvaluationFailed(self._failure)
        if not isinstance(self._value, bool):
            raise EvaluationFailed(
                f"its value is no boolean but {_kind(self._value)}", remedy="compare, or write !!value"
            )
        return self._value


def compile_script(source: Any) -> Script:
    """The expression, with its syntax checked.

    Raises:
        RuleInvalid: It is no text, is empty, or is longer than 10,000 characters.
        ConditionParsingError: It is no JavaScript expression.
        ExtraMissing: The engine is not installed.
    """
    if not isinstance(source, str) or not source.strip() or len(source) > LONGEST:
        raise RuleInvalid(f"a JavaScript rule is a text of 1 to {LONGEST} characters, got {str(source)[:60]!r}")
    engine = _engine()
    for check in _CHECKS:
        try:
            _context(engine).eval(check.format(source))
        except engine.JSException as error:
            remedy = "write one expression, such as data.score >= 8"
            raise ConditionParsingError(
                f"JavaScript: {_short(error)}", text=source, position=0, remedy=remedy
            ) from error
    return Script(source)


def _engine() -> ModuleType:
    try:
        import quickjs  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ExtraMissing("quickjs-ng", extra="javascript", why="a JavaScript rule") from error
    engine: ModuleType = quickjs
    return engine


def _context(engine: ModuleType) -> Any:
    context = engine.Context()
    context.set_memory_limit(MEMORY)
    context.set_max_stack_size(STACK)
    context.set_time_limit(PROCESSOR_SECONDS)
    return context


def _short(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    message = first.removeprefix("InternalError: ")
    return _WORDS.get(message, first)


def _kind(value: Any) -> str:
    if value is None:
        return "null or undefined"
    return {"int": "a number", "float": "a number", "str": "a text"}.get(type(value).__name__, "an object")
