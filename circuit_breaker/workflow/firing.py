"""Firing, as pure functions: what can happen to a case, and what the case is afterwards.

Nothing here waits, looks at a clock or writes anything: the engine carries out what these functions decide. A decision
is an event; :func:`circuit_breaker.workflow.evolution.evolve` applies it, so that what was decided and what is replayed
from a journal cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from circuit_breaker.errors import CaseClosed, DataInvalid, MergeConflict, NotEnabled, Refused
from circuit_breaker.net import bindings, missing
from circuit_breaker.rules import Verdict
from circuit_breaker.wire import structure, unstructure
from circuit_breaker.workflow.case import CLOSED, Case, Pending, Status
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.data import EMPTY, Data, difference, freeze, freeze_mapping, merge
from circuit_breaker.workflow.events import (
    ActionFailed,
    ActionStarted,
    CaseCompleted,
    CaseStarted,
    Event,
    Move,
    SignalReceived,
    TokenAdded,
    TransitionFired,
    TransitionRefused,
)
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.timing import OnSignal
from circuit_breaker.workflow.token import Token, common_fork
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow
    from circuit_breaker.workflow.state import State

__all__ = ["Choice", "add_token", "apply", "begin", "choices", "fail", "finish", "fire", "next_automatic", "next_due", "signal",
           "start", "status"]  # fmt: skip

UNKNOWN: frozenset[Token] = frozenset()


class Choice(msgspec.Struct, frozen=True, gc=False):
    """One way in which a transition could fire: the tokens it takes, and the one they make together."""

    transition: Transition
    binding: tuple[Token, ...]
    view: Token
    conflict: MergeConflict | None = None

    @property
    def moves(self) -> tuple[Move, ...]:
        """The tokens taken, with their states."""
        return tuple((token.id, token.state) for token in self.binding)


def accept(workflow: Workflow, data: Any, *, whole: bool = False) -> Data:
    """Data from outside as it will be kept: frozen JSON; a typed value becomes its JSON form.

    Raises:
        DataInvalid: It is no JSON or not of the declared type.
    """
    if data is None:
        return EMPTY
    if workflow.schema is not None and isinstance(data, workflow.schema):
        return freeze_mapping(unstructure(data))
    frozen = freeze_mapping(data)
    if whole and workflow.schema is not None:
        return freeze_mapping(unstructure(structure(frozen, workflow.schema)))
    return frozen


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


def open_case(case: Case) -> None:
    """Does nothing.

    Raises:
        CaseClosed: The case has ended.
    """
    if case.closed:
        raise CaseClosed(f"case '{case.id}' is {case.status}", remedy="start another case")


def apply(workflow: Workflow, case: Case, *events: Event) -> Case:
    """The case after these events, with its status, and with the event of its completion if that is what they led to."""
    for event in events:
        case = evolve(case, event)
    return settle(workflow, case)


def settle(workflow: Workflow, case: Case) -> Case:
    """The case with the status that follows from where its tokens are."""
    if case.status in CLOSED:
        return case
    now = None if case.pending or case.blocked else workflow.resting.get(case.marking.only)  # type: ignore[arg-type]
    if now is None:
        now = status(workflow, case)
    if now == "completed":
        return evolve(case, CaseCompleted(case.id, case.sequence + 1, case.updated_at))
    return case if case.status == now else msgspec.structs.replace(case, status=now)


def resting(workflow: Workflow) -> Iterator[tuple[str, Status]]:
    """The states in which a lone token decides the status of its case by itself, with that status."""
    for state, transitions in workflow.leaving.items():
        if state in workflow.final:
            yield state, "completed"
        elif not any(t.automatic or t.signal for t in transitions) and any(t.net.plain for t in transitions):
            yield state, "waiting"


def status(workflow: Workflow, case: Case) -> Status:
    """What the case is about to do."""
    if case.closed:
        return case.status
    if case.pending:
        return "in_doubt" if all(pending.doubt for pending in case.pending) else "running"
    if all(place in workflow.final for place in case.marking.places):
        return "completed"
    if next_automatic(workflow, case) is not None:
        return "running"
    if any(t.waits and any(_bindings(t, case, UNKNOWN)) for t in _leaving(workflow, case)):
        return "waiting"
    return "failed" if any(block.kind == "failed" for block in case.blocked) else "stuck"


def _leaving(workflow: Workflow, case: Case) -> Iterable[Transition]:
    """Every transition that could take a token, the most urgent first."""
    places = case.marking.places
    if len(places) == 1:
        return workflow.leaving[places[0]]
    found = {t.index: t for place in places for t in workflow.leaving[place]}
    return sorted(found.values(), key=lambda t: (-t.priority, t.index))


def _bindings(transition: Transition, case: Case, reserved: frozenset[Token]) -> Iterator[tuple[Token, ...]]:
    key = transition.correlate.read if transition.correlate is not None else None
    return bindings(transition.net, case.marking, reserved=reserved, key=key)


def choices(
    workflow: Workflow, case: Case, transition: Transition, *, data: Data = EMPTY, reserved: frozenset[Token] | None = None
) -> Iterator[Choice]:
    """Every way in which the transition could take its tokens, whatever its rules say."""
    held = reserved if reserved is not None else case.reserved if case.pending else UNKNOWN
    for binding in _bindings(transition, case, held):
        yield _choice(workflow, transition, binding, data)


def _choice(workflow: Workflow, transition: Transition, binding: tuple[Token, ...], data: Data) -> Choice:
    if len(binding) == 1:
        view = binding[0].updated(data=data) if data else binding[0]
        return Choice(transition, binding, view)
    try:
        view = joined(workflow, transition, binding)
    except MergeConflict as conflict:
        return Choice(transition, binding, binding[0], conflict)
    return Choice(transition, binding, view.updated(data=data) if data else view)


def joined(workflow: Workflow, transition: Transition, binding: tuple[Token, ...]) -> Token:
    """The token that several make together: a three-way merge against the split that they come from.

    Raises:
        MergeConflict: Two branches changed a key differently, and the flow has no ``.merge(...)``.
    """
    fork = common_fork(binding)
    first = binding[0]
    if transition.merge is not None:
        merged = transition.merge(tuple(typed(workflow, token) for token in binding))
        data = accept(workflow, merged)
        metadata, results = _last_wins(binding, "metadata"), _last_wins(binding, "results")
    else:
        data = merge(fork.data if fork else EMPTY, [token.data for token in binding])
        metadata = merge(fork.metadata if fork else EMPTY, [token.metadata for token in binding], where="metadata")
        results = merge(fork.results if fork else EMPTY, [token.results for token in binding], where="results")
    return msgspec.structs.replace(first, data=data, metadata=metadata, results=results)


def _last_wins(binding: tuple[Token, ...], part: str) -> Data:
    return Data({key: value for token in binding for key, value in getattr(token, part).items()})


def typed(workflow: Workflow, token: Token) -> Token:
    """The token as rules and actions see it: with typed data where the workflow declares a class."""
    if workflow.schema is None:
        return token
    return msgspec.structs.replace(token, data=structure(token.data, workflow.schema))


def blocked(case: Case, choice: Choice) -> bool:
    """Whether this was refused or failed before with the same tokens."""
    tokens = tuple((token.id, token.sequence) for token in choice.binding)
    return any(b.transition == choice.transition.id and b.tokens == tokens for b in case.blocked)


def admitted(workflow: Workflow, choice: Choice) -> bool:
    """Whether the rules that are judged beforehand let it pass."""
    if choice.conflict is not None:
        return False
    admits = choice.transition.admits
    return admits is None or admits(choice.view if workflow.schema is None else typed(workflow, choice.view))


def next_automatic(workflow: Workflow, case: Case, *, at: datetime | None = None) -> Choice | None:
    """What the case does next by itself: the most urgent automatic transition, then the order of definition.

    Waiting for a signal that is there, or for a time that has come at the moment ``at``, counts as automatic. A
    transition that was refused or failed before with the same tokens is passed over.
    """
    if case.closed:
        return None
    reserved = case.reserved if case.pending else UNKNOWN
    for transition in _leaving(workflow, case):
        if transition.automatic:
            data = EMPTY
        elif transition.signal and _has_signal(case, transition.signal):
            data = signal_data(case, transition.signal)
        elif transition.delay is not None and at is not None:
            data = EMPTY
        else:
            continue
        for choice in choices(workflow, case, transition, data=data, reserved=reserved):
            if case.blocked and blocked(case, choice):
                continue
            if at is not None and transition.delay is not None and due(choice) > at:
                continue
            if admitted(workflow, choice) or _refuses(workflow, choice):
                return choice
    return None


def due(choice: Choice) -> datetime:
    """When a transition that waits for a time is due for these tokens."""
    entered = max(token.entered for token in choice.binding if token.entered is not None)
    return entered + timedelta(seconds=choice.transition.delay or 0.0)


def _refuses(workflow: Workflow, choice: Choice) -> bool:
    """Whether the transition is due to send its tokens to where a refused policy leads."""
    transition = choice.transition
    if transition.otherwise is None or choice.conflict is not None:
        return False
    return transition.guard is None or transition.guard.test(typed(workflow, choice.view))


def _has_signal(case: Case, name: str) -> bool:
    return any(signal.name == name for signal in case.signals)


def signal_data(case: Case, name: str) -> Data:
    """The data that came with the oldest signal of that name; empty where there is none."""
    return next((signal.data for signal in case.signals if signal.name == name), EMPTY)


def next_due(workflow: Workflow, case: Case) -> tuple[datetime, Choice] | None:
    """The next timer of the case: when, and what it fires; None where none is running."""
    if case.closed:
        return None
    timers = [
        (due(choice), choice)
        for transition in _leaving(workflow, case)
        if transition.delay is not None
        for choice in choices(workflow, case, transition)
        if admitted(workflow, choice) and not blocked(case, choice)
    ]
    return min(timers, key=lambda pair: pair[0]) if timers else None


def verdict(workflow: Workflow, choice: Choice) -> Verdict:
    """Why the rules that are judged beforehand let it pass or not."""
    if choice.conflict is not None:
        return Verdict(False, "the branches can be merged", kind="merge", reason=choice.conflict.message)
    gate = choice.transition.gate
    if gate is None:
        return Verdict(True, "nothing is asked", kind="all")
    return gate.judge(typed(workflow, choice.view))


def select(
    workflow: Workflow, case: Case, name: str, *, data: Data = EMPTY, roles: Iterable[str] = (), at: datetime, by: str = ""
) -> tuple[Choice, Event | None]:
    """How the named transition fires now, or the event that records why it is refused.

    Raises:
        TransitionNotFound: The workflow has no transition of that name.
        NotEnabled: The tokens are not there.
        CaseClosed: The case has ended.
    """
    transitions = workflow.by_name.get(name) or workflow.named(name)
    if case.closed:
        open_case(case)
    held = case.reserved if case.pending else UNKNOWN
    rejected: Choice | None = None
    for transition in transitions:
        if transition.easy is not None and not (data or held) and workflow.schema is None:
            admits = transition.admits
            for token in case.marking.at(transition.easy):
                if admits is None or admits(token):
                    return Choice(transition, (token,), token), None
        for binding in _bindings(transition, case, held):
            choice = _choice(workflow, transition, binding, data)
            if transition.signal or transition.delay is not None:
                _not_early(case, choice, at)
            if admitted(workflow, choice) and (not transition.roles or not set(transition.roles).isdisjoint(roles)):
                return choice, None
            rejected = rejected or choice
    if rejected is None:
        raise not_enabled(workflow, case, name, held)
    return rejected, refusal(workflow, case, rejected, at=at, by=by, roles=roles)


def _not_early(case: Case, choice: Choice, at: datetime) -> None:
    transition = choice.transition
    what = f"transition '{transition.name}' of case '{case.id}'"
    if transition.signal and not _has_signal(case, transition.signal):
        raise NotEnabled(f"{what} waits for the signal '{transition.signal}'", remedy="send it with engine.signal(...)")
    if transition.delay is not None and due(choice) > at:
        raise NotEnabled(f"{what} is not due before {due(choice).isoformat()}", remedy="wait for it with engine.work()")


def not_enabled(workflow: Workflow, case: Case, name: str, reserved: frozenset[Token]) -> NotEnabled:
    """Why the tokens for a transition are not there."""
    reasons = [
        " and ".join(missing_in_words(kind, place) for kind, place, _ in missing(t.net, case.marking, reserved=reserved))
        or "its tokens do not agree on the key that they are joined by"
        for t in workflow.named(name)
    ]
    return NotEnabled(
        f"transition '{name}' of case '{case.id}' cannot fire: {', or '.join(dict.fromkeys(reasons))} "
        f"(the case is in {case.state or 'no state'})",
        remedy="see engine.explain(case)",
    )


def missing_in_words(kind: str, place: str) -> str:
    """What keeps a transition from being enabled, in words."""
    return {
        "takes": f"no free token in '{place}'",
        "reads": f"no token in '{place}' to read",
        "inhibitor": f"there is a token in '{place}', which must be empty",
    }[kind]


def role_verdict(transition: Transition, roles: Iterable[str]) -> Verdict | None:
    """Whether the roles suffice; None where none is asked for."""
    if not transition.roles:
        return None
    given = sorted(roles)
    wanted = " or ".join(transition.roles)
    passed = not set(transition.roles).isdisjoint(given)
    return Verdict(passed, f"fired by {wanted}", kind="role", path="role", seen=given, wanted=wanted)


def refusal(
    workflow: Workflow, case: Case, choice: Choice, *, at: datetime, by: str = "", roles: Iterable[str] = (),
    verdict_given: Verdict | None = None, key: str = "",
) -> TransitionRefused:  # fmt: skip
    """The event of a refusal: the tokens go where ``.otherwise`` leads, or stand where they stood."""
    transition = choice.transition
    reasons = verdict_given or verdict(workflow, choice)
    role = role_verdict(transition, roles)
    if role is not None and not role.passed:
        reasons = role if reasons.passed else Verdict(False, "all", kind="all", children=(role, reasons))
        route = None
    else:
        route = transition.otherwise if _routes(workflow, choice) else None
    moves = _moves(case, choice, (route,)) if route is not None else ()
    stamps = _stamps(transition, moves, at) if moves else EMPTY
    return TransitionRefused(
        case.id, case.sequence + 1, at, by, transition.id, choice.moves, moves,
        key=key, verdict=freeze_mapping(reasons.to_document(), where="verdict"), metadata=stamps,
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


def fired(
    workflow: Workflow, case: Case, choice: Choice, *, at: datetime, by: str = "", data: Data = EMPTY,
    results: Data = EMPTY, metadata: Data = EMPTY, key: str = "", signal: str = "",
) -> TransitionFired:  # fmt: skip
    """The event of a firing. ``data``, ``results`` and ``metadata`` are what it adds to the tokens."""
    transition = choice.transition
    binding = choice.binding
    if transition.target is not None and len(binding) == 1:
        token = binding[0]
        return TransitionFired(
            case.id, case.sequence + 1, at, by, transition.id, ((token.id, token.state),),
            ((token.id, transition.target),), data, metadata, results, (), EMPTY, (), key, signal,
        )  # fmt: skip
    moves = _moves(case, choice, _targets(transition))
    removed: tuple[str, ...] = ()
    if len(binding) > 1:
        data, removed = _joined_change(binding[0], choice.view, "data", data)
        metadata, more = _joined_change(binding[0], choice.view, "metadata", metadata)
        results, most = _joined_change(binding[0], choice.view, "results", results)
        removed = (*removed, *more, *most)
    stamps = _stamps(transition, moves, at)
    taken = {token.id for token in binding}
    cleared = tuple(
        (token.id, place)
        for place in transition.net.resets
        for token in case.marking.at(place)
        if token.id not in taken
    )
    return TransitionFired(
        case.id, case.sequence + 1, at, by, transition.id, choice.moves, moves, data,
        Data({**metadata, **stamps}) if stamps else metadata, results, removed, EMPTY, cleared, key, signal,
    )  # fmt: skip


def _joined_change(first: Token, view: Token, part: str, added: Data) -> tuple[Data, tuple[str, ...]]:
    changed, removed = difference(getattr(first, part), getattr(view, part))
    kept = tuple(f"{part}.{key}" for key in removed if key not in added)
    return Data({**changed, **added}), kept


def fire(
    workflow: Workflow, case: Case, name: str, *, at: datetime, by: str = "", data: Any = None, roles: Iterable[str] = ()
) -> Case:
    """The case after a transition without an action fired."""
    given = EMPTY if data is None else accept(workflow, data)
    choice, refusing = select(workflow, case, name, data=given, roles=roles, at=at, by=by)
    if refusing is not None:
        raise refused(case, refusing, verdict_of(workflow, choice, roles))  # type: ignore[arg-type]
    if choice.transition.steps:
        raise NotEnabled(f"transition '{name}' has an action", remedy="fire it with an engine")
    if workflow.schema is not None:
        typed(workflow, choice.view)
    event = fired(workflow, case, choice, at=at, by=by, data=given, signal=choice.transition.signal)
    return settle(workflow, evolve(case, event))


def verdict_of(workflow: Workflow, choice: Choice, roles: Iterable[str]) -> Verdict:
    """The whole verdict on a choice: its roles and its rules."""
    role = role_verdict(choice.transition, roles)
    judged = verdict(workflow, choice)
    if role is None or role.passed:
        return judged
    return role if judged.passed else Verdict(False, "all", kind="all", children=(role, judged))


def begin(
    workflow: Workflow, case: Case, choice: Choice, *, at: datetime, by: str = "", worker: str, data: Data = EMPTY
) -> ActionStarted:
    """The event that reserves the tokens of a transition for its action."""
    transition = choice.transition
    key = f"{case.id}:{transition.id}:{case.sequence + 1}"
    return ActionStarted(
        case.id, case.sequence + 1, at, by, transition.id, choice.moves, key, worker, data, transition.signal
    )


def resume(workflow: Workflow, case: Case, pending: Pending) -> Choice:
    """The choice that an action in progress was begun with."""
    transition = workflow.by_id[pending.transition]
    binding = tuple(case.find(token_id) for token_id, _ in pending.consumed)
    return _choice(workflow, transition, binding, pending.input)


def finish(
    workflow: Workflow, case: Case, pending: Pending, *, at: datetime, change: Change, by: str = ""
) -> tuple[TransitionFired | TransitionRefused, Verdict | None]:
    """The event that ends an action, and the verdict if it was refused.

    It fires if the policy's rules hold on the tokens *with* the results; otherwise nothing of them is kept.
    """
    choice = resume(workflow, case, pending)
    transition = choice.transition
    seen = typed(workflow, choice.view.updated(data=change.data, metadata=change.metadata, results=change.results))
    rules = transition.rules
    if rules is not None and not rules.test(seen):
        reasons = rules.judge(seen)
        return refusal(
            workflow, case, choice, at=at, by=by, verdict_given=reasons, roles=transition.roles, key=pending.key
        ), reasons
    data = Data({**pending.input, **change.data}) if pending.input else change.data
    return fired(
        workflow, case, choice, at=at, by=by,
        data=data, results=change.results, metadata=change.metadata, key=pending.key,
    ), None  # fmt: skip


def fail(workflow: Workflow, case: Case, pending: Pending, *, at: datetime, error: Mapping[str, Any]) -> ActionFailed:
    """The event of an action that failed for good."""
    choice = resume(workflow, case, pending)
    transition = choice.transition
    moves = _moves(case, choice, (transition.on_failure,)) if transition.on_failure is not None else ()
    frozen = freeze_mapping(error, where="error")
    facts = Data({**_stamps(transition, moves, at), "failure": frozen}) if moves else EMPTY
    return ActionFailed(
        case.id, case.sequence + 1, at, "", transition.id, choice.moves, moves, key=pending.key, error=frozen, metadata=facts
    )


def signal(workflow: Workflow, case: Case, name: str, *, at: datetime, by: str = "", data: Any = None) -> SignalReceived | None:
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
