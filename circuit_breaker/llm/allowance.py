"""How long an answer may become: a server that does not end it must not fill our memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.errors import ResponseTooLong
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest

__all__ = ["MOST_BESIDE", "MOST_CHARACTERS", "Allowance", "most_characters", "size_of", "weight_of"]

MOST_CHARACTERS: Final = 16 * 1024 * 1024
"""Of all answers to a request, where nobody knows how many tokens the model may write."""

MOST_BESIDE: Final = 32 * 1024 * 1024
"""What all that we do not know of an answer may weigh, as :func:`weight_of` has it; it takes up to ten times that."""

_A_TOKEN: Final = 32
"""Characters that are allowed for a token: few languages have more than 5, but a run of blanks may be one token."""

_AN_ENTRY: Final = 16
"""Characters for an entry of a list which we do not know, such as the probability of a token."""

_A_VALUE: Final = 8
"""What any value weighs beside its characters: an empty list takes as much memory as eight times eight characters."""

_LEAST: Final = 256 * 1024
"""Characters that are allowed in any case: some servers do not count thoughts."""


def most_characters(request: ChatCompletionRequest, profile: ModelProfile) -> int:
    """The characters that all answers to the request may have together, those of thoughts and calls included."""
    tokens = request.max_tokens or profile.max_output_tokens
    if tokens is None:
        return MOST_CHARACTERS
    return max(_LEAST, tokens * _A_TOKEN) * max(1, request.n)


class Allowance:
    """Characters that are still allowed.

    Args:
        most: How many there are at first.
        asked: Who was asked.
    """

    __slots__ = ("_asked", "_left", "_most")

    def __init__(self, most: int, asked: Asked) -> None:
        self._most = most
        self._left = most
        self._asked = asked

    def take(self, size: int) -> None:
        """Takes so many.

        Raises:
            ResponseTooLong: There are not enough left.
        """
        self._left -= size
        if self._left < 0:
            what = f"the answer is longer than {self._most} characters, and has no end"
            raise self._asked.error(ResponseTooLong, what, remedy="use another model, or allow more max_tokens")


def size_of(value: Any) -> int:
    """About how many characters a value is: exact where it is text, and a little for each entry of a list."""
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(map(size_of, value.values()))
        case list():
            return _AN_ENTRY * len(value)
        case _:
            return 1


def weight_of(value: Any) -> int:
    """About how much of our memory a JSON value takes: its characters, and a little for each value inside of it."""
    weight, left = 0, [value]
    while left:
        one = left.pop()
        weight += _A_VALUE
        if isinstance(one, str):
            weight += len(one)
        elif isinstance(one, list):
            left.extend(one)
        elif isinstance(one, dict):
            weight += sum(map(len, one))
            left.extend(one.values())
    return weight
