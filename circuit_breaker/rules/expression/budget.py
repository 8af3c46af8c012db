"""What one evaluation may cost: steps, so that no expression can hold the process for long.

One turn of a macro is a step. Bulk work is weighed so that a step is roughly ten microseconds of it: characters
compared or copied, elements compared, states of a pattern visited. The count depends on the expression and the data
alone, never on speed or on what was evaluated before, so that the answer is the same on every machine.
"""

from __future__ import annotations

from typing import Final

from circuit_breaker.errors import EvaluationFailed

__all__ = ["CHARACTERS_A_STEP", "ELEMENTS_A_STEP", "STEPS", "Budget", "Exhausted"]

STEPS: Final = 10_000
"""Steps that one evaluation may take."""

CHARACTERS_A_STEP: Final = 4096
"""Characters that one step copies, compares or searches for a plain text."""

ELEMENTS_A_STEP: Final = 32
"""Elements of lists and maps that one step compares or copies."""


class Exhausted(EvaluationFailed):
    """The evaluation took too many steps, or built something too large; nothing absorbs this."""


class Budget:
    """The steps that are left to one evaluation.

    Attributes:
        left: Steps that may still be taken.
    """

    __slots__ = ("left", "steps")

    def __init__(self, steps: int = STEPS) -> None:
        self.steps = steps
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take steps.

        Raises:
            Exhausted: When fewer are left.
        """
        self.left -= steps
        if self.left < 0:
            raise Exhausted(
                f"the evaluation takes more than {self.steps:,} steps",
                remedy="iterate over less, nest fewer macros, or put the figure on the token by an action",
            )

    def spend_characters(self, count: int) -> None:
        """Take the steps for work on so many characters, such as joining two texts."""
        self.spend(count // CHARACTERS_A_STEP)

    def spend_elements(self, count: int) -> None:
        """Take the steps for work on so many elements, such as comparing two lists."""
        self.spend(count // ELEMENTS_A_STEP)
