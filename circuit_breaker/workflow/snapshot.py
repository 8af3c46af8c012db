"""Snapshot: a case without its history, as a document."""

from __future__ import annotations

from datetime import datetime

import msgspec

from circuit_breaker.errors import StorageCorrupt
from circuit_breaker.net.marking import Marking
from circuit_breaker.workflow.case import Block, Case, Pending, Status
from circuit_breaker.workflow.events import SignalReceived, thawed_hook
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Token

__all__ = ["decode_case", "encode_case"]


class _Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A case without its history, as it is stored."""

    id: str
    workflow: str
    definition: str
    sequence: int
    status: Status
    minted: int
    started_at: datetime
    updated_at: datetime
    tokens: tuple[Token, ...] = ()
    pending: tuple[Pending, ...] = ()
    blocked: tuple[Block, ...] = ()
    signals: tuple[SignalReceived, ...] = ()


_SHARED = ("id", "workflow", "definition", "sequence", "status", "minted", "started_at", "updated_at", "pending",
           "blocked", "signals")  # fmt: skip
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Record, dec_hook=thawed_hook)


def encode_case(case: Case) -> bytes:
    """The case without its history, as one JSON document in UTF-8: what a snapshot holds."""
    return _ENCODER.encode(_Record(**{name: getattr(case, name) for name in _SHARED}, tokens=tuple(case.marking)))


def decode_case(document: bytes) -> Case:
    """The case of a snapshot; its history is known to exist, but not in memory.

    Raises:
        StorageCorrupt: The document is no case of this release.
    """
    try:
        record = _DECODER.decode(document)
    except msgspec.DecodeError as error:
        raise StorageCorrupt(f"not a case: {error}", remedy="was it written by another program or release?") from error
    marking = Marking().change((), [(token.state, token) for token in record.tokens])
    shared = {name: getattr(record, name) for name in _SHARED}
    return Case(**shared, marking=marking, history=History(offset=record.sequence))
