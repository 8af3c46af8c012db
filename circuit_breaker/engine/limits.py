"""Limits: how much one case may hold, so that nothing from outside can fill the memory or the journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from circuit_breaker.errors import LimitReached
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.choosing import unfit_signal
from circuit_breaker.workflow.events import Event, Moved, SignalReceived
from circuit_breaker.workflow.token import Token

if TYPE_CHECKING:
    from circuit_breaker.engine.resident import Resident
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Limits"]

_at_least_one = attrs.validators.and_(attrs.validators.instance_of(int), attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Limits:
    """How much one case may hold. What would be more is refused, and the case stays as it was.

    Attributes:
        signals: How many signals of one name may wait to be used up; see :meth:`signalled`.
        data: How many bytes one token may carry, as JSON: its data, metadata and results, with all that waits to be
            added to it by signals and by actions in progress.

    Raises:
        TypeError, ValueError: A limit is no whole number from 1 on.
    """

    signals: int = attrs.field(default=1_000, validator=_at_least_one)
    data: int = attrs.field(default=8 * 1024 * 1024, validator=_at_least_one)

    def signalled(self, workflow: Workflow, case: Case, event: SignalReceived) -> SignalReceived:
        """The event of a signal; where as many wait as may, it takes the place of the oldest that fits nothing.

        So signals that no rule accepts cannot keep out those that come after them. One that was not held against the
        tokens that it is for, since they are not there yet, is never given up.

        Raises:
            LimitReached: As many signals of that name wait as may, and each of them may still be used.
        """
        name = event.name
        waiting = sum(signal.name == name for signal in case.signals)
        if waiting < self.signals:
            return event
        unfit = unfit_signal(workflow, case, name)
        if unfit is not None:
            return msgspec.structs.replace(event, replaces=unfit.sequence)
        raise LimitReached(
            f"{waiting:,} signals '{name}' of case '{case.id}' wait to be used, and {self.signals:,} are the most",
            remedy="let the case use them, make the signal transient, or give the engine Limits(signals=...)",
        )

    def begun(self, case: Case) -> None:
        """Does nothing.

        Raises:
            LimitReached: A token of a new case carries too much.
        """
        self._weighed(case)

    def entered(self, resident: Resident, after: Case, given: Any) -> Case:
        """The case after something entered it from outside.

        What a case carries is weighed only when all that entered since it was weighed last could be too much together;
        so the price grows with what enters, and not with what is there.

        Args:
            resident: The case as it was.
            after: What it would be.
            given: What entered, as JSON values.

        Raises:
            LimitReached: A token would carry too much.
        """
        entering = _size(given)
        if entering > self.data:  # what is refused is quoted in the journal, so it is limited as well
            raise _too_heavy(after, entering, self.data)
        if resident.carried is None or resident.carried + entering > self.data:
            resident.carried = self._weighed(after)
        else:
            resident.carried += entering
        return after

    def moved(self, resident: Resident, after: Case, event: Event) -> Case:
        """The case after an event of its own, in which nothing entered from outside.

        The token that a join makes carries what several did, and is weighed. What a firing itself notes, such as times
        and counts, is only added: it is refused to nobody.

        Args:
            resident: The case as it was.
            after: What it would be.
            event: What happened last.

        Raises:
            LimitReached: The joined token would carry too much.
        """
        if not isinstance(event, Moved) or not event.produced:
            return after
        if len(event.consumed) > 1:
            joined = [token for token in after.marking.at(event.produced[0][1]) if token.sequence == event.sequence]
            carried = self._weighed(after, after.marking if resident.carried is None else joined)
            resident.carried = max(carried, resident.carried or 0)
        elif event.metadata and resident.carried is not None:
            resident.carried += _size(event.metadata)
        return after

    def _weighed(self, case: Case, tokens: Iterable[Token] | None = None) -> int:
        """How many bytes one of the tokens carries at most; of all of the case unless some are named."""
        waiting = _size([signal.data for signal in case.signals])
        waiting += _size([(pending.input, pending.steps) for pending in case.pending])
        weighed = case.marking if tokens is None else tokens
        heaviest = max((_size((t.data, t.metadata, t.results)) for t in weighed), default=0)
        if heaviest + waiting > self.data:
            raise _too_heavy(case, heaviest + waiting, self.data)
        return heaviest + waiting


def _too_heavy(case: Case, size: int, most: int) -> LimitReached:
    return LimitReached(
        f"a token of case '{case.id}' would carry {size:,} bytes, and {most:,} are the most",
        remedy="keep large things outside and their address on the token, or give the engine Limits(data=...)",
    )


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))
