"""Triggers: what makes a function run by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, get_args

import attrs

from circuit_breaker.engine.ports import Entry
from circuit_breaker.errors import FunctionInvalid, nearest
from circuit_breaker.functions.mapping import FULL_DATA, InputMapping
from circuit_breaker.functions.schedule import Schedule, schedule
from circuit_breaker.functions.status import ExecutionStatus
from circuit_breaker.functions.subject import as_condition
from circuit_breaker.rules import Rule
from circuit_breaker.workflow import events
from circuit_breaker.workflow.events import CaseCancelled, CaseCompleted, CaseStarted, Moved, TokenAdded

__all__ = [
    "PREFIX", "CatchUp", "EventTrigger", "FunctionCompletion", "ResourceState", "ScheduledTime", "WorkflowEvent",
    "entered",
]  # fmt: skip

PREFIX: Final = "function:"
"""With what the name of the workflow of a function begins."""

CatchUp = Literal["one", "all", "none"]
ENDS: Final = (CaseCompleted, CaseCancelled)
_BASES: Final = (events.Event, events.Moved)
_KINDS: Final[Mapping[str, type[events.Event]]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, events.Event) and kind not in _BASES
}


def _condition(value: Any) -> Rule | None:
    return None if value is None else as_condition(value)


def _mapping(_: object, __: object, value: object) -> None:
    if not isinstance(value, InputMapping):
        raise FunctionInvalid(f"{value!r:.60} is no input mapping", remedy="give FullData(), FieldMapping({...}), ...")


@attrs.frozen(kw_only=True)
class EventTrigger(ABC):
    """What makes a function run.

    Attributes:
        condition: What must hold besides: a Rule, the name of one, or CEL text over ``data``, ``metadata``, ``state``,
            ``results`` and ``event``.
        input_mapping: How the input is made.
    """

    trigger_type: ClassVar[str] = ""

    condition: Rule | None = attrs.field(default=None, converter=_condition)
    input_mapping: InputMapping = attrs.field(default=FULL_DATA, validator=_mapping)

    @abstractmethod
    def objection(self, entry: Entry) -> str:
        """Why the event is none that it waits for; empty when it is one, and only the condition must hold."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What only this kind of trigger says, as JSON."""

    def to_document(self) -> dict[str, Any]:
        """The trigger as JSON."""
        said = {"trigger_type": self.trigger_type, **self.facts()}
        if self.condition is not None:
            said["condition"] = self.condition.to_document()
        return said | {"input_mapping": self.input_mapping.to_document()}


def _foreign(workflow: str | None, entry: Entry) -> str:
    """Why the case is of the wrong workflow; cases of functions are wrong unless they are named."""
    if workflow is not None and entry.workflow != workflow:
        return f"the case is of workflow '{entry.workflow}', and not '{workflow}'"
    if workflow is None and entry.workflow.startswith(PREFIX):
        return "the case is the execution of a function, and the trigger does not name its workflow"
    return ""


def _event(value: Any) -> str:
    name = value.__name__ if isinstance(value, type) else value
    if name not in _KINDS:
        raise FunctionInvalid(f"there is no event {value!r:.60}", remedy=nearest(str(name), _KINDS))
    return str(name)


def _name(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise FunctionInvalid(f"{value!r:.60} is no name", remedy="give a text")
    return value


def _state(value: Any) -> str | None:
    return None if value is None else _name(str(value))


@attrs.frozen
class WorkflowEvent(EventTrigger):
    """An event of a case, such as ``WorkflowEvent("TransitionFired", workflow="order")``.

    Attributes:
        event: The kind of event, or its name.
        workflow: The name of the workflow of the case; any but those of functions when left out.
    """

    trigger_type: ClassVar[str] = "WorkflowEvent"

    event: str = attrs.field(converter=_event)
    workflow: str | None = attrs.field(default=None, converter=_name, kw_only=True)

    def objection(self, entry: Entry) -> str:
        """Why the event is another, or of another workflow."""
        if not isinstance(entry.event, _KINDS[self.event]):
            return f"the event is {entry.event.type}, and not {self.event}"
        return _foreign(self.workflow, entry)

    def facts(self) -> dict[str, Any]:
        """The event and the workflow."""
        return {"event": self.event} | ({"workflow": self.workflow} if self.workflow else {})


@attrs.frozen
class ResourceState(EventTrigger):
    """A token enters a state, such as ``ResourceState("processing")``; each token that does counts.

    Attributes:
        state: The state, or its name; every state when left out, for the condition to choose.
        workflow: The name of the workflow of the case; any but those of functions when left out.
    """

    trigger_type: ClassVar[str] = "ResourceState"

    state: str | None = attrs.field(default=None, converter=_state)
    workflow: str | None = attrs.field(default=None, converter=_name, kw_only=True)

    def objection(self, entry: Entry) -> str:
        """Why no token entered the state."""
        states = [state for _, state in entered(entry.event)]
        if not states:
            return f"{entry.event.type}: no token entered a state"
        if self.state is not None and self.state not in states:
            return f"the token entered '{' + '.join(states)}', and not '{self.state}'"
        return _foreign(self.workflow, entry)

    def facts(self) -> dict[str, Any]:
        """The state and the workflow."""
        said = {"state": self.state, "workflow": self.workflow}
        return {key: value for key, value in said.items() if value is not None}


def entered(event: events.Event) -> tuple[events.Move, ...]:
    """The ids of the tokens that entered a state by this event, each with the state."""
    if isinstance(event, CaseStarted):
        return tuple((token.id, token.state) for token in event.tokens)
    if isinstance(event, TokenAdded) and event.token is not None:
        return ((event.token.id, event.token.state),)
    return event.produced if isinstance(event, Moved) else ()


def _statuses(value: Any) -> tuple[ExecutionStatus, ...]:
    given: Iterable[Any] = (value,) if isinstance(value, str) else value
    return tuple(dict.fromkeys(map(ExecutionStatus.of, given)))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FunctionInvalid(f"loop: {value!r:.60} is neither true nor false")
    return value


@attrs.frozen
class FunctionCompletion(EventTrigger):
    """Another function has ended, such as ``FunctionCompletion("extract", statuses="success")``.

    Attributes:
        function: Its id.
        statuses: How it must have ended; however it did, when left out.
        loop: Whether this function may lead to that one in turn, until a condition does not hold any more.
    """

    trigger_type: ClassVar[str] = "FunctionCompletion"

    function: str = attrs.field(converter=_name)
    statuses: tuple[ExecutionStatus, ...] = attrs.field(default=(), converter=_statuses, kw_only=True)
    loop: bool = attrs.field(default=False, converter=_flag, kw_only=True)

    def objection(self, entry: Entry) -> str:
        """Why no execution of that function has ended."""
        if entry.workflow != f"{PREFIX}{self.function}":
            return f"it is no execution of function '{self.function}'"
        return "" if isinstance(entry.event, ENDS) else f"the event is {entry.event.type}, which is no end"

    def facts(self) -> dict[str, Any]:
        """The function, the statuses, and whether a loop is meant."""
        said: dict[str, Any] = {"function": self.function} | ({"loop": True} if self.loop else {})
        return said | ({"statuses": [str(status) for status in self.statuses]} if self.statuses else {})


def _catch_up(value: Any) -> CatchUp:
    if value not in get_args(CatchUp):
        raise FunctionInvalid(f"catch_up: {value!r:.60} is not known", remedy="one of: one, all, none")
    caught: CatchUp = value
    return caught


@attrs.frozen
class ScheduledTime(EventTrigger):
    """A time has come: ``ScheduledTime("30 9 * * MON-FRI", zone="Europe/Berlin")`` or ``ScheduledTime("every 5m")``.

    Attributes:
        schedule: Five fields of cron, or ``every`` and a duration, which counts from the registration.
        zone: The time zone of the fields.
        catch_up: What happens for times that were missed because nothing was running: the function runs for the last
            of them (``one``), for each (``all``), or for none.
    """

    trigger_type: ClassVar[str] = "ScheduledTime"

    schedule: str = attrs.field()
    zone: str = attrs.field(default="UTC", kw_only=True)
    catch_up: CatchUp = attrs.field(default="one", converter=_catch_up, kw_only=True)
    times: Schedule = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: schedule(self.schedule, self.zone), takes_self=True),
    )

    def keeps_time_with(self, other: EventTrigger) -> bool:
        """Whether the other one is a schedule with the same times."""
        return isinstance(other, ScheduledTime) and (other.schedule, other.zone) == (self.schedule, self.zone)

    def objection(self, entry: Entry) -> str:
        """No event is a time."""
        return f"it waits for a time ({self.schedule}), and not for {entry.event.type}"

    def facts(self) -> dict[str, Any]:
        """The schedule, its zone and what is caught up."""
        said: dict[str, Any] = {"schedule": self.schedule}
        if self.zone != "UTC":
            said["zone"] = self.zone
        return said | ({"catch_up": self.catch_up} if self.catch_up != "one" else {})


def kinds() -> Iterator[type[EventTrigger]]:
    """Every kind of trigger."""
    yield from (WorkflowEvent, ResourceState, FunctionCompletion, ScheduledTime)
