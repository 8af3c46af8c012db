"""Lanes: the accesses of a router, each with what is known of how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Final

import attrs

from circuit_breaker.llm.provider import ProviderHealth
from circuit_breaker.llm.router.access import Access
from circuit_breaker.llm.router.circuit import Circuit, CircuitChanged, CircuitPolicy, CircuitState
from circuit_breaker.llm.router.latency import Latency
from circuit_breaker.llm.router.recent import Recent

__all__ = ["CircuitStatus", "Lane"]

INSTALLED: Final = frozenset({"ollama", "custom"})
"""Kinds of providers that serve what their user has installed."""


LONGEST_LIMIT: Final = 600.0
"""For how many seconds a provider is believed at most when it wants to be left alone; then it is asked again."""


@attrs.frozen(kw_only=True)
class CircuitStatus:
    """How a circuit stands.

    Attributes:
        provider: The name of the provider.
        model: The model.
        key: What the key is called, or an empty text.
        state: ``"closed"``, ``"open"`` or ``"half_open"``.
        failures: How many calls have failed of late; older ones count less.
        seconds: For how long it is still open.
    """

    provider: str
    model: str
    key: str
    state: CircuitState
    failures: float
    seconds: float


class Lane:
    """One access at work: its circuits, what it is limited to, how long its models take.

    Args:
        access: Who is asked, with which key.
        policy: When its circuits open.
        now: The time in seconds, which never goes back.
        told: Called when one of its circuits changes.
    """

    def __init__(
        self,
        access: Access,
        *,
        policy: CircuitPolicy,
        now: Callable[[], float],
        told: Callable[[CircuitChanged], None],
    ) -> None:
        self.access = access
        self.provider = access.provider
        self.name = access.name
        self.label = access.label
        self.health = ProviderHealth(name=access.name)
        self.found: tuple[str, ...] = ()
        self.limited_until = 0.0
        self.active = 0
        self._policy = policy
        self._now = now
        self._told = told
        self._circuits: Recent[Circuit] = Recent()
        self._first: Recent[Latency] = Recent()
        self._whole: Recent[Latency] = Recent()
        self._resting: Recent[float] = Recent()
        self._places = asyncio.Semaphore(access.max_concurrent) if access.max_concurrent else None
        self._stack = AsyncExitStack()
        self._idle = asyncio.Event()
        self._idle.set()

    def __repr__(self) -> str:
        return f"<Lane {self.label}>"

    async def open(self) -> None:
        """Opens the connections of the provider."""
        await self._stack.enter_async_context(self.provider)

    async def close(self, *, patience: float = 0.0) -> None:
        """Closes the connections, as soon as nobody is served any more, or after so many seconds."""
        if patience > 0 and self.active:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), patience)
        await self._stack.aclose()

    def begin(self) -> None:
        """Notes that a call is being served; :meth:`end` that it is over."""
        self.active += 1
        self._idle.clear()

    def end(self) -> None:
        """Notes that a call is over."""
        self.active -= 1
        if not self.active:
            self._idle.set()

    async def place(self, seconds: float) -> bool:
        """Whether there is a place among the calls that the access takes at once; :meth:`leave` gives it back.

        Args:
            seconds: The most to wait for it.
        """
        if self._places is None or not self._places.locked():
            return self._places is None or await self._places.acquire()
        if seconds <= 0:
            return False
        try:
            async with asyncio.timeout(seconds):
                return await self._places.acquire()
        except TimeoutError:
            return False

    def leave(self) -> None:
        """Gives a place back."""
        if self._places is not None:
            self._places.release()

    @property
    def busy(self) -> bool:
        """Whether it takes no more calls at once."""
        return self._places is not None and self._places.locked()

    @property
    def models(self) -> tuple[str, ...]:
        """The names of models that it is known to serve: those declared, then those found."""
        return tuple(dict.fromkeys((*self._declared, *self.found)))

    @property
    def offered(self) -> tuple[str, ...]:
        """The models that may be chosen without being named: those declared, or those that the user has installed.

        A vendor's whole list is no offer, for it holds models that draw or listen, and dear ones.
        """
        return self._declared or (self.found if self.provider.kind in INSTALLED else ())

    @property
    def _declared(self) -> tuple[str, ...]:
        declared = (name for name in self.access.models if not name.endswith("*"))
        own = (self.access.own_model,) if self.access.own_model else ()
        return tuple(dict.fromkeys((*declared, *own)))

    @property
    def tells(self) -> bool:
        """Whether anything is known of what it serves, so that the rest is not expected of it."""
        return bool(self.access.models or self.found)

    def serves(self, model: str) -> bool:
        """Whether the model is known to be served."""
        return self.access.serves(model) or model in self.found

    def circuit(self, model: str) -> Circuit:
        """The circuit of a model."""
        if (found := self._circuits.get(model)) is None:
            found = self._circuits.put(model, Circuit(self._policy, now=self._now, told=self._teller(model)))
        return found

    def _teller(self, model: str) -> Callable[[CircuitState, CircuitState, float], None]:
        def tell(state: CircuitState, before: CircuitState, seconds: float) -> None:
            access = self.access
            self._told(
                CircuitChanged(
                    provider=self.name, model=model, key=access.key, state=state, before=before, seconds=seconds
                )
            )

        return tell

    def circuits(self) -> Iterator[CircuitStatus]:
        """How its circuits stand."""
        for model, circuit in self._circuits.items():
            yield CircuitStatus(
                provider=self.name,
                model=model,
                key=self.access.key,
                state=circuit.state,
                failures=circuit.failures,
                seconds=circuit.seconds,
            )

    def reset(self, model: str | None = None) -> int:
        """Closes the circuit of a model, or all, and lifts limits; answers how many circuits."""
        chosen = [circuit for name, circuit in self._circuits.items() if model in {None, name}]
        for circuit in chosen:
            circuit.reset()
        self.limited_until = 0.0
        self._resting.clear()
        return len(chosen)

    def first_token(self, model: str) -> Latency:
        """How long the first token of a model takes; for answers that come whole, the answer."""
        return self._first.of(model, Latency)

    def whole(self, model: str) -> Latency:
        """How long the whole answers of a model take."""
        return self._whole.of(model, Latency)

    def median(self, model: str) -> float | None:
        """The median of the time to the first token in seconds, or None when it is not known."""
        found = self._first.get(model) or self._whole.get(model)
        return found.median if found else None

    def rest(self, model: str, seconds: float) -> None:
        """Lets the model come last for some seconds, because it has just failed."""
        if seconds > 0:
            self._resting.put(model, self._now() + seconds)

    def rests(self, model: str) -> bool:
        """Whether the model has just failed."""
        until = self._resting.get(model)
        return until is not None and until > self._now()

    def limit(self, seconds: float) -> None:
        """Lets nobody ask for some seconds, ten minutes at most, because the provider wants that."""
        self.limited_until = max(self.limited_until, self._now() + min(seconds, LONGEST_LIMIT))

    @property
    def limited(self) -> float:
        """For how many more seconds nobody may ask."""
        return max(0.0, self.limited_until - self._now()) if self.limited_until else 0.0
