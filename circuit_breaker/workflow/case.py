"""Case: one live run of a workflow, as an immutable snapshot; and how each event changes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from circuit_breaker.data import EMPTY, Data
from circuit_breaker.errors import TokenNotFound
from circuit_breaker.lazy import deferred
from circuit_breaker.net.marking import Marking
from circuit_breaker.workflow.events import (
    CaseStarted,
    Event,
    Move,
    Moved,
    SignalReceived,
    TokenAdded,
)
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Token

__all__ = ["Block", "Case", "Pending", "Status", "entered"]

Status = Literal["running", "waiting", "completed", "stuck", "failed", "cancelled", "in_doubt"]
structure = deferred("circuit_breaker.wire", "structure")
CLOSED = ("completed", "cancelled")


class Pending(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An action that started and has not ended: its tokens are reserved.

    Attributes:
        key: Its idempotency key: the same for every attempt, also after a crash.
        transition: The id of the transition.
        consumed: The tokens that it will consume, and their states.
        worker: The process that carries it out.
        since: When it began.
        input: Data that came with the request.
        used: The sequence number of the signal that it will use up, or 0.
        steps: Outcomes of steps that are done, by name.
        attempts: How many attempts have failed.
        doubt: Whether its end is unknown since a crash.
    """

    key: str
    transition: str
    consumed: tuple[Move, ...] = ()
    worker: str = ""
    since: datetime | None = None
    input: Data = EMPTY
    used: int = 0
    steps: Data = EMPTY
    attempts: int = 0
    doubt: bool = False


class Block(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A transition that was refused or failed with these tokens and this signal, and is not tried again with them.

    One that fires again and again is tried again when its interval has passed since ``at``.
    """

    transition: str
    tokens: tuple[tuple[str, int], ...]
    kind: Literal["refused", "failed"] = "refused"
    reason: str = ""
    used: int = 0
    at: datetime | None = None


class Case(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A case.

    Attributes:
        id: Unique in its storage.
        workflow: The name of its workflow.
        definition: The version of the workflow under which it runs.
        sequence: How many events it has had.
        status: ``running`` (something can be done at once), ``waiting`` (for a person, a signal or a time),
            ``completed``, ``stuck`` (nothing can ever fire), ``failed``, ``cancelled`` or ``in_doubt``.
        marking: The tokens, by state.
        history: The events.
        minted: How many token ids were given out.
        pending: The actions in progress.
        blocked: What was refused or failed and waits for a change.
        signals: Signals that came and were not used up yet.
        started_at: When it began.
        updated_at: When it last changed.
        schema: The class of its data where the workflow declares one.
    """

    id: str
    workflow: str
    definition: str
    sequence: int
    status: Status
    marking: Marking
    history: History
    minted: int
    pending: tuple[Pending, ...]
    blocked: tuple[Block, ...]
    signals: tuple[SignalReceived, ...]
    started_at: datetime
    updated_at: datetime
    schema: type | None = None

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every token; its data is typed where the workflow declares a class for it."""
        return tuple(self.typed(token) for token in self.marking)

    @property
    def token(self) -> Token:
        """The only token.

        Raises:
            TokenNotFound: There is not exactly one.
        """
        tokens = self.tokens
        if len(tokens) != 1:
            where = ", ".join(self.states) or "nowhere"
            raise TokenNotFound(f"case '{self.id}' has {len(tokens)} tokens ({where})", remedy="use case.tokens")
        return tokens[0]

    def typed(self, token: Token) -> Token:
        """The token with its data as the declared class, or as it is where none is declared."""
        if self.schema is None:
            return token
        return msgspec.structs.replace(token, data=structure(token.data, self.schema))

    @property
    def data(self) -> Any:
        """The data of the only token."""
        return self.token.data

    @property
    def metadata(self) -> Data:
        """The metadata of the only token."""
        return self.token.metadata

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states that hold tokens."""
        return self.marking.places

    @property
    def state(self) -> str:
        """The state it is in; where tokens are in several, their names joined by a plus sign: ``"a + b"``."""
        return " + ".join(self.marking.places)

    @property
    def closed(self) -> bool:
        """Whether it has ended: nothing can happen to it any more."""
        return self.status in CLOSED

    @property
    def reserved(self) -> frozenset[Token]:
        """The tokens of actions in progress."""
        held = {token_id for pending in self.pending for token_id, _ in pending.consumed}
        return frozenset(token for token in self.marking if token.id in held)

    def find(self, token_id: str) -> Token:
        """The token of that id.

        Raises:
            TokenNotFound: It is not in this case any more.
        """
        found: Token
        for found in self.marking:
            if found.id == token_id:
                return found
        raise TokenNotFound(
            f"case '{self.id}' has no token '{token_id}'", remedy="it moved on or was joined; see history"
        )

    @property
    def timestamps(self) -> dict[str, datetime]:
        """When each state was entered last, as far as the history in memory tells."""
        moments: dict[str, datetime] = {}
        for event in self.history[self.history.offset :]:
            for _, state in entered(event):
                moments[state] = event.at
        return moments

    def to_document(self) -> dict[str, Any]:
        """The case as plain JSON, without its history, which has :meth:`History.to_documents`."""
        return {
            "case": self.id,
            "workflow": self.workflow,
            "version": self.definition,
            "status": self.status,
            "state": self.state,
            "states": list(self.states),
            "sequence": self.sequence,
            "started_at": self.started_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "tokens": [token.to_document() for token in self.marking],
            "pending": [msgspec.to_builtins(pending) for pending in self.pending],
            "blocked": [msgspec.to_builtins(block) for block in self.blocked],
            "signals": [signal.to_document() for signal in self.signals],
        }

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Case):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _COMPARED)

    def __hash__(self) -> int:
        return hash((self.id, self.sequence))


_COMPARED = ("id", "workflow", "definition", "sequence", "status", "marking", "pending", "blocked", "signals", "minted")


def entered(event: Event) -> Iterable[Move]:
    """The tokens that entered a state by an event, each with the state."""
    if isinstance(event, CaseStarted):
        return [(token.id, token.state) for token in event.tokens]
    if isinstance(event, TokenAdded) and event.token is not None:
        return [(event.token.id, event.token.state)]
    return event.produced if isinstance(event, Moved) else ()
