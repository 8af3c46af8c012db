"""The answer of a rule, with reasons: a tree whose leaves say what was seen and what was wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

__all__ = ["MISSING", "Verdict"]


class _Missing:
    """What is seen where a path leads nowhere."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "missing"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""Seen where a path leads nowhere: distinct from None, which is a value."""


@attrs.frozen
class Verdict:
    """What a rule answers about a token.

    Attributes:
        passed: Whether the rule holds.
        text: The rule in words, such as ``"data.score >= 8"`` or the description of a named rule.
        name: The name of the rule, or an empty text where it has none.
        kind: ``"field"``, ``"expression"``, ``"callable"``, ``"javascript"`` for leaves; ``"all"``, ``"any"``,
            ``"not"`` for combinations.
        path: The dotted path that was looked at (``"data.score"``), or an empty text.
        seen: The value found there, or :data:`MISSING`, or None where the leaf looks at no single value.
        wanted: What would have passed, in words, such as ``">= 8"``.
        reason: Why it failed where the value alone does not say so: ``"missing"``, ``"not comparable"``, an error.
        children: The verdicts this one is made of.
        known: False where the question has no answer: the value is missing or not comparable, or judging it failed.
            Such a verdict never passes, and neither does its negation.
    """

    passed: bool
    text: str
    name: str = ""
    kind: str = "field"
    path: str = ""
    seen: Any = None
    wanted: str = ""
    reason: str = ""
    children: tuple[Verdict, ...] = ()
    known: bool = True

    def __bool__(self) -> bool:
        return self.passed

    def leaves(self) -> Iterator[Verdict]:
        """Every verdict without children, from left to right."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def failures(self) -> Iterator[Verdict]:
        """The leaves that explain why this verdict failed; nothing when it passed.

        Below a negation the leaves that *passed* are the culprits, and those that nobody can judge.
        """
        yield from self._culprits(wanted=True)

    def _culprits(self, *, wanted: bool) -> Iterator[Verdict]:
        if self.passed == wanted and self.known:
            return
        if not self.children:
            yield self
        flipped = wanted if self.kind != "not" else not wanted
        for child in self.children:
            yield from child._culprits(wanted=flipped)

    def to_document(self) -> dict[str, Any]:
        """The tree as plain JSON; what is empty is left out, a missing value is ``{"missing": true}``."""
        document: dict[str, Any] = {"passed": self.passed, "text": self.text, "kind": self.kind}
        for key in ("name", "path", "wanted", "reason"):
            if getattr(self, key):
                document[key] = getattr(self, key)
        if self.path:
            document["seen"] = {"missing": True} if self.seen is MISSING else self.seen
        if not self.known:
            document["known"] = False
        if self.children:
            document["children"] = [child.to_document() for child in self.children]
        return document

    def __str__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, indent: str) -> Iterator[str]:
        mark = "✓" if self.passed else "✗"
        label = f"{self.name}: {self.text}" if self.name and self.name != self.text else self.text
        yield f"{indent}{mark} {label}{self._because()}"
        for child in self.children:
            yield from child._lines(indent + "  ")

    def _because(self) -> str:
        if self.passed or self.children:
            return ""
        parts = [f"saw {_short(self.seen)}"] if self.path and self.seen is not MISSING else []
        if self.reason:
            parts.append(self.reason)
        if self.wanted:
            parts.append(f"wanted {self.wanted}")
        return f" — {', '.join(parts)}" if parts else ""


def _short(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
