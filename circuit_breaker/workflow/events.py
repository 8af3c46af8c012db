"""Events: the facts of a case, one frozen class for each kind. The journal of a case is a sequence of them.

Every event carries ``sequence`` (1 for the first of its case, without gaps), ``at`` (UTC) and ``by`` (who did it, or an
empty text for the engine). An event says all that is needed to replay it: :func:`circuit_breaker.workflow.case.evolve`
needs neither the workflow nor a clock, so that a journal stays readable when the definition has changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from circuit_breaker.data import EMPTY, Data, kept
from circuit_breaker.errors import StorageCorrupt
from circuit_breaker.workflow.token import Token

__all__ = [
    "ActionCompensated",
    "ActionFailed",
    "ActionInDoubt",
    "ActionRetried",
    "ActionStarted",
    "CaseCancelled",
    "CaseCompleted",
    "CaseMigrated",
    "CaseStarted",
    "Event",
    "Move",
    "Moved",
    "SignalReceived",
    "StepFinished",
    "TokenAdded",
    "TokenChanged",
    "TransitionFired",
    "TransitionRefused",
]

Move = tuple[str, str]
"""The id of a token and the state that it left or entered."""


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type"):
    """A fact. See the module for the fields that every event has."""

    case: str
    sequence: int
    at: datetime
    by: str = ""

    @property
    def type(self) -> str:
        """The kind of fact: the name of its class."""
        return type(self).__name__

    def to_document(self) -> dict[str, Any]:
        """The event as plain JSON; what is empty is left out."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


class CaseStarted(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A case began with these tokens, under this version of the workflow."""

    workflow: str = ""
    definition: str = ""
    tokens: tuple[Token, ...] = ()


class TokenAdded(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A further token was put into a running case."""

    token: Token | None = None


class TokenChanged(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """What a token carries was changed where it stands: these keys were set.

    ``key`` names the work that changed it, which changes it once.
    """

    token: str = ""
    state: str = ""
    data: Data = EMPTY
    metadata: Data = EMPTY
    results: Data = EMPTY
    key: str = ""


class Moved(Event, frozen=True, gc=False, omit_defaults=True):
    """Tokens moved: ``consumed`` left, ``produced`` entered, ``cleared`` were withdrawn.

    The produced tokens carry the data of the first consumed one with ``data``, ``metadata`` and ``results`` set and
    ``removed`` (dotted names such as ``data.x``) taken away; ``own`` adds data to single tokens by id. ``used`` is the
    sequence number of the signal that was used up.
    """

    transition: str = ""
    consumed: tuple[Move, ...] = ()
    produced: tuple[Move, ...] = ()
    data: Data = EMPTY
    metadata: Data = EMPTY
    results: Data = EMPTY
    removed: tuple[str, ...] = ()
    own: Data = EMPTY
    cleared: tuple[Move, ...] = ()
    used: int = 0


class TransitionFired(Moved, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A transition fired. ``key`` names the action that it carried out."""

    key: str = ""


class TransitionRefused(Moved, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A policy said no; the tokens stand where they stood, or went where ``.otherwise`` leads. ``verdict`` says why."""

    key: str = ""
    verdict: Data = EMPTY


class ActionStarted(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """The tokens were reserved and the action began. ``key`` is its idempotency key, ``worker`` the process."""

    transition: str = ""
    consumed: tuple[Move, ...] = ()
    key: str = ""
    worker: str = ""
    input: Data = EMPTY
    used: int = 0


class ActionRetried(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """An attempt failed and another will follow after ``wait`` seconds."""

    key: str = ""
    attempt: int = 0
    error: Data = EMPTY
    wait: float = 0.0


class StepFinished(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A step inside an action was done; it is not done again when the action is resumed."""

    key: str = ""
    name: str = ""
    outcome: Any = None


class ActionFailed(Moved, frozen=True, gc=False, omit_defaults=True, tag=True):
    """The action failed for good; the tokens stand where they stood, or went where ``.on_failure`` leads."""

    key: str = ""
    error: Data = EMPTY


class ActionInDoubt(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """The process ended during an action that must not be repeated: somebody has to say what became of it."""

    key: str = ""


class ActionCompensated(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """What an action had done was undone. ``key`` names the action."""

    transition: str = ""
    key: str = ""


class SignalReceived(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A signal came; it is kept until a transition uses it up, or dropped at once when it is ``transient``.

    ``replaces`` is the sequence number of a signal that it took the place of, since as many waited as may and that one
    fitted nothing that waits.
    """

    name: str = ""
    data: Data = EMPTY
    replaces: int = 0


class CaseCompleted(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """Every token is in a final state."""


class CaseCancelled(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """The case was cancelled, with its running actions."""

    reason: str = ""


class CaseMigrated(Event, frozen=True, gc=False, omit_defaults=True, tag=True):
    """The case goes on under another version of its workflow."""

    definition: str = ""


Fact = (
    CaseStarted
    | TokenAdded
    | TokenChanged
    | TransitionFired
    | TransitionRefused
    | ActionStarted
    | ActionRetried
    | StepFinished
    | ActionFailed
    | ActionInDoubt
    | ActionCompensated
    | SignalReceived
    | CaseCompleted
    | CaseCancelled
    | CaseMigrated
)


def thawed_hook(kind: type, value: Any) -> Any:
    """How a decoder of ours builds what is not plain JSON: immutable data."""
    if kind is Data:
        return kept(value)
    raise TypeError(f"cannot read a {kind}")


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Fact, dec_hook=thawed_hook)


def encode_event(event: Event) -> bytes:
    """The event as one JSON document in UTF-8."""
    return _ENCODER.encode(event)


def decode_event(document: bytes) -> Event:
    """The event of a JSON document.

    Raises:
        StorageCorrupt: The document is no event of this release.
    """
    try:
        event: Event = _DECODER.decode(document)
    except msgspec.DecodeError as error:
        raise StorageCorrupt(
            f"not an event: {error}", remedy="was it written by another program or release?"
        ) from error
    return event
