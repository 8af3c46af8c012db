"""History: what happened to a case, in order, as an immutable sequence of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, overload

from circuit_breaker.errors import HistoryIncomplete
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow.events import Event

__all__ = ["History"]

_new = object.__new__
_export = deferred("circuit_breaker.workflow.export", "export")


class History(Sequence[Event]):
    """The events of a case, the oldest first.

    Adding an event gives a new history in constant time: histories that grew from one another share one list, of which
    each sees only its own length. A case that was read from storage may hold only the end of its history; ``offset``
    says how many events came before, and asking for one of those raises :class:`HistoryIncomplete`.
    """

    __slots__ = ("_events", "_length", "offset")

    def __init__(self, events: Iterable[Event] = (), *, offset: int = 0) -> None:
        self._events = list(events)
        self._length = len(self._events)
        self.offset = offset

    def append(self, event: Event) -> History:
        """The history with one event more; this one stays as it is."""
        events = self._events
        if len(events) != self._length:
            events = events[: self._length]
        events.append(event)
        longer = _new(History)
        longer._events = events
        longer._length = self._length + 1
        longer.offset = self.offset
        return longer

    def last(self, count: int) -> History:
        """Only the last ``count`` events in memory; the others are known to exist, but not held."""
        kept = self._events[max(0, self._length - count) : self._length]
        return History(kept, offset=self.offset + self._length - len(kept))

    def after(self, sequence: int) -> tuple[Event, ...]:
        """The events with a number above this one, which must be in memory."""
        first = sequence - self.offset
        if first < 0:
            raise self._incomplete()
        events = self._events
        if first == self._length - 1:
            return (events[first],)
        return tuple(events[first : self._length])

    @property
    def held(self) -> int:
        """How many events are in memory."""
        return self._length

    def since(self, moment: datetime | int) -> tuple[Event, ...]:
        """The events at or after a moment, or after a sequence number."""
        if isinstance(moment, int):
            return self._where(lambda event: event.sequence > moment, complete=moment >= self.offset)
        complete = bool(self._length) and self._events[0].at < moment
        return self._where(lambda event: event.at >= moment, complete=complete)

    def by_type(self, *kinds: type[Event] | str) -> tuple[Event, ...]:
        """The events of these kinds, each given as a class or by its name."""
        names = {kind if isinstance(kind, str) else kind.__name__ for kind in kinds}
        return self._where(lambda event: event.type in names)

    def by_actor(self, *actors: str) -> tuple[Event, ...]:
        """The events that one of these people or programs caused; an empty text is the engine itself."""
        return self._where(lambda event: event.by in actors)

    def _where(self, holds: Callable[[Event], bool], *, complete: bool = False) -> tuple[Event, ...]:
        if self.offset and not complete:
            raise self._incomplete()
        return tuple(event for event in self._held() if holds(event))

    def _held(self) -> Iterator[Event]:
        for position in range(self._length):
            yield self._events[position]

    def _incomplete(self) -> HistoryIncomplete:
        return HistoryIncomplete(
            f"only the last {self._length} of {len(self)} events are in memory",
            remedy="read them all with `await engine.history(case)`",
        )

    def __len__(self) -> int:
        return self.offset + self._length

    def __iter__(self) -> Iterator[Event]:
        if self.offset:
            raise self._incomplete()
        return self._held()

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        if isinstance(index, slice):
            return tuple(self[position] for position in range(*index.indices(len(self))))
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"the history has {len(self)} events, and no number {index}")
        if position < self.offset:
            raise self._incomplete()
        return self._events[position - self.offset]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return self.offset == other.offset and tuple(self._held()) == tuple(other._held())

    __hash__ = None  # type: ignore[assignment]  # two histories are compared, never looked up

    def __repr__(self) -> str:
        return f"History({len(self)} events{f', the last {self._length} in memory' if self.offset else ''})"

    def to_documents(self) -> list[dict[str, Any]]:
        """Every event as a plain document."""
        return [event.to_document() for event in self]

    def export(self, form: str = "json") -> str:
        """The history as a text: ``"json"`` (an array), ``"yaml"`` or ``"csv"`` (one row an event).

        Raises:
            ValueError: The form is another.
        """
        return str(_export(self, form))
