"""Evolution: how each event changes a case. Replaying a journal is nothing but this, event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from circuit_breaker.data import Data, kept
from circuit_breaker.errors import StorageCorrupt
from circuit_breaker.net.marking import Marking
from circuit_breaker.workflow.case import Block, Case, Pending
from circuit_breaker.workflow.events import (
    ActionCompensated,
    ActionFailed,
    ActionInDoubt,
    ActionRetried,
    ActionStarted,
    CaseCancelled,
    CaseCompleted,
    CaseMigrated,
    CaseStarted,
    Event,
    Moved,
    SignalReceived,
    StepFinished,
    TokenAdded,
    TokenChanged,
    TransitionFired,
    TransitionRefused,
)
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Fork, Token

__all__ = ["evolve"]


def evolve(case: Case | None, event: Event) -> Case:
    """The case after the event. Needs nothing else, so that replaying a journal gives the case that wrote it.

    Only the first event of a case, :class:`CaseStarted`, is applied to None.
    """
    if case is None:
        return _start(event)
    return _EVOLUTIONS[type(event)](case, event)


def _start(event: Event) -> Case:
    if not isinstance(event, CaseStarted):
        raise StorageCorrupt(f"the journal of case '{event.case}' does not begin with its start but with {event.type}")
    marking = Marking().change((), [(token.state, _placed(token, event)) for token in event.tokens])
    return Case(
        event.case, event.workflow, event.definition, 1, "running", marking, History().append(event),
        len(event.tokens), (), (), (), event.at, event.at,
    )  # fmt: skip


def _placed(token: Token, event: Event) -> Token:
    return msgspec.structs.replace(token, entered=event.at, sequence=event.sequence)


def _next(case: Case, event: Event, **changes: Any) -> Case:
    """The case with the event added to its history, and the changes made."""
    return msgspec.structs.replace(
        case,
        sequence=event.sequence,
        history=case.history.append(event),
        updated_at=event.at,
        **changes,
    )


def _moved(case: Case, event: Moved, blocked: tuple[Block, ...], pending: tuple[Pending, ...]) -> Case:
    """The case after tokens moved: the one evolution that speed depends on, so it builds its result directly."""
    marking = case.marking
    taken = [(state, _held(marking, token_id, state)) for token_id, state in (*event.consumed, *event.cleared)]
    signals = case.signals
    if event.used:
        signals = tuple(signal for signal in signals if signal.sequence != event.used)
    if blocked:
        gone = {token.id for _, token in taken}
        blocked = tuple(b for b in blocked if not any(token_id in gone for token_id, _ in b.tokens))
    minted = case.minted
    if len(event.consumed) != 1 or len(event.produced) != 1:
        minted += sum(1 for token_id, _ in event.produced if not any(token_id == old for old, _ in event.consumed))
    return Case(
        case.id, case.workflow, case.definition, event.sequence, case.status,
        marking.change(taken, _produced(marking, event, taken)), case.history.append(event),
        minted, pending, blocked, signals, case.started_at, event.at, case.schema,
    )  # fmt: skip


def _held(marking: Marking, token_id: str, state: str) -> Token:
    for token in marking.at(state):
        if token.id == token_id:
            return token  # type: ignore[no-any-return]  # a marking of ours holds tokens
    raise StorageCorrupt(f"the journal moves token '{token_id}' from '{state}', where it is not")


def _produced(marking: Marking, event: Moved, taken: list[tuple[str, Token]]) -> list[tuple[str, Token]]:
    if not event.produced:
        return []
    first: Token = taken[0][1]
    data: Data = Data({**first.data, **event.data}) if event.data else first.data
    metadata = Data({**first.metadata, **event.metadata}) if event.metadata else first.metadata
    results = Data({**first.results, **event.results}) if event.results else first.results
    if event.removed:
        data, metadata, results = _removed(event.removed, data=data, metadata=metadata, results=results)
    fork = first.fork
    if len(event.consumed) != 1 or len(event.produced) != 1 or event.cleared:
        fork = _fork(marking, event, [token for _, token in taken[: len(event.consumed)]])
        if len(event.produced) > 1:  # the branches are compared with what they all begin with
            fork = Fork(f"{first.id}@{event.sequence}", data, metadata, results, fork)
    return [
        (
            state,
            Token(
                token_id, state, Data({**data, **event.own[token_id]}) if token_id in event.own else data,
                metadata, results, event.at, event.sequence, fork,
            ),
        )
        for token_id, state in event.produced
    ]  # fmt: skip


def _removed(names: tuple[str, ...], **parts: Data) -> tuple[Data, Data, Data]:
    gone = set(names)
    kept = {
        part: Data({k: v for k, v in values.items() if f"{part}.{k}" not in gone}) for part, values in parts.items()
    }
    return kept["data"], kept["metadata"], kept["results"]


def _fork(marking: Marking, event: Moved, consumed: list[Token]) -> Fork | None:
    """The split around what the tokens were.

    A split of which no other token remains is left behind, so that loops of splits and joins do not grow a chain.
    """
    gone = {token_id for token_id, _ in (*event.consumed, *event.cleared)}
    living = {fork.id for token in marking if token.id not in gone for fork in _chain(token.fork)}
    others = [{fork.id for fork in _chain(token.fork)} for token in consumed[1:]]
    shared = (fork for fork in _chain(consumed[0].fork) if all(fork.id in ids for ids in others))
    return next((fork for fork in shared if fork.id in living), None)


def _chain(fork: Fork | None) -> Iterable[Fork]:
    while fork is not None:
        yield fork
        fork = fork.outer


def _fired(case: Case, event: TransitionFired) -> Case:
    """The case after a transition fired.

    Nearly always one token moved and nothing else changed, so that is done here, with as few steps as possible.
    """
    consumed, produced, pending = event.consumed, event.produced, case.pending
    if (
        pending or case.blocked or event.cleared or event.used or event.own or event.removed
        or len(consumed) != 1 or len(produced) != 1
    ):  # fmt: skip
        return _moved(case, event, case.blocked, _still_pending(case, event) if pending else pending)
    token_id, source = consumed[0]
    target = produced[0][1]
    marking, at, sequence = case.marking, event.at, event.sequence
    held = marking.at(source)
    old = held[0] if held and held[0].id == token_id else _held(marking, token_id, source)
    new = Token(
        token_id,
        target,
        Data({**old.data, **event.data}) if event.data else old.data,
        Data({**old.metadata, **event.metadata}) if event.metadata else old.metadata,
        Data({**old.results, **event.results}) if event.results else old.results,
        at,
        sequence,
        old.fork,
    )
    return Case(
        case.id, case.workflow, case.definition, sequence, case.status,
        marking.move(old, new, source, target), case.history.append(event),
        case.minted, (), (), case.signals, case.started_at, at, case.schema,
    )  # fmt: skip


def _still_pending(case: Case, event: Moved) -> tuple[Pending, ...]:
    """Without the action that ended, and without those whose tokens were withdrawn."""
    key = getattr(event, "key", "")
    cleared = {token_id for token_id, _ in event.cleared}
    return tuple(p for p in case.pending if p.key != key and not any(token_id in cleared for token_id, _ in p.consumed))


def _blocked(case: Case, event: TransitionRefused | ActionFailed) -> Case:
    """After a refusal or a failure: on to another state, or a block on trying the same again."""
    if event.produced:
        return _moved(case, event, case.blocked, _still_pending(case, event))
    pending = next((p for p in case.pending if p.key == event.key), None)
    if not event.key or (pending is not None and pending.input and not pending.used):
        return _next(case, event, pending=_still_pending(case, event))
    consumed = pending.consumed if pending else event.consumed
    tokens = tuple((token_id, _held(case.marking, token_id, state).sequence) for token_id, state in consumed)
    failed = isinstance(event, ActionFailed)
    reason = event.error.get("message", "") if isinstance(event, ActionFailed) else str(event.verdict.get("text", ""))
    used = pending.used if pending else event.used
    block = Block(event.transition, tokens, "failed" if failed else "refused", reason, used, event.at)
    others = tuple(
        b for b in case.blocked if (b.transition, b.tokens, b.used) != (block.transition, block.tokens, block.used)
    )
    return _next(case, event, blocked=(*others, block), pending=_still_pending(case, event))


def _action_started(case: Case, event: ActionStarted) -> Case:
    new = Pending(event.key, event.transition, event.consumed, event.worker, event.at, event.input, event.used)
    old = next((p for p in case.pending if p.key == event.key), None)
    if old is not None:
        new = msgspec.structs.replace(new, steps=old.steps, attempts=old.attempts, since=old.since)
    kept = tuple(p for p in case.pending if p.key != event.key)
    return _next(case, event, pending=(*kept, new))


def _change_pending(case: Case, event: Event, key: str, **changes: Any) -> Case:
    pending = tuple(msgspec.structs.replace(p, **changes) if p.key == key else p for p in case.pending)
    return _next(case, event, pending=pending)


def _pending(case: Case, key: str) -> Pending:
    for pending in case.pending:
        if pending.key == key:
            return pending
    raise StorageCorrupt(f"the journal of case '{case.id}' speaks of an action '{key}' that never started")


def _step_finished(case: Case, event: StepFinished) -> Case:
    steps = {**_pending(case, event.key).steps, event.name: kept(event.outcome)}
    return _change_pending(case, event, event.key, steps=Data(steps))


def _token_added(case: Case, event: TokenAdded) -> Case:
    if event.token is None:
        return _next(case, event)
    added = _placed(event.token, event)
    return _next(case, event, marking=case.marking.change((), [(added.state, added)]), minted=case.minted + 1)


def _token_changed(case: Case, event: TokenChanged) -> Case:
    """The case with one token changed where it stands: it entered when it did, and may try again what was blocked."""
    old = _held(case.marking, event.token, event.state)
    more = old.updated(data=event.data, metadata=event.metadata, results=event.results)
    new = msgspec.structs.replace(more, sequence=event.sequence)
    held = case.marking.at(event.state)
    taken = [(event.state, token) for token in held]
    given = [(event.state, new if token is old else token) for token in held]  # each keeps its place in the line
    blocked = tuple(block for block in case.blocked if not any(token_id == old.id for token_id, _ in block.tokens))
    return _next(case, event, marking=case.marking.change(taken, given), blocked=blocked)


def _signalled(case: Case, event: SignalReceived) -> Case:
    kept_ones = case.signals if not event.replaces else tuple(s for s in case.signals if s.sequence != event.replaces)
    return _next(case, event, signals=(*kept_ones, event))


def _migrated(case: Case, event: CaseMigrated) -> Case:
    """What was refused may fit the new version; what failed is for somebody to try again."""
    failed = tuple(block for block in case.blocked if block.kind == "failed")
    return _next(case, event, definition=event.definition, blocked=failed)


_EVOLUTIONS: Mapping[type[Event], Callable[..., Case]] = {
    TransitionFired: _fired,
    TransitionRefused: _blocked,
    ActionFailed: _blocked,
    ActionStarted: _action_started,
    ActionRetried: lambda case, event: _change_pending(case, event, event.key, attempts=event.attempt),
    ActionInDoubt: lambda case, event: _change_pending(case, event, event.key, doubt=True),
    ActionCompensated: _next,
    StepFinished: _step_finished,
    TokenAdded: _token_added,
    TokenChanged: _token_changed,
    SignalReceived: _signalled,
    CaseCompleted: lambda case, event: _next(case, event, status="completed"),
    CaseCancelled: lambda case, event: _next(case, event, status="cancelled", pending=(), marking=case.marking),
    CaseMigrated: _migrated,
}
