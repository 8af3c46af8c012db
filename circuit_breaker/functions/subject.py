"""What conditions and mappings of a function look at: a token that also tells of the event.

``event`` is short for ``metadata.event``, in CEL texts, paths and templates alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.data import Data
from circuit_breaker.errors import ConditionParsingError, RuleInvalid
from circuit_breaker.rules import Rule, Template, as_rule
from circuit_breaker.rules.expression.lexer import lexemes
from circuit_breaker.rules.path import Path
from circuit_breaker.workflow.token import Token

__all__ = ["as_condition", "subject", "subject_path", "subject_template"]

WHOLE: Final = "metadata.event"
_PLACE: Final = re.compile(r"\{\{|\}\}|\{\s*event(?=\s*[.|}])")
_NAME: Final = re.compile(r"[^\W\d][\w-]*")


def subject(
    about: str,
    *,
    state: str,
    data: Any,
    metadata: Mapping[str, Any],
    results: Mapping[str, Any],
    event: Mapping[str, Any],
) -> Token:
    """What is looked at when something happened."""
    return Token(about, state, data, Data({**metadata, "event": event}), Data(results))


def as_condition(value: Any) -> Rule:
    """The rule that is meant: a rule, the name of one, CEL text, or a document.

    Raises:
        RuleInvalid: It is none of these.
    """
    if not isinstance(value, str) or _NAME.fullmatch(value):
        return as_rule(value)
    return as_rule({"cel": _spelled_out(value)})


def _spelled_out(text: str) -> str:
    """The expression with ``metadata.event`` where it says ``event``."""
    try:
        words = list(lexemes(text))
    except ConditionParsingError:
        return text  # whoever compiles it says what is wrong
    pieces, done, before = [], 0, ""
    for word in words:
        if word.kind == "name" and word.text == "event" and before != ".":
            pieces += [text[done : word.start], WHOLE]
            done = word.end
        before = word.text
    return "".join([*pieces, text[done:]])


def subject_path(text: Any) -> Path:
    """The path that a mapping names.

    Raises:
        RuleInvalid: It is none.
    """
    if not isinstance(text, str):
        raise RuleInvalid(f"{text!r:.60} is no path", remedy="write e.g. 'result' or 'metadata.source'")
    return Path.parse(f"{WHOLE}{text[5:]}" if text == "event" or text.startswith("event.") else text)


def subject_template(text: str) -> Template:
    """The template that the text says.

    Raises:
        RuleInvalid: Its braces are not balanced, or a place in it names no path.
    """
    return Template(_PLACE.sub(lambda found: found[0] if found[0] in {"{{", "}}"} else f"{{{WHOLE}", text))
