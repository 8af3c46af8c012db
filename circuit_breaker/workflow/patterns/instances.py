"""Patterns in which a part of a workflow is there several times at once: multiple instances of it."""

from __future__ import annotations

from typing import Any

import attrs

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import Rule, as_rule, cel, field
from circuit_breaker.rules.path import Path
from circuit_breaker.workflow.flow import flow
from circuit_breaker.workflow.merging import LAST as LAST_TOKEN
from circuit_breaker.workflow.merging import Collect
from circuit_breaker.workflow.patterns.basics import LAST, Flows, key_of, step, thread_merge, thread_split, triggered
from circuit_breaker.workflow.state import Bundle, State

__all__ = ["Batch", "instances"]


def instances(source: State, begin: State, end: State, *, count: int, into: State, merge: Any = None) -> Flows:
    """So many tokens at once through the same states, and on when all have arrived (WCP-13).

    Args:
        source: Where it splits.
        begin: Where each instance begins.
        end: Where it ends; the same state as ``begin`` if it is only one.
        count: How many there are.
        into: Where they join.
        merge: How their data becomes one, where they change the same keys.
    """
    return *thread_split(source, begin, count=count), *thread_merge(end, count=count, into=into, merge=merge)


def _at_least_one(_: Batch, __: Any, value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise WorkflowInvalid(f"most={value!r} is no whole number from 1", remedy="leave it out for no bound")


def _unless_it_fits(source: State, otherwise: State | None) -> Flows:
    if otherwise is None:
        return ()
    return (step(source, otherwise, name=f"{source}-otherwise-{otherwise}").priority(LAST),)


@attrs.frozen
class Batch:
    """Instances of a part of a workflow, of which data says how many there are (WCP-12, 14, 15, 26, 27, 34, 35, 36).

    Put together what is wanted: one of :meth:`for_each` and :meth:`scattered`, then :meth:`gathered`, then any of
    :meth:`more`, :meth:`completed` and :meth:`cancelled`. A token stays with the batch while instances run; into its
    data goes what each of them brings. One batch runs at a time: in a loop it begins again when no instance is left.

    Attributes:
        begin: Where each instance begins.
        end: Where it ends; the same state as ``begin`` if it is only one.
        into: Where it goes on.
        inner: The states between these, of which the tokens are withdrawn when the rest of a batch is.
        most: How many instances there may be; without it there is no bound that could be proven.
        results: The key of the data under which the list is kept of what instances bring, in the order in which they
            end.
        value: The path of what each of them brings.
    """

    begin: State
    end: State
    into: State = attrs.field(kw_only=True)
    inner: tuple[State, ...] = attrs.field(default=(), kw_only=True, converter=tuple)
    most: int | None = attrs.field(default=None, kw_only=True, validator=_at_least_one)
    results: str = attrs.field(default="results", kw_only=True)
    value: str = attrs.field(default="data", kw_only=True)

    def for_each(self, source: State, items: str, *, item: str = "item", otherwise: State | None = None) -> Flows:
        """One instance for each item of a list (WCP-14); it goes on with :meth:`gathered`.

        Args:
            source: Where the batch begins.
            items: Where the list is, such as ``"data.orders"``.
            item: The key of the data under which an instance finds its item.
            otherwise: Where it leads when there is no such list, or one longer than ``most``; without it, it waits at
                the source for data that has one.
        """
        flows = self._dealt(source, items, item, (self.begin, self._open), self._gathering)
        return *flows, *_unless_it_fits(source, otherwise)

    def scattered(self, source: State, items: str, *, item: str = "item", otherwise: State | None = None) -> Flows:
        """One instance for each item of a list, for which nothing waits (WCP-12): it goes on at once.

        The arguments are those of :meth:`for_each`; where an instance ends is for its own states to say.
        """
        return *self._dealt(source, items, item, (self.begin,), self.into), *_unless_it_fits(source, otherwise)

    def gathered(self, *, enough: Any = None, cancelling: bool = False) -> Flows:
        """On when all instances have ended (WCP-14 and 15), or when those that have ended are enough.

        Args:
            enough: How many it takes (WCP-34), or a rule over the data with the results so far, which is judged
                whenever an instance has ended (WCP-36). With fewer instances than that it goes on after the last.
            cancelling: Whether the instances that are left are then withdrawn, with their actions (WCP-35); otherwise
                they go on and end without effect.
        """
        gathers = flow((self.end, self._open, self._gathering) >> self._gathering).transition(f"{self.end}-arrives")
        gathers = gathers.merge(Collect(self.results, self.value)).counts(self._arrived)
        passes = step(self._gathering, self.into, name=f"{self.into}-joins").unless(self._open).clears(*self._rooms)
        if enough is None:
            return gathers, passes
        name, rule = f"{self.into}-has-enough", self._enough(enough)
        if cancelling:
            early = step(self._gathering, self.into, name=name).guard(rule).priority(1).clears(*self._rest)
            return early, gathers, passes
        late = self._late
        early = flow(self._gathering >> (self.into, late)).transition(name).guard(rule).priority(1).reads(self._open)
        ignores = flow((self.end, self._open, late) >> late).transition(f"{self.end}-is-late").merge(LAST_TOKEN)
        ends = flow(late >> ()).transition(f"{self.into}-resets").unless(self._open).clears(*self._rooms)
        return early, gathers, passes, ignores, ends

    def more(self, name: str, *, signal: bool = False) -> Flows:
        """One instance more while others run (WCP-15), with the data that comes with it.

        Args:
            name: Of the transition that somebody fires, and of the signal.
            signal: Whether it waits for a signal.
        """
        added = (self._gathering, self.begin, self._open)
        adds = flow(Bundle.of((*self._rooms, self._gathering)) >> added).transition(name).reads(self._open)
        return (triggered(adds.merge(LAST_TOKEN) if self._rooms else adds, signal=signal),)

    def completed(self, name: str, *, signal: bool = False) -> Flows:
        """On before all have ended: the instances that are left are withdrawn (WCP-27). See :meth:`more`."""
        return (triggered(step(self._gathering, self.into, name=name).clears(*self._rest), signal=signal),)

    def cancelled(self, name: str, target: State, *, signal: bool = False) -> Flows:
        """Elsewhere with what has ended: the instances that are left are withdrawn (WCP-26). See :meth:`more`."""
        return (triggered(step(self._gathering, target, name=name).clears(*self._rest), signal=signal),)

    def _dealt(self, source: State, items: str, item: str, targets: tuple[State, ...], after: State) -> Flows:
        dealing, dealt = State(f"{self.into}/dealing"), key_of(self.into, "dealt")
        path = Path.parse(items).expression
        size, is_list = f"size({path})", f"type({path}) == list"
        rooms = tuple(room * self.most for room in self._rooms if self.most is not None)
        fits = cel(is_list if self.most is None else f"{is_list} && {size} <= {self.most}")
        starts = flow(source >> (dealing, *rooms)).transition(f"{source}-starts").guard(fits)
        deals = flow(Bundle.of((*self._rooms, dealing)) >> (dealing, *targets)).transition(f"{self.into}-deals")
        deals = deals.guard(cel(f"metadata.{dealt} < {size}")).counts(dealt)
        deals = deals.deals(items, to=self.begin, item=item, by=dealt)
        ends = step(dealing, after, name=f"{self.into}-has-dealt").priority(LAST)
        return (
            starts.restarts(dealt, self._arrived),
            deals.merge(LAST_TOKEN) if self._rooms else deals,
            ends.clears(*self._rooms) if after is self.into else ends,
        )

    def _enough(self, enough: Any) -> Rule:
        if isinstance(enough, bool) or (isinstance(enough, int) and enough < 1):
            raise WorkflowInvalid(f"enough={enough!r} is no number of instances", remedy="give one from 1, or a rule")
        return field(f"metadata.{self._arrived}") >= enough if isinstance(enough, int) else as_rule(enough)

    @property
    def _arrived(self) -> str:
        return key_of(self.into, "arrived")

    @property
    def _open(self) -> State:
        """A token lies there for each instance that has not ended."""
        return State(f"{self.into}/open")

    @property
    def _gathering(self) -> State:
        return State(f"{self.into}/gathering")

    @property
    def _late(self) -> State:
        return State(f"{self.into}/late")

    @property
    def _rooms(self) -> tuple[State, ...]:
        """Where a token lies for each instance that there may still be; nothing where there is no bound."""
        return () if self.most is None else (State(f"{self.into}/room"),)

    @property
    def _rest(self) -> tuple[State, ...]:
        states = (self.begin, *self.inner, self.end, self._open, *self._rooms)
        return tuple(dict.fromkeys(states))
