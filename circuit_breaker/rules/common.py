"""The rules that most workflows of documents and changes need, as a rulebook.

A value that is missing is a plain no here, so that each of them can be negated: without a ``data.emergency`` there is
no emergency. People (reviewer, approver, assignee, creator) are looked for in the data and in the metadata.
"""

from __future__ import annotations

from typing import Any, Final

from circuit_breaker.rules.field import Field, field
from circuit_breaker.rules.rule import Rule
from circuit_breaker.rules.rulebook import Rulebook

__all__ = ["COMMON"]


def _content(name: str, description: str) -> Rule:
    return field(name).present().named(f"has_{name}", description=description, category="content")


def _person(role: str) -> Rule:
    somewhere = field(f"data.{role}").present() | field(f"metadata.{role}").present()
    return somewhere.named(f"has_{role}", description=f"somebody is named as {role}", category="people")


def _equals(name: str, where: Field, value: Any, *, description: str, category: str) -> Rule:
    rule: Rule = where.exists() & (where == value)
    return rule.named(name, description=description, category=category)


def _status(value: str) -> Rule:
    description = f"the status is {value}"
    return _equals(f"status_{value}", field("status"), value, description=description, category="status")


def _priority(name: str, above: int) -> Rule:
    where = field("priority")
    rule = where.exists() & (where > above)
    return rule.named(f"{name}_priority", description=f"the priority is above {above}", category="priority")


def _outcome(subject: str, value: str) -> Rule:
    description = f"{subject}: {value}"
    return _equals(f"{subject}_{value}", field(f"{subject}_status"), value, description=description, category="checks")


COMMON: Final = Rulebook(
    _content("content", "there is content"),
    _content("title", "there is a title"),
    _content("description", "there is a description"),
    _person("reviewer"),
    _person("approver"),
    _status("approved"),
    _status("rejected"),
    _status("pending"),
    _priority("high", 5),
    _priority("critical", 8),
    _equals("emergency_flag", field("emergency"), True, description="it is an emergency", category="priority"),
    _outcome("tests", "passed"),
    _outcome("tests", "failed"),
    _outcome("security", "approved"),
    _outcome("security", "flagged"),
    _person("assignee"),
    _person("creator"),
    _equals(
        "admin_override", field("admin_override"), True, description="an administrator overrides", category="override"
    ),
)
"""The 18 common rules, by name."""
