"""Options: how a loop goes about its work."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.patience import Retries

__all__ = ["LoopOptions"]

NO_RETRIES = Retries(most=0)


def _whole(messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """The whole conversation."""
    return messages


@attrs.frozen(kw_only=True)
class LoopOptions:
    """How a loop goes about its work.

    Attributes:
        limits: When it must stop.
        plan: Whether the model makes a plan first; that call does not count as an iteration.
        stop_when: Functions of the state after each round of tools; the first that says yes ends the loop.
        streamed: Whether answers are told while they are made.
        retries: How often a model is asked again that could not answer; never where the provider does so by itself.
        view: What of the conversation the model is shown, such as only its end; all of it unless given.
    """

    limits: LoopLimits = LoopLimits()
    plan: bool = False
    stop_when: tuple[Callable[[LoopState], bool], ...] = attrs.field(default=(), converter=tuple)
    streamed: bool = False
    retries: Retries = NO_RETRIES
    view: Callable[[tuple[ChatMessage, ...]], tuple[ChatMessage, ...]] = _whole
