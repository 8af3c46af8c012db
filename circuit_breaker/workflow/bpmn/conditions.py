"""Conditions: from the expressions of BPMN tools to CEL.

Read are comparisons, their combinations and plain variables, in the spelling of JUEL (``${amount > 1000 && !vip}``) and
of FEEL (``= amount > 1000 and not(vip)``), where names may have spaces. A variable ``x`` is ``data.x`` of the token.
What goes beyond it, such as calls of beans or scripts, has no translation.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["as_cel"]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>"[^"\\]*"|'[^'\\]*')
    |(?P<sign>&&|\|\||==|!=|<=|>=|<|>|=|!|\(|\)|\[|\]|\.\.|,|-)|(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*))""",
    re.VERBOSE,
)
_DATA_OBJECT: Final = re.compile(r"bpmn:getDataObject\('([^\W\d]\w*)'\)")
_COMPARED: Final = {
    "==": "==", "=": "==", "eq": "==", "!=": "!=", "ne": "!=", "<": "<", "lt": "<", ">": ">", "gt": ">",
    "<=": "<=", "le": "<=", ">=": ">=", "ge": ">=",
}  # fmt: skip
_WORDS: Final = {
    "and", "or", "not", "in", "between", "empty", "true", "false", "null", *_COMPARED,
    "if", "then", "else", "for", "return", "some", "every", "satisfies", "function",
    "div", "mod", "instance", "instanceof", "of",
}  # fmt: skip
_LONGEST: Final = 2000
_DEEPEST: Final = 30


class _Strange(Exception):
    """The expression is beyond what is translated."""


def as_cel(text: str) -> str | None:
    """The condition in CEL; None if it cannot be translated.

    Args:
        text: The expression, with or without ``${...}``, ``#{...}`` or a leading ``=``.
    """
    bare = _DATA_OBJECT.sub(r"\1", _bare(text.strip()))
    if not bare or len(bare) > _LONGEST:
        return None
    try:
        return _Translation(_tokens(bare)).whole()
    except _Strange:
        return None


def _bare(text: str) -> str:
    if text[:2] in ("${", "#{") and text.endswith("}"):
        return text[2:-1].strip()
    return text[1:].strip() if text.startswith("=") else text


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Strange
        found.append(match[0].strip())
        at = match.end()
    return found


class _Translation:
    """Reads tokens from left to right, by precedence."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def whole(self) -> str:
        made = self._either()
        if self.at < len(self.tokens):
            raise _Strange
        return made

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._peek()
        if not token or (wanted and token not in wanted):
            return ""
        self.at += 1
        return token

    def _need(self, *wanted: str) -> str:
        token = self._take(*wanted)
        if not token:
            raise _Strange
        return token

    def _either(self) -> str:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Strange
        parts = [self._both()]
        while self._take("||", "or"):
            parts.append(self._both())
        self.depth -= 1
        return " || ".join(parts)

    def _both(self) -> str:
        parts = [self._not()]
        while self._take("&&", "and"):
            parts.append(self._not())
        return " && ".join(f"({part})" if " || " in part else part for part in parts)

    def _not(self) -> str:
        if self._take("!", "not"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise _Strange
            inner = self._not()
            self.depth -= 1
            return f"!({inner})"
        if self._take("empty"):
            variable = self._variable()
            return f"({variable} == null || size({variable}) == 0)"
        return self._comparison()

    def _comparison(self) -> str:
        if self._take("("):
            inner = self._either()
            self._need(")")
            if self._peek() in _COMPARED:
                raise _Strange
            return f"({inner})"
        left = self._value()
        if self._take("in"):
            return self._among(left)
        if self._take("between"):
            low = self._value()
            self._need("and")
            return f"({left} >= {low} && {left} <= {self._value()})"
        sign = self._take(*_COMPARED)
        if sign:
            return f"{left} {_COMPARED[sign]} {self._value()}"
        if left[0] in "\"'-" or left[0].isdigit() or left == "null":
            raise _Strange
        return left

    def _among(self, left: str) -> str:
        opened = self._need("(", "[")
        first = self._value()
        if self._take(".."):
            last = self._value()
            closed = self._need(")", "]")
            low, high = ">=" if opened == "[" else ">", "<=" if closed == "]" else "<"
            return f"({left} {low} {first} && {left} {high} {last})"
        values = [first]
        while self._take(","):
            values.append(self._value())
        self._need(")" if opened == "(" else "]")
        return f"{left} in [{', '.join(values)}]"

    def _value(self) -> str:
        minus = self._take("-")
        token = self._need()
        if token[0].isdigit():
            return minus + token
        if minus:
            raise _Strange
        if token[0] in "\"'" or token in ("true", "false", "null"):
            return token
        self.at -= 1
        return self._variable()

    def _variable(self) -> str:
        words = [self._need()]
        while _is_name(words[-1]) and _is_name(self._peek()):
            words.append(self._need())
        if not _is_name(words[0]) or self._peek() == "(":
            raise _Strange
        return f"data.{words[0]}" if len(words) == 1 else f'data["{" ".join(words)}"]'


def _is_name(token: str) -> bool:
    return token not in _WORDS and token[:1].isidentifier()
