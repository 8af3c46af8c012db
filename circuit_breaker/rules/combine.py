"""Rules from what people write: names, CEL text, lists, ``{"all": [], "any": [], "none": []}`` and whole documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import Fault, RuleInvalid, nearest
from circuit_breaker.rules.condition import Condition
from circuit_breaker.rules.field import Field
from circuit_breaker.rules.leaves import ExpressionCondition, FieldCondition, JavascriptCondition
from circuit_breaker.rules.rule import Rule, rule
from circuit_breaker.rules.tree import AllOf, AnyOf, Not, RuleName

__all__ = ["all_of", "any_of", "as_rule", "none_of", "rule_from_document"]

_NAME: Final = re.compile(r"(?!(?:true|false|null)$)[^\W\d][\w-]*")
_PATH: Final = re.compile(r"[^\W\d]\w*(\.\w+)+")
_SAID: Final = ("name", "description", "category", "metadata")
_GROUPS: Final = ("all", "any", "none")
_DEEPEST: Final = 64


def all_of(*rules: Any) -> Rule:
    """The rule that every one of these holds.

    Args:
        *rules: Rules, functions of a token, names of rules, CEL texts, or mappings ``{"all": [], "any": [], "none":
            []}``.

    Raises:
        RuleInvalid: There is none, or one of them is no rule.
    """
    if len(rules) == 1 and isinstance(rules[0], (Mapping, list, tuple)):
        return as_rule(rules[0])
    return Rule(AllOf(tuple(as_rule(each) for each in rules)))


def any_of(*rules: Any) -> Rule:
    """The rule that at least one of these holds; takes what :func:`all_of` takes."""
    return Rule(AnyOf(tuple(as_rule(each) for each in rules)))


def none_of(*rules: Any) -> Rule:
    """The rule that none of these holds; takes what :func:`all_of` takes."""
    return ~(as_rule(rules[0]) if len(rules) == 1 else any_of(*rules))


def as_rule(value: Any, *, or_present: bool = False) -> Rule:
    """The rule that is meant: a rule itself, a function, a name, CEL text, a list (all of it), or a document.

    Args:
        value: What stands for the rule.
        or_present: Whether a name of no rule, a path, or a field means that the field must be present.

    Raises:
        RuleInvalid: It is none of these, or what is in it is wrong.
    """
    return _as_rule(value, or_present=or_present, depth=0)


def rule_from_document(document: Any) -> Rule:
    """The rule that :meth:`Rule.to_document` wrote.

    Raises:
        RuleInvalid: The document says no rule.
    """
    return as_rule(document)


def _as_rule(value: Any, *, or_present: bool, depth: int) -> Rule:
    if isinstance(value, Rule):
        return value
    if depth > _DEEPEST:
        raise RuleInvalid(f"rules are nested deeper than {_DEEPEST}", remedy="give parts a name in a rulebook")
    if isinstance(value, str):
        return _from_text(value, or_present=or_present)
    if isinstance(value, Mapping):
        return _from_mapping(value, or_present=or_present, depth=depth)
    if isinstance(value, (list, tuple)):
        return _from_list(value, or_present=or_present, depth=depth)
    if isinstance(value, Field):
        if or_present:
            return value.present()
        raise RuleInvalid(f"{value!r} alone is no rule", remedy="compare it, or write .exists() or .present()")
    if callable(value) and not isinstance(value, type):
        made: Rule = rule(value)
        return made
    raise RuleInvalid(f"{value!r} is no rule", remedy="give a rule, the name of one, a list, or {'all': [], 'any': []}")


def _from_text(text: str, *, or_present: bool) -> Rule:
    if _NAME.fullmatch(text):
        return Rule(RuleName(text, or_present))
    if or_present and _PATH.fullmatch(text):
        return Rule(FieldCondition(text, "present"))
    return Rule(ExpressionCondition(text))


def _from_list(values: Any, *, or_present: bool, depth: int) -> Rule:
    rules = [_as_rule(value, or_present=or_present, depth=depth + 1) for value in values]
    return rules[0] if len(rules) == 1 else Rule(AllOf(tuple(rules)))


def _from_mapping(document: Mapping[Any, Any], *, or_present: bool, depth: int) -> Rule:
    body = {key: value for key, value in document.items() if key not in _SAID}
    shape = next((shape for shape in _SHAPES if shape in body), "")
    allowed = _SHAPES.get(shape, frozenset(_GROUPS) if body else frozenset())
    if not body or not body.keys() <= allowed:
        raise RuleInvalid("the document says no rule", faults=_unknown(document, allowed))
    made = _grouped(body, or_present=or_present, depth=depth) if not shape else _leaf(shape, body, or_present, depth)
    said = {key: document[key] for key in _SAID if key in document}
    _check_said(said)
    return attrs.evolve(made, **said) if said else made


def _check_said(said: Mapping[str, Any]) -> None:
    for key, value in said.items():
        if not isinstance(value, Mapping if key == "metadata" else str):
            raise RuleInvalid(f"the {key} of a rule: {value!r} is no {'mapping' if key == 'metadata' else 'text'}")


def _unknown(document: Mapping[Any, Any], allowed: frozenset[str]) -> Iterator[Fault]:
    known = [*_SHAPES, *_GROUPS] if not allowed else sorted(allowed)
    for key in document:
        if key not in _SAID and key not in allowed:
            yield Fault(f"key {key!r}", "is not known here", nearest(str(key), known))
    if not document.keys() - set(_SAID):
        yield Fault("keys", f"{sorted(map(str, document))} say nothing to judge", f"add one of {', '.join(known)}")


def _grouped(body: Mapping[str, Any], *, or_present: bool, depth: int) -> Rule:
    """All that ``all``, ``any`` and ``none`` ask for; an empty list asks for nothing."""
    made: list[Rule] = []
    for group in _GROUPS:
        values = body.get(group) or ()
        if isinstance(values, (str, Mapping)) or not isinstance(values, (list, tuple)):
            values = (values,)
        rules = tuple(_as_rule(value, or_present=or_present, depth=depth + 1) for value in values)
        if group == "all":
            made.extend(rules)
        elif rules:
            made.append(Rule(_COMBINATIONS[group](rules)))
    if not made:
        raise RuleInvalid("a combination of no rules says nothing", remedy="put a rule into 'all', 'any' or 'none'")
    return made[0] if len(made) == 1 and not body.get("all") else Rule(AllOf(tuple(made)))


_SHAPES: Final[dict[str, frozenset[str]]] = {
    "field": frozenset({"field", "op", "value", "other"}),
    "cel": frozenset({"cel"}),
    "javascript": frozenset({"javascript"}),
    "rule": frozenset({"rule", "or_present"}),
    "not": frozenset({"not"}),
}

_COMBINATIONS: Final[dict[str, Callable[[tuple[Rule, ...]], Condition]]] = {
    "any": AnyOf,
    "none": lambda rules: Not(rules[0] if len(rules) == 1 else Rule(AnyOf(rules))),
}

_CONDITIONS: Final[dict[str, Callable[[Mapping[str, Any]], Condition]]] = {
    "field": lambda body: FieldCondition(body["field"], body.get("op"), body.get("value"), body.get("other", "")),
    "cel": lambda body: ExpressionCondition(body["cel"]),
    "javascript": lambda body: JavascriptCondition(body["javascript"]),
    "rule": lambda body: RuleName(body["rule"], body.get("or_present", False)),
}


def _leaf(shape: str, body: Mapping[str, Any], or_present: bool, depth: int) -> Rule:
    if shape == "not":
        return Rule(Not(_as_rule(body["not"], or_present=or_present, depth=depth + 1)))
    return Rule(_CONDITIONS[shape](body))
