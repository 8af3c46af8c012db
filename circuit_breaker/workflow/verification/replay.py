"""Replay: goes through a counterexample with the very functions by which the engine carries out a workflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from circuit_breaker.data import EMPTY, freeze_mapping
from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.lazy import deferred
from circuit_breaker.rules.analysis import Witness
from circuit_breaker.workflow import choosing, firing, standing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.choosing import Choice
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.steps import Execution
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.model import Act
from circuit_breaker.workflow.verification.writes import brought

__all__ = ["Brought", "Replay"]

plain = deferred("circuit_breaker.rules.constant", "plain")
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
ROUNDS = 3


@attrs.frozen
class Brought:
    """A step, and the data that come with it."""

    act: Act
    data: Witness


class Replay:
    """A case that is led along a way.

    Attributes:
        workflow: Its workflow.
        case: As it is now.
    """

    case: Case

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self._now = BEGIN

    def run(self, start: Witness, steps: Sequence[Brought], *, again: Sequence[Brought] = ()) -> bool:
        """Whether a case can go that way.

        Args:
            start: What the case begins with.
            steps: What happens.
            again: Steps that are then repeated some times.
        """
        try:
            self.case = self.workflow.start(
                "c", at=self._now, data=plain(start.data), metadata=plain(start.metadata)
            )  # what a rule was shown, it also gets here
            rounds = [step for _ in range(ROUNDS if again else 0) for step in again]
            return self._all(_with_data([*steps, *rounds]))
        except CircuitBreakerError:
            return False

    def _all(self, steps: list[Brought]) -> bool:
        """Takes every step; what happens by itself in the order in which the engine does it."""
        while steps:
            act = steps[0].act
            number = self._first(steps) if act.automatic and not act.apart else 0
            if number is None or not self._step(steps.pop(number)):
                return False
        return True

    def _first(self, steps: Sequence[Brought]) -> int | None:
        """The step that the engine would take first; None where it would do something else."""
        busy: frozenset[Token] = frozenset()
        while (choice := choosing.next_automatic(self.workflow, self.case, waiting=busy)) is not None:
            label = choice.transition.id
            number = next((n for n, step in enumerate(steps) if step.act.label == label and not step.act.apart), None)
            if number is not None and (number == 0 or not choice.transition.steps):
                return number
            if not choice.transition.steps:
                return None
            busy |= frozenset(choice.binding)  # its action takes as long as one likes
        return None

    def states(self) -> dict[str, int]:
        """The tokens of each state."""
        return dict(Counter(token.state for token in self.case.marking))

    def _step(self, step: Brought) -> bool:
        transition = step.act.transition
        if transition is None or self.case.closed:
            return False
        if step.act.apart:
            return self._end(step)
        self._now += timedelta(seconds=1 + (transition.delay or 0.0))
        if transition.signal:
            self._signal(transition, step)
        for choice in self._choices(transition, step):
            events = self._events(choice, step)
            if events is not None:
                self.case = standing.apply(self.workflow, self.case, *events)
                return True
        return False

    def _end(self, step: Brought) -> bool:
        """Ends an action that has begun before, as the step says."""
        for pending in self.case.pending:
            ended = self._ended(self.case, pending, step) if pending.transition == step.act.label else None
            if ended is not None:
                self.case = standing.apply(self.workflow, self.case, ended)
                return True
        return False

    def _signal(self, transition: Transition, step: Brought) -> None:
        data = plain(step.data.data)
        event = firing.signal(self.workflow, self.case, transition.signal, at=self._now, data=data)
        if event is not None:
            self.case = standing.apply(self.workflow, self.case, event)

    def _choices(self, transition: Transition, step: Brought) -> Iterator[Choice]:
        """The ways in which the transition can take its tokens, with the data of whoever fires it."""
        given = EMPTY
        if step.act.fresh and brought(transition) and not transition.signal:
            given = freeze_mapping(plain(step.data.data))
        for choice in choosing.choices(self.workflow, self.case, transition, data=given):
            if (not transition.signal or choice.used) and not choosing.blocked(self.case, choice):
                yield choice

    def _events(self, choice: Choice, step: Brought) -> Iterable[Event] | None:
        """What the step records; None where it is not possible with these tokens."""
        admitted = choosing.admitted(self.workflow, choice)
        if not admitted:
            due = step.act.way == "otherwise" and choosing.due_to_refuse(self.workflow, choice)
            return [firing.refusal(self.workflow, self.case, choice, at=self._now)] if due else None
        if choice.transition.steps:
            return self._acted(choice, step)
        return [firing.fired(self.case, choice, at=self._now)] if step.act.way == "fires" else None

    def _acted(self, choice: Choice, step: Brought) -> Iterable[Event] | None:
        """The events of an action that begins, and if it is not said that it only does, ends as the step says."""
        started = firing.begin(self.case, choice, at=self._now, worker="w")
        if step.act.way == "begins":
            return [started]
        case = standing.apply(self.workflow, self.case, started)
        ended = self._ended(case, case.pending[-1], step)
        return None if ended is None else [started, ended]

    def _ended(self, case: Case, pending: Pending, step: Brought) -> Event | None:
        """The event of the end of an action; None where it would end in another way."""
        if step.act.way == "failed":
            return firing.fail(self.workflow, case, pending, at=self._now, error={"message": "failed"})
        change = self._change(self.workflow.by_id[pending.transition], step.data)
        ended, verdict = firing.finish(self.workflow, case, pending, at=self._now, change=change)
        return ended if (verdict is None) == (step.act.way == "fires") else None

    def _change(self, transition: Transition, data: Witness) -> Change:
        """What the action makes of the data."""
        named = [step.result for step in transition.steps if isinstance(step, Execution) and step.result is not None]
        free = len(named) < len(transition.steps)
        return Change(
            data=plain(data.data) if free else {},
            metadata=plain(data.metadata) if free else {},
            results={key: value for key, value in plain(data.results).items() if free or key in named},
        )


def _with_data(steps: Sequence[Brought]) -> list[Brought]:
    """The steps, of which each where an action begins has the data of its end; for some of them come before it."""
    done, begun = list(steps), dict[str, list[int]]()
    for number, step in enumerate(steps):
        if step.act.way == "begins":
            begun.setdefault(step.act.label, []).append(number)
        elif step.act.apart and begun.get(step.act.label):
            first = begun[step.act.label].pop(0)
            done[first] = Brought(attrs.evolve(steps[first].act, fresh=step.act.fresh), step.data)
    return done
