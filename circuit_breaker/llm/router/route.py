"""Routes: whom a request could go to, in which order, and why others are left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.router.lane import Lane

__all__ = ["Attempt", "LeftOut", "Route", "RouteExplanation", "Way"]


@attrs.frozen(kw_only=True, eq=False)
class Route:
    """A model on a lane.

    Attributes:
        lane: Who is asked, with which key.
        model: What it is asked for.
        profile: What is known of the model.
        tier: Which of the candidates it comes from, counted from 0.
        group: 0 for what was asked for, then one for each model to fall back on.
        weight: Its share, for the strategy ``weighted``.
        why: How it came to be a candidate.
    """

    lane: Lane
    model: str
    profile: ModelProfile
    tier: int = 0
    group: int = 0
    weight: float = 1.0
    why: str = ""

    @property
    def label(self) -> str:
        """``provider/model``, with the name of the key where there is one."""
        return f"{self.lane.label}/{self.model}"


@attrs.frozen(kw_only=True)
class Way:
    """A candidate, as an explanation tells it.

    Attributes:
        provider: The name of the provider.
        model: The model.
        key: What the key is called, or an empty text.
        why: How it came to be a candidate.
        circuit: The state of its circuit.
        median_ms: The median of its time to the first token, or None when nobody knows.
        dollars_per_1k: US dollars for 1,000 tokens, the dearer of input and output; None when nobody knows.
        notes: What puts it behind others, such as ``"has just failed"``.
    """

    provider: str
    model: str
    key: str = ""
    why: str = ""
    circuit: str = "closed"
    median_ms: float | None = None
    dollars_per_1k: float | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"{self.provider}{f'#{self.key}' if self.key else ''}/{self.model}"
        price = "unpriced" if self.dollars_per_1k is None else f"${self.dollars_per_1k:g} for 1,000 tokens"
        speed = "latency unknown" if self.median_ms is None else f"first token after {self.median_ms:.0f} ms"
        return "; ".join([f"{name}: {self.why}", price, speed, f"circuit {self.circuit}", *self.notes])


@attrs.frozen(kw_only=True)
class LeftOut:
    """A candidate that is not asked, and why.

    Attributes:
        provider: The name of the provider, or an empty text where there is none.
        model: The model.
        key: What the key is called, or an empty text.
        why: The reason.
        seconds: After how many seconds the reason is gone, where it is one of time.
        limited: Whether the provider itself asked us to wait.
    """

    provider: str
    model: str
    key: str = ""
    why: str
    seconds: float | None = None
    limited: bool = False

    def __str__(self) -> str:
        return (
            f"{self.provider}{f'#{self.key}' if self.key else ''}{'/' if self.provider else ''}{self.model}: {self.why}"
        )


@attrs.frozen(kw_only=True)
class RouteExplanation:
    """What the router would do with a request now; ``str()`` tells it line by line.

    Attributes:
        requested: The name that the request has.
        resolved: The virtual model or the name that it stands for.
        strategy: By which the candidates are ordered.
        needs: What the request needs, in words.
        candidates: Whom it would ask, in that order.
        left_out: Whom it would not ask, and why.
    """

    requested: str
    resolved: str
    strategy: str
    needs: tuple[str, ...]
    candidates: tuple[Way, ...]
    left_out: tuple[LeftOut, ...]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        meant = f" → {self.resolved}" if self.resolved != self.requested else ""
        yield f"{self.requested}{meant}, by {self.strategy}"
        if self.needs:
            yield f"  needs {', '.join(self.needs)}"
        if not self.candidates:
            yield "  nobody can be asked"
        yield from (f"  {number}. {way}" for number, way in enumerate(self.candidates, 1))
        if self.left_out:
            yield "  left out:"
            yield from (f"  - {out}" for out in self.left_out)


@attrs.frozen(kw_only=True)
class Attempt:
    """One call of a provider that the router made for a request.

    Attributes:
        number: Which, counted from 1.
        provider: The name of the provider.
        model: The model.
        key: What the key is called, or an empty text.
        outcome: ``"answered"``, ``"failed"``, ``"cancelled"`` (another was quicker, or nobody wanted it any more) or
            ``"cached"``.
        error: The code of the error, or an empty text.
        message: What the error said.
        seconds: How long it took.
        dollars: What it cost, as far as one can tell; None where nobody knows.
    """

    number: int
    provider: str
    model: str
    key: str = ""
    outcome: str
    error: str = ""
    message: str = ""
    seconds: float = 0.0
    dollars: Any = None
