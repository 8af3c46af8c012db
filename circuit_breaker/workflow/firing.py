"""Firing: what a case is after something happened, as pure functions.

Nothing here waits, looks at a clock or writes anything: the engine carries out what these functions decide. A decision
is an event; :func:`circuit_breaker.workflow.evolution.evolve` applies it, so that what was decided and what is replayed
from a journal cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from circuit_breaker.data import EMPTY, OURS, Data, difference, freeze, freeze_mapping
from circuit_breaker.errors import CaseError, DataInvalid, NotEnabled, Refused, VersionConflict
from circuit_breaker.lazy import deferred
from circuit_breaker.rules import Verdict
from circuit_breaker.workflow.case import CLOSED, Case, Pending
from circuit_breaker.workflow.choosing import (
    UNKNOWN,
    Choice,
    admitted,
    choice_of,
    choices,
    due,
    open_case,
    role_set,
    role_verdict,
    unbound,
    verdict,
)
from circuit_breaker.workflow.declared import accept, typed
from circuit_breaker.workflow.events import (
    ActionFailed,
    ActionStarted,
    CaseStarted,
    Move,
    SignalReceived,
    TokenAdded,
    TokenChanged,
    TransitionFired,
    TransitionRefused,
)
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.joining import joined
from circuit_breaker.workflow.standing import apply, settle
from circuit_breaker.workflow.timing import OnSignal
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.change import Change
    from circuit_breaker.workflow.definition import Workflow
    from circuit_breaker.workflow.state import State

__all__ = [
    "add_token",
    "begin",
    "change_token",
    "fail",
    "finish",
    "fire",
    "fired",
    "refusal",
    "resume",
    "select",
    "signal",
    "start",
]

lacking = deferred("circuit_breaker.workflow.explain", "lacking")


def start(
    workflow: Workflow,
    case: str,
    *,
    at: datetime,
    by: str = "",
    data: Any = None,
    metadata: Mapping[str, Any] | None = None,
    state: State | str | None = None,
) -> Case:
    """A new case with one token in the initial state."""
    place = workflow.state(str(state if state is not None else workflow.initial))
    facts = dict(freeze_mapping(metadata or {}, where="metadata"))
    if place.timestamp:
        facts[place.timestamp] = at.isoformat()
    token = Token(f"{case}.1", place.name, accept(workflow, data, whole=True), Data(facts))
    event = CaseStarted(case, 1, at, by, workflow.name, workflow.version, (token,))
    begun = evolve(None, event)
    return settle(workflow, msgspec.structs.replace(begun, schema=workflow.schema))


def add_token(workflow: Workflow, case: Case, *, at: datetime, by: str, data: Any, state: State | str | None) -> Case:
    """The case with a further token."""
    open_case(case)
    place = workflow.state(str(state if state is not None else workflow.initial))
    stamps = Data({place.timestamp: at.isoformat()}) if place.timestamp else EMPTY
    token = Token(f"{case.id}.{case.minted + 1}", place.name, accept(workflow, data, whole=True), stamps)
    return apply(workflow, case, TokenAdded(case.id, case.sequence + 1, at, by, token))


def change_token(
    workflow: Workflow,
    case: Case,
    token_id: str,
    change: Change,
    *,
    at: datetime,
    by: str = "",
    expect: int | None = None,
    key: str = "",
) -> Case:
    """The case after what a token carries was changed where it stands.

    Raises:
        TokenNotFound: It is not in the case any more.
        VersionConflict: It is another version than ``expect``.
        NotEnabled: An action in progress holds it.
        DataInvalid: It would not be of the declared class any more.
    """
    open_case(case)
    token = case.find(token_id)
    if expect is not None and token.sequence != expect:
        raise VersionConflict(
            f"token '{token_id}' was changed by event {token.sequence}, and not last by {expect}",
            remedy="look at it again",
        )
    for pending in case.pending:
        if any(held == token_id for held, _ in pending.consumed):
            raise NotEnabled(
                f"an action of '{pending.transition}' holds token '{token_id}'", remedy="wait until it has ended"
            )
    typed(workflow, token.updated(data=change.data))
    said = (change.data, change.metadata, change.results)
    return apply(workflow, case, TokenChanged(case.id, case.sequence + 1, at, by, token_id, token.state, *said, key))


def at_once(workflow: Workflow, case: Case, name: str) -> Choice | None:
    """How the named transition fires where one token and its rules are all that it takes.

    None where there is more to look at, or the answer is no; :func:`select` then tells. It is the short way for what
    nearly every firing is.
    """
    if case.pending or case.status in CLOSED or workflow.schema is not None:
        return None
    for transition in workflow.by_name.get(name, ()):
        if transition.easy is None:
            return None
        admits = transition.admits
        for token in case.marking.at(transition.easy):
            if admits is None or admits(token):
                return Choice(transition, (token,), token)
    return None


def select(
    workflow: Workflow,
    case: Case,
    name: str,
    *,
    data: Data = EMPTY,
    roles: Iterable[str] = (),
    at: datetime,
    by: str = "",
    token: str | None = None,
) -> tuple[Choice, TransitionRefused | None]:
    """How the named transition fires now, or the event that records why it is refused.

    Raises:
        TransitionNotFound: The workflow has no transition of that name.
        NotEnabled: The tokens are not there; or not the one that it is to take.
        CaseClosed: The case has ended.
    """
    transitions = workflow.named(name)
    open_case(case)
    held = case.reserved if case.pending else UNKNOWN
    given = role_set(roles)
    rejected: Choice | None = None
    early: NotEnabled | None = None
    for transition in transitions:
        for choice in choices(workflow, case, transition, data=data, reserved=held):
            if token is not None and all(taken.id != token for taken in choice.binding):
                continue
            if (transition.signal or transition.delay is not None) and (reason := _early(case, choice, at)):
                early = early or reason
                continue
            if admitted(workflow, choice) and (not transition.roles or not given.isdisjoint(transition.roles)):
                return choice, None
            rejected = rejected or choice
    if rejected is None and early is None and token is not None:
        raise NotEnabled(
            f"transition '{name}' of case '{case.id}' cannot take token '{token}' now", remedy="see explain"
        )
    if rejected is None:
        raise early or not_enabled(workflow, case, name)
    return rejected, refusal(workflow, case, rejected, at=at, by=by, roles=given)


def _early(case: Case, choice: Choice, at: datetime) -> NotEnabled | None:
    """Why a transition that waits for a signal or a time cannot fire yet; None where it can."""
    transition = choice.transition
    what = f"transition '{transition.name}' of case '{case.id}'"
    if transition.signal and not choice.used:
        return NotEnabled(
            f"{what} waits for the signal '{transition.signal}'", remedy="send it with engine.signal(...)"
        )
    if transition.delay is not None and due(choice) > at:
        return NotEnabled(
            f"{what} is not due before {due(choice).isoformat()}", remedy="wait for it with engine.work()"
        )
    return None


def not_enabled(workflow: Workflow, case: Case, name: str) -> NotEnabled:
    """Why the tokens for a transition are not there."""
    reasons = [" and ".join(lacking(case, t)) or unbound(workflow, case, t) for t in workflow.named(name)]
    return NotEnabled(
        f"transition '{name}' of case '{case.id}' cannot fire: {', or '.join(dict.fromkeys(reasons))} "
        f"(the case is in {case.state or 'no state'})",
        remedy="see engine.explain(case)",
    )


def refusal(
    workflow: Workflow, case: Case, choice: Choice, *, at: datetime, by: str = "", roles: Iterable[str] = (),
    verdict_given: Verdict | None = None, key: str = "",
) -> TransitionRefused:  # fmt: skip
    """The event of a refusal: the tokens go where ``.otherwise`` leads, or stand where they stood."""
    transition = choice.transition
    reasons = verdict(workflow, choice) if verdict_given is None else verdict_given
    role = role_verdict(transition, roles)
    if role is not None and not role.passed:
        reasons = role if reasons.passed else Verdict(False, "all", kind="all", children=(role, reasons))
        route = None
    else:
        route = transition.otherwise if _routes(workflow, choice) else None
    moves = _moves(case, choice, (route,)) if route is not None else ()
    kept = _routed(workflow, choice, moves, _stamps(transition, moves, at))
    return TransitionRefused(
        case.id, case.sequence + 1, at, by, transition.id, choice.moves, moves,
        used=choice.used if moves else 0, key=key,
        verdict=freeze(reasons.to_document(), where="verdict", depth=OURS), **kept,
    )  # fmt: skip


def _routes(workflow: Workflow, choice: Choice) -> bool:
    guard = choice.transition.guard
    return choice.conflict is None and (guard is None or guard.test(typed(workflow, choice.view)))


def refused(case: Case, event: TransitionRefused, verdict_given: Verdict) -> Refused:
    """The error that tells whoever asked that a transition was refused."""
    return Refused(
        f"transition '{event.transition}' of case '{case.id}' was refused:\n{verdict_given}",
        verdict=verdict_given,
        remedy="see engine.explain(case)",
    )


def _moves(case: Case, choice: Choice, places: Iterable[str]) -> tuple[Move, ...]:
    """The tokens produced: one that goes on keeps its id, a split or a join makes new ids."""
    places = tuple(places)
    if len(choice.binding) == 1 and len(places) == 1:
        return ((choice.binding[0].id, places[0]),)
    return tuple((f"{case.id}.{case.minted + number}", place) for number, place in enumerate(places, start=1))


def _targets(transition: Transition) -> Iterator[str]:
    for arc in transition.net.gives:
        for _ in range(arc.weight):
            yield arc.place


def _stamps(transition: Transition, moves: tuple[Move, ...], at: datetime) -> Data:
    stamps = transition.stamps
    return Data({stamps[state]: at.isoformat() for _, state in moves if state in stamps}) if stamps else EMPTY


def _facts(choice: Choice, moves: tuple[Move, ...], at: datetime) -> Data:
    """What a firing itself writes into the metadata: when states were entered, and how often it happened."""
    transition = choice.transition
    stamps = _stamps(transition, moves, at)
    if not transition.counts and not transition.restarts:
        return stamps
    seen = {key: choice.view.metadata.get(key) for key in transition.counts}
    counts = {key: count + 1 if type(count) is int else 1 for key, count in seen.items()}
    return Data({**stamps, **dict.fromkeys(transition.restarts, 0), **counts})


def fired(
    case: Case,
    choice: Choice,
    *,
    at: datetime,
    by: str = "",
    change: Change | None = None,
    key: str = "",
) -> TransitionFired:
    """The event of a firing: what came with it, and the change that its action made, are added to the tokens."""
    data = choice.data
    results = metadata = EMPTY
    if change is not None:
        data = Data({**data, **change.data}) if data else change.data
        results, metadata = change.results, change.metadata
    transition = choice.transition
    binding = choice.binding
    if transition.target is not None and len(binding) == 1:
        token = binding[0]
        return TransitionFired(
            case.id, case.sequence + 1, at, by, transition.id, ((token.id, token.state),),
            ((token.id, transition.target),), data, metadata, results, (), EMPTY, (), choice.used, key,
        )  # fmt: skip
    moves = _moves(case, choice, _targets(transition))
    removed: tuple[str, ...] = ()
    facts = _facts(choice, moves, at)
    metadata = Data({**metadata, **facts}) if facts else metadata
    if len(binding) > 1:
        data, removed = _joined_change(binding[0], choice.view, "data", data)
        metadata, more = _joined_change(binding[0], choice.view, "metadata", metadata)
        results, most = _joined_change(binding[0], choice.view, "results", results)
        removed = (*removed, *more, *most)
    taken = {token.id for token in binding}
    cleared = tuple(
        (token.id, place)
        for place in transition.net.resets
        for token in case.marking.at(place)
        if token.id not in taken
    )
    return TransitionFired(
        case.id, case.sequence + 1, at, by, transition.id, choice.moves, moves, data, metadata, results, removed,
        _dealt(choice, moves, data), cleared, choice.used, key,
    )  # fmt: skip


def _dealt(choice: Choice, moves: tuple[Move, ...], data: Data) -> Data:
    """What single tokens get beside what all of them do, by their ids."""
    deal = choice.transition.deal
    if deal is None:
        return EMPTY
    given = deal.given(choice.view.updated(data=data))
    return Data({token_id: given for token_id, state in moves if state == deal.to}) if given else EMPTY


def _routed(workflow: Workflow, choice: Choice, moves: tuple[Move, ...], facts: Data) -> dict[str, Any]:
    """The fields of an event that add facts to tokens that go elsewhere; those of a join are made one, as they were."""
    if len(moves) != 1 or len(choice.binding) < 2:
        return {"metadata": facts} if facts else {}
    view = joined(workflow, choice.transition, choice.binding)
    added = {"data": EMPTY, "metadata": facts, "results": EMPTY}
    parts = {part: _joined_change(choice.binding[0], view, part, new) for part, new in added.items()}
    removed = tuple(name for _, names in parts.values() for name in names)
    return {part: changed for part, (changed, _) in parts.items()} | {"removed": removed}


def _joined_change(first: Token, view: Token, part: str, added: Data) -> tuple[Data, tuple[str, ...]]:
    changed, removed = difference(getattr(first, part), getattr(view, part))
    kept = tuple(f"{part}.{key}" for key in removed if key not in added)
    return Data({**changed, **added}), kept


def fire(
    workflow: Workflow,
    case: Case,
    name: str,
    *,
    at: datetime,
    by: str = "",
    data: Any = None,
    roles: Iterable[str] = (),
) -> Case:
    """The case after a transition without an action fired."""
    choice = at_once(workflow, case, name) if data is None else None
    if choice is None:
        given = EMPTY if data is None else accept(workflow, data)
        choice, refusing = select(workflow, case, name, data=given, roles=roles, at=at, by=by)
        if refusing is not None and not refusing.produced:
            raise refused(case, refusing, verdict_of(workflow, choice, roles))
        if refusing is not None:
            return settle(workflow, evolve(case, refusing))
    if choice.transition.steps:
        raise NotEnabled(f"transition '{name}' has an action", remedy="fire it with an engine")
    if workflow.schema is not None:
        typed(workflow, choice.view)
    event = fired(case, choice, at=at, by=by)
    return settle(workflow, evolve(case, event))


def verdict_of(workflow: Workflow, choice: Choice, roles: Iterable[str]) -> Verdict:
    """The whole verdict on a choice: its roles and its rules."""
    role = role_verdict(choice.transition, roles)
    judged = verdict(workflow, choice)
    if role is None or role.passed:
        return judged
    return role if judged.passed else Verdict(False, "all", kind="all", children=(role, judged))


def begin(case: Case, choice: Choice, *, at: datetime, by: str = "", worker: str) -> ActionStarted:
    """The event that reserves the tokens of a transition for its action."""
    transition = choice.transition
    key = f"{case.id}:{transition.id}:{case.sequence + 1}"
    return ActionStarted(
        case.id, case.sequence + 1, at, by, transition.id, choice.moves, key, worker, choice.data, choice.used
    )


def resume(workflow: Workflow, case: Case, pending: Pending) -> Choice:
    """The choice that an action in progress was begun with."""
    transition = workflow.by_id[pending.transition]
    binding = tuple(case.find(token_id) for token_id, _ in pending.consumed)
    return choice_of(workflow, transition, binding, pending.input, used=pending.used)


def finish(
    workflow: Workflow, case: Case, pending: Pending, *, at: datetime, change: Change, by: str = ""
) -> tuple[TransitionFired | TransitionRefused, Verdict | None]:
    """The event that ends an action, and the verdict if it was refused.

    It fires if the policy's rules hold on the tokens *with* the results; otherwise nothing of them is kept.
    """
    choice = resume(workflow, case, pending)
    if choice.conflict is not None:
        raise choice.conflict
    transition = choice.transition
    seen = typed(workflow, choice.view.updated(data=change.data, metadata=change.metadata, results=change.results))
    rules = transition.rules
    if rules is not None and not rules.test(seen):
        reasons = rules.judge(seen)
        return refusal(
            workflow, case, choice, at=at, by=by, verdict_given=reasons, roles=transition.roles, key=pending.key
        ), reasons
    return fired(case, choice, at=at, by=by, change=change, key=pending.key), None


def fail(workflow: Workflow, case: Case, pending: Pending, *, at: datetime, error: Mapping[str, Any]) -> ActionFailed:
    """The event of an action that failed for good.

    Tokens that cannot be made one cannot go where ``.on_failure`` leads either: they stand where they stood.
    """
    choice = resume(workflow, case, pending)
    transition = choice.transition
    moves = _moves(case, choice, (transition.on_failure,)) if transition.on_failure is not None else ()
    frozen = freeze_mapping(error, where="error")
    facts = Data({**_stamps(transition, moves, at), "failure": frozen}) if moves else EMPTY
    kept: dict[str, Any] = {}
    try:
        kept = _routed(workflow, choice, moves, facts)
    except CaseError as fault:
        moves, frozen = (), Data({**frozen, "unmoved": fault.message})
    return ActionFailed(
        case.id,
        case.sequence + 1,
        at,
        "",
        transition.id,
        choice.moves,
        moves,
        used=choice.used if moves else 0,
        key=pending.key,
        error=frozen,
        **kept,
    )


def signal(
    workflow: Workflow, case: Case, name: str, *, at: datetime, by: str = "", data: Any = None
) -> SignalReceived | None:
    """The event of a signal; None for a transient one that nothing waits for.

    Raises:
        NotEnabled: The workflow knows no such signal.
        CaseClosed: The case has ended.
    """
    open_case(case)
    waiting = [t for t in workflow.transitions if t.signal == name]
    if not waiting:
        known = sorted({t.signal for t in workflow.transitions if t.signal})
        raise NotEnabled(
            f"workflow '{workflow.name}' has no transition that waits for a signal '{name}'",
            remedy=f"known: {', '.join(known)}" if known else "use .on_signal(name)",
        )
    kept = any(isinstance(t.trigger, OnSignal) and not t.trigger.transient for t in waiting)
    ready = any(next(choices(workflow, case, t), None) is not None for t in waiting)
    if not (kept or ready):
        return None
    given = EMPTY if data is None else freeze(data, where="signal data")
    if not isinstance(given, Data):
        raise DataInvalid(f"the data of signal '{name}' is no mapping: {data!r}", remedy="give a dict with text keys")
    return SignalReceived(case.id, case.sequence + 1, at, by, name, given)
