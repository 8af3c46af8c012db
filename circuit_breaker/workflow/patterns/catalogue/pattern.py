"""Pattern: one of the 43, how it is written here, and a workflow that shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import attrs

from circuit_breaker.workflow.flow import Flow, flow

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Pattern", "Support", "task"]

Support = Literal["direct", "few lines", "near", "not"]
"""How a pattern is supported: by one call or by the language of paths itself, by several calls, nearly, or not."""


@attrs.frozen
class Pattern:
    """A pattern of control flow.

    Attributes:
        number: Its number among the 43.
        name: Its name there.
        means: What it means, in one sentence.
        support: How it is supported.
        calls: What it is written with.
        example: Builds a workflow that shows it.
        note: What has to be known, and how near one gets where it is not supported directly.
        bounded: Whether the number of tokens has a bound that can be proven.
    """

    number: int
    name: str
    means: str
    support: Support
    calls: tuple[str, ...]
    example: Callable[[], Workflow]
    note: str = attrs.field(default="", kw_only=True)
    bounded: bool = attrs.field(default=True, kw_only=True)

    @property
    def code(self) -> str:
        """Its number as it is written, such as ``"WCP-07"``."""
        return f"WCP-{self.number:02}"

    def workflow(self) -> Workflow:
        """The workflow that shows it; its tasks are transitions that somebody fires."""
        return self.example()

    def to_document(self) -> dict[str, Any]:
        """The pattern as plain JSON, with its workflow."""
        return {
            "number": self.number,
            "code": self.code,
            "name": self.name,
            "means": self.means,
            "support": self.support,
            "calls": list(self.calls),
            "note": self.note,
            "bounded": self.bounded,
            "workflow": self.workflow().to_document(),
        }


def task(name: str, source: Any, target: Any) -> Flow:
    """A task of an example: somebody does it."""
    return flow(source >> target).transition(name).manual()
