"""Splits the text of an expression into lexemes, by the lexical grammar of CEL.

The grammar is that of https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax, without bytes and unsigned
literals. The pattern below is fixed and has no ambiguity, so scanning takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import attrs

from circuit_breaker.errors import ConditionParsingError
from circuit_breaker.rules.expression.arithmetic import INT_MAX

__all__ = ["LENGTH", "Lexeme", "lexemes"]

LENGTH: Final = 4096
"""Characters that an expression may have."""


@attrs.frozen
class Lexeme:
    """The smallest part of an expression that has a meaning.

    Attributes:
        kind: ``"name"``, ``"quoted"`` (a field in backticks), ``"literal"``, ``"symbol"`` or ``"end"``.
        text: What stands in the expression; for a quoted field, what stands between the backticks.
        start: Offset of its first character, from 0.
        end: Offset behind its last character.
        value: The value of a literal. A whole number may be one more than the largest: only a minus before it makes it
            valid.
    """

    kind: str
    text: str
    start: int
    end: int
    value: Any = None


_SCANNER: Final = re.compile(
    r"""
      (?P<space>[\ \t\n\r\f]+ | //[^\n]*)
    | (?P<string>
          [rR]'''(?s:.*?)''' | [rR]\"\"\"(?s:.*?)\"\"\" | [rR]'[^'\n\r]*' | [rR]"[^"\n\r]*"
        | '''(?:[^\\]|\\(?s:.))*?''' | \"\"\"(?:[^\\]|\\(?s:.))*?\"\"\"
        | '(?:[^'\\\n\r]|\\.)*' | "(?:[^"\\\n\r]|\\.)*")
    | (?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ | \.[0-9]+(?:[eE][+-]?[0-9]+)?)
    | (?P<integer>0x[0-9a-fA-F]+ | [0-9]+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
    | (?P<symbol>&& | \|\| | == | != | <= | >= | [-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)

_ESCAPE: Final = re.compile(
    r"\\(?:[xX](?P<byte>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<plain>[abfnrtv\\?\"'`])|(?P<wrong>(?s:.)))"
)

_PLAIN: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_CONSTANTS: Final = {"true": True, "false": False, "null": None}


def lexemes(text: str) -> Iterator[Lexeme]:
    """The lexemes of ``text`` from left to right, and at last one of kind ``"end"``.

    Raises:
        ConditionParsingError: When the text is too long, or holds what is no lexeme.
    """
    if len(text) > LENGTH:
        message = f"the expression has {len(text):,} characters, and the limit is {LENGTH:,}"
        raise ConditionParsingError(message, text=text, position=LENGTH, remedy="split it into several rules")
    position = 0
    while position < len(text):
        found = _SCANNER.match(text, position)
        if found is None:
            raise _unreadable(text, position)
        if found.lastgroup != "space":
            yield _lexeme(text, found)
        position = found.end()
    yield Lexeme("end", "", len(text), len(text))


def _lexeme(text: str, found: re.Match[str]) -> Lexeme:
    kind, raw, start, end = found.lastgroup, found.group(), found.start(), found.end()
    if kind == "name" and raw in _CONSTANTS:
        return Lexeme("literal", raw, start, end, _CONSTANTS[raw])
    if kind == "name" and raw.lower() in ("b", "br", "rb") and text[end : end + 1] in ("'", '"'):
        raise ConditionParsingError(
            "literals of bytes are not supported", text=text, position=start, remedy="use a text"
        )
    if kind == "string":
        return Lexeme("literal", raw, start, end, _string(text, raw, start))
    if kind in ("integer", "double"):
        return Lexeme("literal", raw, start, end, _number(text, found))
    if kind == "quoted":
        return Lexeme("quoted", raw[1:-1], start, end)
    return Lexeme(str(kind), raw, start, end)


def _number(text: str, found: re.Match[str]) -> int | float:
    raw, end = found.group(), found.end()
    follower = text[end : end + 1]
    if follower in ("u", "U"):
        raise ConditionParsingError(
            "unsigned numbers are not supported", text=text, position=end, remedy="leave out the u"
        )
    if follower == "_" or follower.isalnum():
        raise ConditionParsingError(f"the number {raw} runs into '{follower}'", text=text, position=end)
    if found.lastgroup == "double":
        return float(raw)
    value = int(raw, 16 if raw.startswith("0x") else 10)
    if value > INT_MAX + 1:
        message = "the number does not fit into 64 bits"
        raise ConditionParsingError(
            message, text=text, position=found.start(), remedy="write it as a double, such as 1e20"
        )
    return value


def _string(text: str, raw: str, start: int) -> str:
    is_raw = raw[0] in "rR"
    body = raw[1:] if is_raw else raw
    width = 3 if body[:3] in ("'''", '"""') and len(body) >= 6 else 1
    inner = body[width:-width].replace("\r\n", "\n").replace("\r", "\n")
    if is_raw or "\\" not in inner:
        return inner
    return _ESCAPE.sub(lambda found: _unescape(found, text=text, position=start + width + found.start()), inner)


def _unescape(found: re.Match[str], *, text: str, position: int) -> str:
    if plain := found["plain"]:
        return _PLAIN.get(plain, plain)
    if octal := found["octal"]:
        return chr(int(octal, 8))
    digits = found["byte"] or found["short"] or found["long"]
    if digits is None:
        raise ConditionParsingError(
            f"unknown escape '{found.group()}'",
            text=text,
            position=position,
            remedy=r"known: \n \t \r \\ \' \" \xHH \uHHHH \UHHHHHHHH; for patterns write r'...'",
        )
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ConditionParsingError(f"'{found.group()}' is no character", text=text, position=position)
    return chr(code)


def _unreadable(text: str, position: int) -> ConditionParsingError:
    character = text[position]
    if character in "'\"":
        return ConditionParsingError("the text has no closing quote", text=text, position=position)
    hint = {"=": "equality is ==", "&": "and is &&", "|": "or is ||"}.get(character, "")
    return ConditionParsingError(f"unexpected character {character!r}", text=text, position=position, remedy=hint)
