"""Occasions: what an event of the feed gives functions a reason for, and what they are given then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import attrs
import msgspec

from circuit_breaker.engine.ids import derived_id
from circuit_breaker.engine.ports import Entry, Journal
from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.functions.chains import FunctionChain
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.execution import FunctionResult, outcome_of, result_of
from circuit_breaker.functions.mapping import InputMapping
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.requests import REFUSED, Later, Request
from circuit_breaker.functions.subject import subject
from circuit_breaker.functions.triggers import ENDS, PREFIX, EventTrigger, FunctionCompletion, ResourceState, entered
from circuit_breaker.rules import Verdict
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import ActionStarted, Event, Moved, TokenAdded
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.token import Token

__all__ = ["Occasion", "Past", "Reasons", "completion", "occasions", "requested", "triggered"]

FOLLOWED = 1000
KEPT = 128


class Past:
    """Cases as they were when something happened; those that are followed event by event are not read again."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._cases: OrderedDict[str, Case] = OrderedDict()

    async def case(self, event: Event) -> Case:
        """The case as the event left it."""
        known = self._cases.pop(event.case, None)
        if known is not None and known.sequence > event.sequence:
            known = None
        after = known.sequence if known is not None else 0
        case = known
        for each in await self._events(event, after):
            case = evolve(case, each)
        assert case is not None  # noqa: S101 - a case has at least the event that is asked for
        if case.history.held > 2 * KEPT:
            case = msgspec.structs.replace(case, history=case.history.last(KEPT))
        self._cases[event.case] = case
        if len(self._cases) > FOLLOWED:
            self._cases.popitem(last=False)
        return case

    async def _events(self, event: Event, after: int) -> list[Event]:
        missing = event.sequence - after
        if missing == 1:
            return [event]
        return await self.journal.events(event.case, after=after, limit=missing) if missing else []


@attrs.frozen
class Occasion:
    """A reason for a function to run.

    Attributes:
        about: What tells it from others of the same event: the token.
        token: What conditions and mappings look at.
        generation: How many functions led to it.
        root: What led to it first.
        result: What came of the function that has ended, where that is the reason.
    """

    about: str
    token: Token
    generation: int = 0
    root: str = ""
    result: FunctionResult | None = None


def occasions(trigger: EventTrigger, entry: Entry, case: Case) -> Iterator[Occasion]:
    """The reasons that an event gives for a trigger that has no objection to it."""
    if _refused(case):
        return
    if isinstance(trigger, FunctionCompletion):
        done = completion(case, entry)
        if not trigger.statuses or (done.result is not None and done.result.status in trigger.statuses):
            yield done
    elif isinstance(trigger, ResourceState):
        for token_id, state in entered(entry.event):
            if trigger.state in (None, state):
                yield _of_token(case, case.find(token_id), entry)
    else:
        yield _of_token(case, _token_of(case, entry.event), entry, about="")


def _refused(case: Case) -> bool:
    """Whether the case is an execution that was not begun, for too many had come of one event: nothing comes of it."""
    return case.workflow.startswith(PREFIX) and bool(case.metadata.get("error", {}).get("code") == REFUSED)


def _of_token(case: Case, token: Token, entry: Entry, *, about: str | None = None) -> Occasion:
    looked_at = subject(
        token.id,
        state=token.state,
        data=token.data,
        metadata=token.metadata,
        results=token.results,
        event=_told(entry),
    )
    generation, root = _descent(case, entry)
    return Occasion(token.id if about is None else about, looked_at, generation, root)


def _descent(case: Case, entry: Entry) -> tuple[int, str]:
    """How many functions led to what an event gives a reason for, and what led to the first of them."""
    if entry.workflow.startswith(PREFIX):
        return case.metadata.get("generation", 0) + 1, case.metadata.get("root", case.id)
    return 0, derived_id(entry.event.at, "root", case.id, entry.event.sequence)


def _told(entry: Entry) -> dict[str, Any]:
    return {**entry.event.to_document(), "workflow": entry.workflow}


def _token_of(case: Case, event: Event) -> Token:
    """The token that an event is about; the first one where it is about none, or none is left."""
    names: list[str] = []
    if isinstance(event, Moved):
        names = [token_id for token_id, _ in (*event.produced, *event.consumed)]
    elif isinstance(event, ActionStarted):
        names = [token_id for token_id, _ in event.consumed]
    elif isinstance(event, TokenAdded) and event.token is not None:
        names = [event.token.id]
    held = {token.id: token for token in case.marking}
    found = next((held[name] for name in names if name in held), None)
    return found or next(iter(held.values()), Token("", ""))


def completion(case: Case, entry: Entry) -> Occasion:
    """The reason that the end of a function is."""
    result = result_of(case)
    metadata = {
        "function": result.function_id,
        "execution": result.id,
        "version": result.version,
        "status": str(result.status),
        "error": result.error,
        "input": result.input,
        "cause": result.cause,
        "generation": result.generation,
    }
    looked_at = subject(
        result.id,
        state=str(result.status),
        data=result.output,
        metadata=metadata,
        results={result.function_id: outcome_of(case)},
        event=_told(entry),
    )
    generation, root = _descent(case, entry)
    return Occasion("", looked_at, generation, root, result)


def requested(
    function: str, mapping: InputMapping, occasion: Occasion, *, execution: str, cause: Mapping[str, Any]
) -> Request:
    """The request that an occasion leads to; one whose input cannot be made says why."""
    given, error = None, {}
    try:
        given = mapping.apply(occasion.token)
    except CircuitBreakerError as fault:
        error = {"code": fault.code, "message": str(fault)}
    return Request(
        function=function,
        execution=execution,
        input=given,
        cause=cause,
        generation=occasion.generation,
        root=occasion.root,
        error=error,
    )


@attrs.frozen
class Reasons:
    """What functions have a reason for.

    Attributes:
        registry: The functions.
        past: The cases as they were.
    """

    registry: Registry
    past: Past

    async def requests(self, definition: FunctionDefinition, entry: Entry) -> list[Request | Later]:
        """What the triggers and the chains of a function ask for because of an event."""
        found: list[Request | Later] = []
        for number, trigger in enumerate(definition.triggers):
            if not trigger.objection(entry):
                case = await self.past.case(entry.event)
                given = [each for each in occasions(trigger, entry, case) if self.verdict(trigger, each).passed]
                found += [triggered(definition, number, entry, occasion) for occasion in given]
        if definition.chains and entry.workflow == f"{PREFIX}{definition.id}" and isinstance(entry.event, ENDS):
            case = await self.past.case(entry.event)
            done = completion(case, entry)
            found += [
                _linked(definition, number, entry, done)
                for number, chain in enumerate(definition.chains)
                if not _refused(case) and self.follows(chain, done).passed
            ]
        return found

    def verdict(self, trigger: EventTrigger, occasion: Occasion) -> Verdict:
        """Whether the condition of a trigger holds, and if not, why."""
        if trigger.condition is None:
            return Verdict(True, "there is no condition")
        return self.registry.resolved(trigger.condition).judge(occasion.token)

    def follows(self, chain: FunctionChain, occasion: Occasion) -> Verdict:
        """Whether a link is followed, and if not, why."""
        rule = chain.condition.rule
        assert occasion.result is not None  # noqa: S101 - it is the end of a function
        resolved = self.registry.resolved(rule) if rule is not None else None
        return chain.condition.judge(occasion.result.status, occasion.token, resolved)


def triggered(definition: FunctionDefinition, number: int, entry: Entry, occasion: Occasion) -> Request:
    """The request of a trigger: the same one whenever, and by whomever, it is made of the same event."""
    trigger, event = definition.triggers[number], entry.event
    execution = derived_id(event.at, "trigger", definition.id, number, event.case, event.sequence, occasion.about)
    cause = {
        "kind": "trigger",
        "trigger": number,
        "type": trigger.trigger_type,
        "case": event.case,
        "event": event.sequence,
    }
    return requested(definition.id, trigger.input_mapping, occasion, execution=execution, cause=cause)


def _linked(definition: FunctionDefinition, number: int, entry: Entry, occasion: Occasion) -> Request | Later:
    chain, event = definition.chains[number], entry.event
    execution = derived_id(event.at, "chain", definition.id, number, event.case, event.sequence)
    cause = {"kind": "chain", "function": definition.id, "link": number, "execution": event.case}
    request = requested(chain.target_function, chain.input_mapping, occasion, execution=execution, cause=cause)
    return Later(request, event.at + timedelta(seconds=chain.delay)) if chain.delay else request
