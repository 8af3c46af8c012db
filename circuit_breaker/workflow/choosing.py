"""Choosing: what can happen to a case, as pure functions of the case and its workflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from circuit_breaker.data import EMPTY, Data
from circuit_breaker.errors import CaseClosed, CaseError, DataInvalid, TooManyChoices
from circuit_breaker.net import bindings
from circuit_breaker.rules import MISSING, Verdict
from circuit_breaker.workflow.case import Block, Case, Pending
from circuit_breaker.workflow.declared import typed
from circuit_breaker.workflow.events import Move, SignalReceived
from circuit_breaker.workflow.joining import joined
from circuit_breaker.workflow.timing import Every
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = [
    "Choice",
    "admitted",
    "choices",
    "next_automatic",
    "next_due",
    "tried",
    "unfit_signal",
    "verdict",
]

UNKNOWN: frozenset[Token] = frozenset()
NO_ROLES: frozenset[str] = frozenset()
MOST_TRIED: Final = 20_000
"""How many tokens are put together, beyond one for each that is there, in search of a choice that passes.

That takes about a tenth of a second, in which no other case goes on. The number of choices grows faster than any power
of the number of tokens, so no limit is high enough for a search that finds nothing.
"""

MOST_TRIED_TYPED: Final = 1_000
"""The same where data is typed, for then an object is built of each token that is looked at."""
_ENCODER = msgspec.json.Encoder()


class Choice(msgspec.Struct, frozen=True, gc=False):
    """One way in which a transition could fire.

    Attributes:
        transition: The transition.
        binding: The tokens it takes.
        view: The token they make together, with ``data``: what rules and actions see.
        conflict: Why they cannot be made one.
        data: What comes with the firing: the data of its signal, and what was given by whoever fires it.
        used: The sequence number of the signal it uses up, or 0.
    """

    transition: Transition
    binding: tuple[Token, ...]
    view: Token
    conflict: CaseError | None = None
    data: Data = EMPTY
    used: int = 0

    @property
    def moves(self) -> tuple[Move, ...]:
        """The tokens taken, with their states."""
        return tuple((token.id, token.state) for token in self.binding)


def open_case(case: Case) -> None:
    """Does nothing.

    Raises:
        CaseClosed: The case has ended.
    """
    if case.closed:
        raise CaseClosed(f"case '{case.id}' is {case.status}", remedy="start another case")


def leaving(workflow: Workflow, case: Case) -> Iterable[Transition]:
    """Every transition that could take a token, the most urgent first."""
    places = case.marking.places
    if len(places) == 1:
        return workflow.leaving[places[0]]
    found = {t.index: t for place in places for t in workflow.leaving[place]}
    return sorted(found.values(), key=lambda t: (-t.priority, t.index))


def bindings_of(
    workflow: Workflow, transition: Transition, case: Case, reserved: frozenset[Token]
) -> Iterator[tuple[Token, ...]]:
    if transition.net.plain is not None:
        return bindings(transition.net, case.marking, reserved=reserved)
    if claiming(workflow, case, transition) is not None:
        return iter(())
    joined_by_key = transition.correlate is not None or transition.together
    key = partial(_key, transition) if joined_by_key else None
    ways = bindings(transition.net, case.marking, reserved=reserved, key=key, kind=partial(_kind, case))
    return _unawaited(workflow, case, transition, ways) if transition.net.awaits else ways


def claiming(workflow: Workflow, case: Case, transition: Transition) -> Pending | None:
    """The action in progress that has claimed a state which has to be empty for the transition; None for none.

    What may go into a state only while it is empty was promised that when its action began. So nothing else that asks
    the same goes ahead of it.
    """
    for arc in transition.net.inhibitors if case.pending else ():
        held = [(p, t) for p in case.pending if (t := workflow.by_id.get(p.transition)) and arc.place in t.claims]
        coming = sum(t.claims[arc.place] for _, t in held)
        if coming and case.marking.count(arc.place) + coming >= arc.weight:
            return held[0][0]
    return None


def _unawaited(
    workflow: Workflow, case: Case, transition: Transition, ways: Iterator[tuple[Token, ...]]
) -> Iterator[tuple[Token, ...]]:
    """The ways, where there are any and nothing that the transition awaits is to come."""
    first = next(ways, None)
    if first is not None and expected(workflow, case, transition) is None:
        yield first
        yield from ways


def expected(workflow: Workflow, case: Case, transition: Transition) -> str | None:
    """The state that a transition awaits, since a token is there or could still come; None for none."""
    if not transition.net.awaits:
        return None
    counts = {place: len(tokens) for place, tokens in case.marking.items()}
    return workflow.arrivals.expected(transition.net, counts, [pending.transition for pending in case.pending])


def unbound(workflow: Workflow, case: Case, transition: Transition) -> str:
    """Why a transition cannot take tokens that are all there, in words."""
    claimed = claiming(workflow, case, transition)
    if claimed is not None:
        return f"the action of '{claimed.transition}' is in progress, and brings a token where none may be"
    place = expected(workflow, case, transition)
    if place is not None and case.marking.count(place):
        return missing_in_words("inhibitor", place)
    if place is not None:
        return f"a token could still come to '{place}'"
    key = "come from the same split" if transition.together else "agree on the key that they are joined by"
    return f"the tokens do not {key}"


def _key(transition: Transition, token: Token) -> Any:
    """What a token is joined by; one that lacks it agrees with no other."""
    split = None if not transition.together else object() if token.fork is None else token.fork.id
    value = None if transition.correlate is None else transition.correlate.read(token)
    return split, value if value is not MISSING else object()


def _kind(case: Case, token: Token) -> Any:
    """What a token is like for a join: all that it carries, and its split; one that was refused is like no other."""
    if any(token.id == token_id for block in case.blocked for token_id, _ in block.tokens):
        return token.id
    return _ENCODER.encode((token.data, token.metadata, token.results, token.fork and token.fork.id))


def choices(
    workflow: Workflow,
    case: Case,
    transition: Transition,
    *,
    data: Data = EMPTY,
    reserved: frozenset[Token] | None = None,
) -> Iterator[Choice]:
    """Every way in which the transition could take its tokens, whatever its rules say.

    Raises:
        TooManyChoices: So many were asked for that the search was given up, after :data:`MOST_TRIED` tokens.
    """
    held = reserved if reserved is not None else case.reserved if case.pending else UNKNOWN
    signals = free_signals(case, transition.signal) if transition.signal else ()
    simple = transition.net.plain is not None and not signals
    most = MOST_TRIED if workflow.schema is None else MOST_TRIED_TYPED
    left = 0 if simple else most + len(case.marking) + len(signals)
    ways = 0
    for binding in bindings_of(workflow, transition, case, held):
        if not simple:
            if left <= 0:
                raise _too_many(case, transition, ways)
            left -= len(binding) * max(1, len(signals))
            ways += 1
        for signal in signals:
            given = Data({**signal.data, **data}) if data else signal.data
            yield choice_of(workflow, transition, binding, given, used=signal.sequence)
        if not signals:
            yield choice_of(workflow, transition, binding, data)


def tried(
    workflow: Workflow,
    case: Case,
    transition: Transition,
    *,
    data: Data = EMPTY,
    reserved: frozenset[Token] | None = None,
) -> Iterator[Choice]:
    """The same, as far as the search goes: for what a case does by itself, which passes on where nothing is found."""
    with suppress(TooManyChoices):
        yield from choices(workflow, case, transition, data=data, reserved=reserved)


def _too_many(case: Case, transition: Transition, ways: int) -> TooManyChoices:
    counts = [(arc.weight, case.marking.count(arc.place), arc.place) for arc in transition.net.takes]
    taken = " and ".join(f"{weight} of the {count} tokens in '{place}'" for weight, count, place in counts)
    return TooManyChoices(
        f"transition '{transition.name}' of case '{case.id}' takes {taken}: "
        f"none of the {ways:,} ways that were tried is possible, and there are more",
        remedy="say which tokens belong together with .correlate(field), or judge each in a transition before",
    )


def free_signals(case: Case, name: str) -> tuple[SignalReceived, ...]:
    """The signals of that name that no action in progress is about to use up, the oldest first."""
    taken = {pending.used for pending in case.pending}
    return tuple(signal for signal in case.signals if signal.name == name and signal.sequence not in taken)


def unfit_signal(workflow: Workflow, case: Case, name: str) -> SignalReceived | None:
    """The oldest signal of that name that was held against tokens that wait for it, and that none of them takes."""
    waiting = [transition for transition in workflow.transitions if transition.signal == name]
    for signal in free_signals(case, name):
        alone = msgspec.structs.replace(case, signals=(signal,))
        found = [choice for transition in waiting for choice in tried(workflow, alone, transition) if choice.used]
        if found and not any(goes(workflow, choice) and not blocked(case, choice) for choice in found):
            return signal
    return None


def choice_of(
    workflow: Workflow, transition: Transition, binding: tuple[Token, ...], data: Data, *, used: int = 0
) -> Choice:
    """The choice of these tokens, with what comes with the firing."""
    view, conflict = binding[0], None
    if len(binding) > 1 and transition.net.gives:
        try:
            view = joined(workflow, transition, binding)
        except CaseError as error:
            conflict = error
    return Choice(transition, binding, view.updated(data=data) if data else view, conflict, data, used)


def blocked(case: Case, choice: Choice) -> bool:
    """Whether this was refused or failed before with the same tokens, and is not tried again with them."""
    return bool(case.blocked) and block_of(case, choice) is not None and _next_period(case, choice) is None


def block_of(case: Case, choice: Choice) -> Block | None:
    """The refusal or failure before with the same tokens, if there was one."""
    tokens = tuple((token.id, token.sequence) for token in choice.binding)
    wanted = (choice.transition.id, tokens, choice.used)
    return next((b for b in case.blocked if (b.transition, b.tokens, b.used) == wanted), None)


def _next_period(case: Case, choice: Choice) -> datetime | None:
    """When a transition that fires again and again is tried again after it was refused or failed."""
    trigger = choice.transition.trigger
    if not case.blocked or not isinstance(trigger, Every):
        return None
    block = block_of(case, choice)
    return None if block is None or block.at is None else block.at + timedelta(seconds=trigger.interval)


def admitted(workflow: Workflow, choice: Choice) -> bool:
    """Whether the rules that are judged beforehand let it pass."""
    if choice.conflict is not None:
        return False
    admits = choice.transition.admits
    if workflow.schema is None:
        return admits is None or admits(choice.view)
    try:
        seen = typed(workflow, choice.view)
    except DataInvalid:
        return False
    return admits is None or admits(seen)


def next_automatic(
    workflow: Workflow, case: Case, *, at: datetime | None = None, waiting: frozenset[Token] = UNKNOWN
) -> Choice | None:
    """What the case does next by itself: the most urgent automatic transition, then the order of definition.

    Waiting for a signal that is there, or for a time that has come at the moment ``at``, counts as automatic. A
    transition that was refused or failed before with the same tokens is passed over. The tokens of ``waiting`` are
    kept for something else.
    """
    if case.closed:
        return None
    reserved = case.reserved | waiting if case.pending else waiting
    for transition in leaving(workflow, case):
        if not (transition.automatic or transition.signal or (transition.delay is not None and at is not None)):
            continue
        for choice in tried(workflow, case, transition, reserved=reserved):
            if (case.blocked and blocked(case, choice)) or (transition.signal and not choice.used):
                continue
            if at is not None and transition.delay is not None and due(choice, case) > at:
                continue
            if goes(workflow, choice):
                return choice
    return None


def goes(workflow: Workflow, choice: Choice) -> bool:
    """Whether the choice leads on: by firing, or to where a refused policy leads."""
    return admitted(workflow, choice) or due_to_refuse(workflow, choice)


def due(choice: Choice, case: Case | None = None) -> datetime:
    """When a transition that waits for a time is due for these tokens; with the case, when it fires by itself."""
    entered = max(token.entered for token in choice.binding if token.entered is not None)
    first = entered + timedelta(seconds=choice.transition.delay or 0.0)
    again = None if case is None else _next_period(case, choice)
    return first if again is None else max(first, again)


def due_to_refuse(workflow: Workflow, choice: Choice) -> bool:
    """Whether the transition is due to send its tokens to where a refused policy leads."""
    transition = choice.transition
    if transition.otherwise is None or choice.conflict is not None:
        return False
    try:
        return transition.guard is None or transition.guard.test(typed(workflow, choice.view))
    except DataInvalid:
        return False


def next_due(workflow: Workflow, case: Case) -> tuple[datetime, Choice] | None:
    """The next timer of the case: when, and what it fires; None where none is running."""
    if case.closed:
        return None
    timers = [
        (due(choice, case), choice)
        for transition in leaving(workflow, case)
        if transition.delay is not None
        for choice in tried(workflow, case, transition)
        if goes(workflow, choice) and not blocked(case, choice)
    ]
    return min(timers, key=lambda pair: pair[0]) if timers else None


def verdict(workflow: Workflow, choice: Choice) -> Verdict:
    """Why the rules that are judged beforehand let it pass or not."""
    if choice.conflict is not None:
        return Verdict(False, "the branches can be merged", kind="merge", reason=choice.conflict.message)
    gate = choice.transition.gate
    try:
        seen = typed(workflow, choice.view)
    except DataInvalid as error:
        return Verdict(False, "the data is of the declared class", kind="data", reason=error.message)
    return Verdict(True, "nothing is asked", kind="all") if gate is None else gate.judge(seen)


def role_set(roles: Iterable[str]) -> frozenset[str]:
    """Roles as a set; a single text is one role."""
    if roles == ():
        return NO_ROLES
    return frozenset((roles,) if isinstance(roles, str) else roles)


def role_verdict(transition: Transition, roles: Iterable[str]) -> Verdict | None:
    """Whether the roles suffice; None where none is asked for."""
    if not transition.roles:
        return None
    given = sorted(role_set(roles))
    wanted = " or ".join(transition.roles)
    passed = not set(transition.roles).isdisjoint(given)
    return Verdict(passed, f"fired by {wanted}", kind="role", path="role", seen=given, wanted=wanted)


def missing_in_words(kind: str, place: str) -> str:
    """What keeps a transition from being enabled, in words."""
    return {
        "takes": f"no free token in '{place}'",
        "reads": f"no token in '{place}' to read",
        "inhibitor": f"there is a token in '{place}', which must be empty",
    }[kind]
