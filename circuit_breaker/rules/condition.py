"""The base of every node in the tree of a rule."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from circuit_breaker.rules.verdict import Verdict

__all__ = ["Condition", "Part", "Test"]

Test = Callable[[Any], bool]
"""Judges a token."""


class Part(Protocol):
    """A rule, as far as a combination needs to know it."""

    @property
    def name(self) -> str:
        """Its name, or an empty text."""

    @property
    def tree(self) -> Condition:
        """What it says."""

    def judge(self, token: Any) -> Verdict:
        """Its answer, with reasons."""

    def to_document(self) -> dict[str, Any]:
        """It as JSON."""

    def resolved(self, rulebook: Mapping[str, Any], within: tuple[str, ...]) -> Any:
        """It with the names in it looked up."""


@attrs.frozen(eq=False, repr=False)
class Condition(abc.ABC):
    """One node of the tree.

    Attributes:
        holds: Whether a token passes.
        fails: Whether it is known that a token does not pass.
    """

    holds: Test = attrs.field(init=False, eq=False, repr=False, kw_only=True)
    fails: Test = attrs.field(init=False, eq=False, repr=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        holds, fails = self.functions()
        object.__setattr__(self, "holds", holds)
        object.__setattr__(self, "fails", fails)

    @abc.abstractmethod
    def functions(self) -> tuple[Test, Test]:
        """New functions for ``holds`` and ``fails``."""

    @property
    @abc.abstractmethod
    def text(self) -> str:
        """The condition in words."""

    @abc.abstractmethod
    def judge(self, token: Any) -> Verdict:
        """The answer about a token, with reasons."""

    @abc.abstractmethod
    def to_document(self) -> dict[str, Any]:
        """The condition as JSON."""

    @property
    def expression(self) -> str:
        """The condition as CEL text, or an empty text where CEL cannot say it."""
        return ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The rules that it is made of."""
        return ()

    @property
    def paths(self) -> frozenset[str]:
        """The dotted paths that it reads, as far as that can be known."""
        return frozenset(path for part in self.parts for path in part.tree.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of rules in it that are not looked up yet, each once."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.tree.names))

    def resolved(self, rulebook: Mapping[str, Any], within: tuple[str, ...]) -> Condition:
        """The condition with the names in it looked up, as far as the rulebook has them."""
        del rulebook, within
        return self
