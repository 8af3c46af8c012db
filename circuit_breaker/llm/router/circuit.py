"""Circuits: whether a model of a provider is asked at all, after it has failed too often.

A circuit is *closed* while all is well. When too great a part of the calls of late has failed it *opens*: nobody is
asked for a while. Then it is *half-open*: a few calls go through as probes. If they succeed it closes, if one fails it
opens again, for twice as long. See Nygard, Release It!, chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from circuit_breaker.errors import (
    APIError,
    AuthenticationFailed,
    ConnectionFailed,
    Fault,
    ProviderOverloaded,
    ResponseInvalid,
    ResponseTimeout,
)

__all__ = ["Circuit", "CircuitChanged", "CircuitPolicy", "CircuitState", "counts"]

CircuitState = Literal["closed", "open", "half_open"]
_FAULTY = (ConnectionFailed, ResponseTimeout, ResponseInvalid, ProviderOverloaded, AuthenticationFailed)


def counts(error: BaseException) -> bool:
    """Whether an error speaks against the provider: not one of the caller's, and no limit that says until when."""
    if isinstance(error, APIError) and error.status is not None and error.status >= 500:
        return True
    if isinstance(error, ResponseInvalid) and error.misfit:
        return False  # else one caller's impossible form would shut the provider for all others
    return isinstance(error, _FAULTY)


@attrs.frozen(kw_only=True)
class CircuitPolicy:
    """When a circuit opens and how it closes.

    Attributes:
        failures: At least so many must have failed of late.
        rate: And at least this part of the calls, from 0 to 1.
        window: Seconds after which a call counts half.
        cooldown: Seconds for which an open circuit lets nobody through.
        max_cooldown: The most seconds, when the probes fail again and again.
        probes: The most calls at once while it is half-open.
        successes: How many probes must succeed to close it.
    """

    failures: float = 5
    rate: float = 0.5
    window: float = 30.0
    cooldown: float = 15.0
    max_cooldown: float = 300.0
    probes: int = 1
    successes: int = 1

    def faults(self) -> list[Fault]:
        """What is wrong with it; empty when nothing is."""
        names = ("failures", "window", "cooldown", "max_cooldown", "probes", "successes")
        found = [
            Fault(f"circuit.{name}", f"{getattr(self, name)!r} is not above 0", "give a greater number")
            for name in names
            if not getattr(self, name) > 0
        ]
        if not 0 < self.rate <= 1:
            found.append(Fault("circuit.rate", f"{self.rate!r} is not between 0 and 1", "give a part, such as 0.5"))
        return found


@attrs.frozen(kw_only=True)
class CircuitChanged:
    """A circuit is in another state now.

    Attributes:
        provider: The name of the provider.
        model: The model.
        key: What the key is called, or an empty text.
        state: ``"closed"``, ``"open"`` or ``"half_open"``.
        before: The state before.
        seconds: For how long it is open; 0 otherwise.
    """

    provider: str
    model: str
    key: str
    state: CircuitState
    before: CircuitState
    seconds: float = 0.0


class Circuit:
    """The circuit of one model of one provider with one key.

    Args:
        policy: When it opens and how it closes.
        now: The time in seconds, which never goes back.
        told: Called with the state, the one before, and the seconds that it is open, at each change.
    """

    def __init__(
        self,
        policy: CircuitPolicy,
        *,
        now: Callable[[], float],
        told: Callable[[CircuitState, CircuitState, float], None] = lambda *_: None,
    ) -> None:
        self._policy = policy
        self._now = now
        self._told = told
        self._state: CircuitState = "closed"
        self._calls = self._failures = 0.0
        self._counted_at = now()
        self._opened_until = 0.0
        self._cooldown = policy.cooldown
        self._probing = self._succeeded = 0
        self._era = 0

    @property
    def state(self) -> CircuitState:
        """``"closed"``, ``"open"`` or ``"half_open"``, as of now."""
        if self._state == "open" and self._now() >= self._opened_until:
            self._turn("half_open")
        return self._state

    @property
    def seconds(self) -> float:
        """For how many more seconds it is open; 0 when it is not."""
        return max(0.0, self._opened_until - self._now()) if self.state == "open" else 0.0

    @property
    def failures(self) -> float:
        """How many calls have failed of late; older ones count less."""
        self._decay()
        return self._failures

    @property
    def admits(self) -> bool:
        """Whether a call would be let through now."""
        state = self.state
        return state == "closed" or (state == "half_open" and self._probing < self._policy.probes)

    def enter(self) -> int | None:
        """A permit for the call that asks, or None; the call must then end by one of the three methods below."""
        if self._state != "closed":
            if not self.admits:
                return None
            self._probing += 1
        return self._era

    def succeeded(self, permit: int) -> None:
        """A call has succeeded. One that was let through before the last change of state says nothing any more."""
        if permit != self._era:
            return
        if self._state == "closed":
            self._count(0.0)
            return
        self.released(permit)
        self._succeeded += 1
        if self._succeeded >= self._policy.successes:
            self.reset()

    def failed(self, permit: int) -> None:
        """A call has failed, and it speaks against the provider."""
        if permit != self._era:
            return
        if self._state == "half_open":
            self._open(min(2 * self._cooldown, self._policy.max_cooldown))
            return
        self._count(1.0)
        # Nearly as many will do: the first of them count a little less already.
        enough = self._failures > self._policy.failures - 0.5
        if enough and self._failures >= self._policy.rate * self._calls:
            self._open(self._policy.cooldown)

    def released(self, permit: int) -> None:
        """A call has ended without saying anything about the provider."""
        if permit == self._era:
            self._probing = max(0, self._probing - 1)

    def trip(self) -> None:
        """Opens the circuit at once."""
        self._open(self._policy.cooldown)

    def reset(self) -> None:
        """Closes the circuit and forgets what has failed."""
        self._calls = self._failures = 0.0
        self._probing = self._succeeded = 0
        self._cooldown = self._policy.cooldown
        self._turn("closed")

    def _open(self, seconds: float) -> None:
        self._cooldown = seconds
        self._opened_until = self._now() + seconds
        self._probing = self._succeeded = 0
        self._turn("open", seconds)

    def _turn(self, state: CircuitState, seconds: float = 0.0) -> None:
        before, self._state = self._state, state
        if before != state:
            self._era += 1
            self._told(state, before, seconds)

    def _count(self, failure: float) -> None:
        self._decay()
        self._calls += 1.0
        self._failures += failure

    def _decay(self) -> None:
        now = self._now()
        if (age := now - self._counted_at) > 0:
            kept = 0.5 ** (age / self._policy.window)
            self._calls *= kept
            self._failures *= kept
            self._counted_at = now
