"""Keeping: how long visits are kept of which nothing more comes, so that what is kept does not grow for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import attrs

from circuit_breaker.agents.bridge.visits import PAGE, Visit, Visits
from circuit_breaker.engine.engine import Engine

__all__ = ["USUALLY_KEPT", "Keeping"]

USUALLY_KEPT: Final = 7 * 24 * 3600.0
EVERY: Final = timedelta(seconds=60)
_TOLD: Final = ("completed", "left", "skipped", "unmet")
"""With these nothing is known of a visit but what the journal of the case has, or nothing was done."""


@attrs.define
class Keeping:
    """Removes old visits, a page at a time.

    A visit is needed for as long as its token stands in the place, since it says that the token was dealt with. Once
    the token has left, what was written and fired is in the journal of the case; that a result was discarded, or that
    the agent failed, is known from the visit alone, which stays until the case ends.

    Attributes:
        engine: The engine of workflows.
        visits: The visits.
        keep: Seconds since it was last due that a visit is kept; None for ever.
    """

    engine: Engine
    visits: Visits
    keep: float | None = USUALLY_KEPT
    _after: str = ""
    _next: datetime | None = None

    async def tidy(self) -> int:
        """How many visits were removed; it does nothing where it has looked a moment ago."""
        now = self.engine.clock.now()
        if self.keep is None or (self._next is not None and now < self._next):
            return 0
        self._next = now + EVERY
        before, removed = now - timedelta(seconds=self.keep), 0
        while True:
            page = await self.visits.listed(after=self._after, limit=PAGE)
            done = sum([await self._remove(visit, before) for visit in page])
            removed += done
            more = len(page) == PAGE and page[-1].entered <= before  # ids begin with the time at which a token entered
            self._after = page[-1].id if more else ""
            if not more or done < PAGE:
                return removed

    async def _remove(self, visit: Visit, before: datetime) -> bool:
        """Whether the visit was removed."""
        if (visit.due or visit.entered) > before or not await self._is_over(visit):
            return False
        await self.visits.remove(visit)
        return True

    async def _is_over(self, visit: Visit) -> bool:
        if visit.status in ("due", "running"):
            return False
        case = await self.engine.storage.load(visit.case)
        if case is None or case.closed:
            return True
        return visit.status in _TOLD and visit.standing(case) is None
