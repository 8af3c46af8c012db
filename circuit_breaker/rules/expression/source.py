"""What closures read: a token, or a frame around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from circuit_breaker.rules.expression.budget import Budget

__all__ = ["Closure", "Frame", "Source"]

Closure = Callable[[Any], Any]
"""A compiled part of an expression: a source in, a value out, or a failure raised."""


class Source(Protocol):
    """What an expression is judged on: a token, or anything with the same four attributes."""

    @property
    def data(self) -> Any:
        """What was given to the case and added by its actions: a map or typed data."""

    @property
    def metadata(self) -> Any:
        """What is known about the case."""

    @property
    def results(self) -> Any:
        """The outcomes of actions by their names."""

    @property
    def state(self) -> Any:
        """The name of the state."""


class Frame(Budget):
    """A source with a budget and with the variables of macros, for one evaluation.

    Attributes:
        variables: The value of each macro variable, by the number of macros around it.
    """

    __slots__ = ("data", "metadata", "results", "state", "variables")

    def __init__(self, source: Source, variables: int) -> None:
        super().__init__()
        self.data = source.data
        self.metadata = source.metadata
        self.results = source.results
        self.state = source.state
        self.variables: list[Any] = [None] * variables
