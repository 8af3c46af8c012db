"""Visits: what place agents did for tokens, as records: each token that enters the state of one pays it a visit.

A visit is kept under an id that follows from the event by which the token entered, so that it is begun once, however
often and by whomever the event is seen. What is due stands in records whose ids begin with the moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Self, get_args

import attrs

from circuit_breaker.engine.ports import Journal
from circuit_breaker.engine.records import Record
from circuit_breaker.errors import DataInvalid, VersionConflict, nearest
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.token import Token

__all__ = ["Visit", "VisitStatus", "Visits"]

VISIT: Final = "place-visit"
DUE: Final = "place-due"
PAGE: Final = 100
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

VisitStatus = Literal["due", "unmet", "running", "completed", "discarded", "failed", "left", "skipped"]
STATUSES: Final[tuple[VisitStatus, ...]] = get_args(VisitStatus)
_MOMENTS: Final = ("entered", "due")


@attrs.frozen(kw_only=True)
class Visit:
    """What a place agent did for a token while it was in the state.

    Attributes:
        id: Follows from the place agent, the case, the token and the event by which it entered.
        place_agent: The name of the place agent.
        case: The case.
        token: The id of the token.
        place: The state.
        event: The number of the event by which the token entered.
        entered: When (UTC).
        status: ``"due"`` (it waits for its time), ``"unmet"`` (the conditions do not hold; a change of the token is
            waited for), ``"running"``, ``"completed"``, ``"discarded"`` (the token had left or was changed before the
            answer came), ``"failed"``, ``"left"`` (the token was gone before anything began) or ``"skipped"`` (the time
            was missed).
        due: When it is next looked at (UTC), or None.
        runs: How often the agent was asked; what is tried again because it failed counts once.
        missed: How many times were missed.
        execution: The id of the last execution, or empty.
        sequence: The number of the event that made the token what the last execution was given.
        reason: Why it is so, in words, where there is more to say.
        worker: The process that works on it, or empty.
        version: The version of its record.
    """

    id: str
    place_agent: str
    case: str
    token: str
    place: str
    event: int
    entered: datetime
    status: VisitStatus = "due"
    due: datetime | None = None
    runs: int = 0
    missed: int = 0
    execution: str = ""
    sequence: int = 0
    reason: str = ""
    worker: str = ""
    version: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in ("due", "unmet", "running")

    @property
    def key(self) -> str:
        """The key of its last execution, and of what that changes."""
        return f"place:{self.id}:{self.runs}"

    def standing(self, case: Case) -> Token | None:
        """The token, if it stands in the place since it entered; it may have left, and come back."""
        there: Iterable[Token] = case.marking.at(self.place)
        return next((token for token in there if token.id == self.token and token.entered == self.entered), None)

    @classmethod
    def of(cls, record: Record) -> Self:
        """The visit that a record says."""
        document = dict(record.document)
        moments = {name: datetime.fromisoformat(document[name]) for name in _MOMENTS if document.get(name)}
        return cls(**document | moments, id=record.id, version=record.version)

    def to_document(self) -> dict[str, Any]:
        """The visit as JSON, without its id and version."""
        document = attrs.asdict(self, filter=lambda attribute, _: attribute.name not in ("id", "version"))
        return document | {name: moment.isoformat() for name in _MOMENTS if (moment := document[name]) is not None}


class Visits:
    """The visits of one storage."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def begin(self, visit: Visit) -> bool:
        """Whether the visit begins now, which was not known before."""
        known = await self.get(visit.id)
        if known is not None and (known.status != "due" or known.runs):
            return False
        begun = known is None and await self.put(visit) is not None
        await self._line_up(known or visit)  # a moment without its visit would be removed; a crash may lie between
        return begun

    async def put(self, visit: Visit) -> Visit | None:
        """The visit as it is kept now; None where somebody else has changed it."""
        keys = {
            "open": "" if visit.ended else "1",
            "status": visit.status,
            "case": visit.case,
            "token": visit.token,
            "place_agent": visit.place_agent,
        }
        found = {name: text for name, text in keys.items() if text}
        try:
            version = await self._journal.records.put(
                VISIT, visit.id, visit.to_document(), keys=found, expected=visit.version
            )
        except VersionConflict:
            return None
        return attrs.evolve(visit, version=version)

    async def get(self, visit_id: str) -> Visit | None:
        """The visit of that id, or None."""
        record = await self._journal.records.get(VISIT, visit_id)
        return None if record is None else Visit.of(record)

    async def wait(self, visit: Visit) -> Visit | None:
        """The visit, which is looked at again when it is due; None where somebody else has changed it."""
        before = await self.get(visit.id)
        kept = await self.put(visit)
        if kept is None:
            return None
        await self._line_up(kept)
        if before is not None and before.due is not None and _due_id(before) != _due_id(kept):
            await self.done_with(before)
        return kept

    async def end(self, visit: Visit) -> Visit | None:
        """The visit, which nobody looks at any more by itself; None where somebody else has changed it."""
        kept = await self.put(attrs.evolve(visit, worker=""))
        if kept is not None:
            await self.done_with(visit)
        return kept

    async def remove(self, visit: Visit) -> None:
        """Removes the visit; what of the journal brought it about is not seen as new, since its token has left."""
        await self.done_with(visit)
        await self._journal.records.delete(VISIT, visit.id)

    async def done_with(self, visit: Visit) -> None:
        """Takes the moment of a visit out of what is due."""
        if visit.due is not None:
            await self._journal.records.delete(DUE, _due_id(visit))

    async def _line_up(self, visit: Visit) -> None:
        await self._journal.records.put(DUE, _due_id(visit), {"visit": visit.id})

    async def due(self, now: datetime, *, but: Container[str] = ()) -> AsyncIterator[Visit]:
        """The visits whose moment has come, the earliest first.

        Those whose ids are in ``but`` are left out, without being read.
        """
        last = _last_id(now)
        async for record in self._lined_up(after=""):
            if record.id > last:
                return
            if record.document["visit"] in but:
                continue
            visit = await self._expected(record)
            if visit is None:
                await self._journal.records.delete(DUE, record.id)
            else:
                yield visit

    async def next_moment(self, now: datetime) -> datetime | None:
        """The first moment after that at which a visit is due, or None."""
        async for record in self._lined_up(after=_last_id(now)):
            if await self._expected(record) is not None:
                return _moment(record.id)
        return None

    async def _lined_up(self, *, after: str) -> AsyncIterator[Record]:
        while page := await self._journal.records.find(DUE, after=after, limit=PAGE):
            for record in page:
                yield record
            after = page[-1].id

    async def _expected(self, record: Record) -> Visit | None:
        """The visit that is due at that moment; None where it has ended, or its moment is another one."""
        visit = await self.get(record.document["visit"])
        if visit is None or visit.ended:
            return None
        if visit.due is None:  # a crash came before the moment was taken out: it is looked at once more
            return attrs.evolve(visit, due=_moment(record.id))
        if _due_id(visit) == record.id:
            return visit
        await self._line_up(visit)  # a crash may have come before the new moment stood there
        return None

    async def listed(
        self,
        *,
        place_agent: str = "",
        case: str = "",
        token: str = "",
        status: VisitStatus | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Visit]:
        """The visits that fit all of it, ordered by id, a page at a time.

        Raises:
            DataInvalid: There is no such status.
        """
        if status is not None and status not in STATUSES:
            raise DataInvalid(f"no visit has the status {status!r:.60}", remedy=nearest(str(status), STATUSES))
        keys = {"token": token, "case": case, "status": status or "", "place_agent": place_agent}
        found = {name: text for name, text in keys.items() if text}
        records = await self._journal.records.find(VISIT, keys=found, after=after, limit=limit)
        return [Visit.of(record) for record in records]


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _last_id(now: datetime) -> str:
    """What no id of a moment that has come is above."""
    return f"{_milliseconds(now):015d}~"


def _moment(due_id: str) -> datetime:
    return EPOCH + timedelta(milliseconds=int(due_id[:15]))


def _due_id(visit: Visit) -> str:
    assert visit.due is not None  # noqa: S101 - what waits has a moment
    return f"{_milliseconds(visit.due):015d}-{visit.id}"
