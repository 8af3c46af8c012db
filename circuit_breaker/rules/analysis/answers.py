"""What an analysis answers: a witness, a proof, or that it is not decided and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from circuit_breaker.rules.constant import plain, spelled

__all__ = ["PLACEHOLDER", "Answer", "Change", "Competition", "Gap", "Overlap", "Shadow", "Undecided", "Witness"]


PLACEHOLDER: Final = "<any value>"
"""Stands in a change where any value that is not empty would do."""


@attrs.frozen
class Witness:
    """A token for which something holds, proved by judging the rules themselves on it.

    Attributes:
        data: Its data, as JSON.
        metadata: Its metadata.
        results: Its results.
        state: Its state, or an empty text where the rules do not ask for it.
        id: Empty; so that a rule reads a witness like a token.
    """

    data: Mapping[str, Any] = attrs.field(factory=dict)
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    results: Mapping[str, Any] = attrs.field(factory=dict)
    state: str = ""
    id: str = ""

    def to_document(self) -> dict[str, Any]:
        """What is in it, as JSON; what is empty is left out, the data excepted."""
        parts = {name: plain(getattr(self, name)) for name in ("metadata", "results", "state")}
        return {"data": plain(self.data)} | {name: value for name, value in parts.items() if value}

    def __str__(self) -> str:
        return ", ".join(f"{name} {spelled(value)}" for name, value in self.to_document().items())


@attrs.frozen
class Undecided:
    """No answer, and why there is none.

    Attributes:
        reason: What stood in the way, such as a function that can only be asked.
        question: What was asked, or an empty text.
    """

    reason: str
    question: str = ""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.question}: not decided, {self.reason}" if self.question else f"not decided, {self.reason}"


@attrs.frozen
class Answer:
    """Whether a statement about all tokens is true. It counts as true only where that is proved.

    Attributes:
        holds: True, False, or None where it is not decided.
        witness: A token for which it is not true, where ``holds`` is False.
        reason: Why it is not decided, where ``holds`` is None.
    """

    holds: bool | None
    witness: Witness | None = None
    reason: str = ""

    def __bool__(self) -> bool:
        return self.holds is True


@attrs.frozen
class Change:
    """The smallest change that makes a rule hold, proved by applying it.

    Attributes:
        values: New values by dotted path, such as ``{"data.score": 8}``.
        minimal: Whether it is proved that no fewer paths would do.
        reason: Why that is not proved, where it is not.
    """

    values: Mapping[str, Any]
    minimal: bool = True
    reason: str = ""


@attrs.frozen
class Shadow:
    """A rule that can hold only where an earlier one does, so that it never decides.

    Attributes:
        name: The rule.
        by: The earlier rules that always win: one, or several which do it together.
    """

    name: str
    by: tuple[str, ...]


@attrs.frozen
class Overlap:
    """Two rules that can hold at once.

    Attributes:
        first: The earlier one, which wins.
        second: The later one.
        witness: A token for which both hold.
    """

    first: str
    second: str
    witness: Witness


@attrs.frozen
class Gap:
    """A token for which no rule holds.

    Attributes:
        kind: ``"value"``: every rule judges the token and says no. ``"missing"``: a rule cannot judge, because a value
            is missing or null. ``"kind"``: a rule cannot judge, because a value is of another kind, such as a text in
            place of a number. ``"unknown"``: a rule cannot judge for another reason, such as a function that fails.
        witness: The token.
        paths: What is missing or of another kind; for ``"value"`` what the rules look at.
    """

    kind: Literal["value", "missing", "kind", "unknown"]
    witness: Witness
    paths: tuple[str, ...] = ()


@attrs.frozen
class Competition:
    """What is known of rules that are tried in order.

    Attributes:
        contradictory: The rules that never hold.
        shadowed: The rules that never win.
        overlapping: Pairs that can hold at once.
        gaps: Tokens for which none holds, one for each kind and path.
        undecided: The questions that have no answer, with the reasons.
    """

    contradictory: tuple[str, ...] = ()
    shadowed: tuple[Shadow, ...] = ()
    overlapping: tuple[Overlap, ...] = ()
    gaps: tuple[Gap, ...] = ()
    undecided: tuple[Undecided, ...] = ()

    @property
    def complete(self) -> bool | None:
        """Whether some rule always holds; None where that is not decided."""
        if self.gaps:
            return False
        return None if any(each.question.startswith("gaps") for each in self.undecided) else True

    @property
    def complete_when_known(self) -> bool | None:
        """Whether some rule holds wherever every rule can judge; None where that is not decided."""
        if any(gap.kind == "value" for gap in self.gaps):
            return False
        return None if any(each.question == "gaps" for each in self.undecided) else True
