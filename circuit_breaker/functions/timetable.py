"""The timetable: what runs because a time has come, across restarts, each once."""

from __future__ import annotations

from collections.abc import Callable, Container, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from circuit_breaker.engine.ids import derived_id
from circuit_breaker.engine.ports import Journal
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.occasions import Occasion, Reasons, requested
from circuit_breaker.functions.requests import Later, Request
from circuit_breaker.functions.subject import subject
from circuit_breaker.functions.triggers import ScheduledTime

__all__ = ["Delays", "Timetable"]

DELAY: Final = "function-delay"
SCHEDULE: Final = "function-schedule"
PAGE: Final = 100

Begin = Callable[[Iterable[Request | Later]], Coroutine[Any, Any, None]]


class Delays:
    """Requests that wait for their moment, in storage; their ids begin with it, so that the next one comes first.

    Args:
        journal: Where they are kept.
        known: The functions that are known here; requests for others are left to those who know them.
    """

    def __init__(self, journal: Journal, known: Container[str]) -> None:
        self._journal = journal
        self._known = known
        self._next: datetime | None = None
        self._looks = True

    @property
    def empty(self) -> bool:
        """Whether nothing waits, as far as is known here."""
        return self._next is None and not self._looks

    def look_again(self) -> None:
        """Makes the next turn see what other processes have kept."""
        self._looks = True

    async def add(self, later: Later) -> None:
        """Keeps a request until its moment comes."""
        document = {"due": later.due.isoformat(), "request": later.request.to_document()}
        milliseconds = int(later.due.timestamp() * 1000)
        await self._journal.records.put(DELAY, f"{milliseconds:015d}-{later.request.execution}", document)
        self._looks = True

    async def turn(self, now: datetime, begin: Begin) -> datetime | None:
        """Begins what is due; says when the next one is."""
        if self._looks or (self._next is not None and self._next <= now):
            self._looks = False
            self._next = await self._look(now, begin)
        return self._next

    async def _look(self, now: datetime, begin: Begin) -> datetime | None:
        after = ""
        while page := await self._journal.records.find(DELAY, after=after, limit=PAGE):
            moments = {record.id: datetime.fromisoformat(record.document["due"]) for record in page}
            requests = {record.id: Request.of(record.document["request"]) for record in page}
            due = [each for each, moment in moments.items() if moment <= now and requests[each].function in self._known]
            await begin([requests[each] for each in due])
            for each in due:
                await self._journal.records.delete(DELAY, each)
            coming = [moment for moment in moments.values() if moment > now]
            if coming:
                return min(coming)
            after = page[-1].id
        return None


@attrs.define
class _Line:
    """A schedule, when it was registered, and the last of its times that was dealt with."""

    definition: FunctionDefinition
    number: int
    trigger: ScheduledTime
    since: datetime | None
    last: datetime

    @property
    def id(self) -> str:
        return f"{self.definition.id}:{self.number}"

    @property
    def name(self) -> str:
        """What tells it from another schedule of the same trigger, earlier or later."""
        return f"{self.trigger.schedule} {self.trigger.zone} {self.since}"


class Timetable:
    """The schedules of functions."""

    def __init__(self, journal: Journal, reasons: Reasons, *, lateness: float) -> None:
        self._journal = journal
        self._reasons = reasons
        self._lateness = timedelta(seconds=lateness)
        self._last: dict[str, tuple[str, datetime]] = {}

    async def turn(self, functions: Iterable[FunctionDefinition], now: datetime, begin: Begin) -> datetime | None:
        """Begins what is due; says when the next time is, or now where there is more to catch up."""
        coming: list[datetime] = []
        for definition in functions:
            for number, trigger in enumerate(definition.triggers):
                if isinstance(trigger, ScheduledTime):
                    line = await self._line_of(definition, number, trigger, now)
                    following = await self._go_on(line, now, begin)
                    coming += [following] if following is not None else []
        return min(coming, default=None)

    async def _line_of(
        self, definition: FunctionDefinition, number: int, trigger: ScheduledTime, now: datetime
    ) -> _Line:
        """The schedule, with the last of its times that was dealt with; it begins with its registration."""
        since = self._reasons.registry.since(definition.id, number)
        line = _Line(definition, number, trigger, since, since or now)
        name, last = self._last.get(line.id, ("", now))
        if name != line.name:
            record = await self._journal.records.get(SCHEDULE, line.id)
            same = record is not None and record.document["schedule"] == line.name
            last = datetime.fromisoformat(record.document["last"]) if record is not None and same else line.last
        if last > now + self._lateness:  # the clock was wrong, and has been put right
            last = trigger.times.back(last, now)
        self._last[line.id] = line.name, last
        line.last = last
        return line

    async def _go_on(self, line: _Line, now: datetime, begin: Begin) -> datetime | None:
        due = line.trigger.times.following(line.last)
        if due is None or due > now:
            return due
        moments, reached = self._due(line, now)
        await begin([request for moment in moments for request in self._requests(line, moment)])
        self._last[line.id] = line.name, reached
        await self._journal.records.put(SCHEDULE, line.id, {"schedule": line.name, "last": reached.isoformat()})
        return line.trigger.times.following(reached)

    def _due(self, line: _Line, now: datetime) -> tuple[list[datetime], datetime]:
        """The times that count, and the last one that is dealt with by that."""
        times = line.trigger.times
        if line.trigger.catch_up == "all":
            moments = times.between(line.last, now, most=PAGE)
            return moments, moments[-1]
        latest = times.latest(line.last, now) or now
        missed = line.trigger.catch_up == "none" and now - latest > self._lateness
        return [] if missed else [latest], latest

    def _requests(self, line: _Line, moment: datetime) -> Iterable[Request]:
        told = {"type": line.trigger.trigger_type, "at": moment.isoformat(), "schedule": line.trigger.schedule}
        token = subject(
            line.id, state="", data={"scheduled_at": moment.isoformat()}, metadata={}, results={}, event=told
        )
        occasion = Occasion("", token)
        if not self._reasons.verdict(line.trigger, occasion).passed:
            return []
        execution = derived_id(moment, "schedule", line.definition.id, line.number, moment.isoformat())
        cause = {"kind": "schedule", "trigger": line.number, "at": moment.isoformat()}
        mapping = line.trigger.input_mapping
        return [requested(line.definition.id, mapping, occasion, execution=execution, cause=cause)]
