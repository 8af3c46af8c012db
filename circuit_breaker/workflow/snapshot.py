"""Snapshot: a case without its history, as a document."""

from __future__ import annotations

from datetime import datetime

import msgspec

from circuit_breaker.data import EMPTY, Data
from circuit_breaker.errors import StorageCorrupt
from circuit_breaker.net.marking import Marking
from circuit_breaker.workflow.case import Block, Case, Pending, Status
from circuit_breaker.workflow.events import SignalReceived, thawed_hook
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Fork, Token

__all__ = ["decode_case", "encode_case"]


class _ForkRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A split, which names the one around it: each is written once, however many tokens come from it."""

    id: str
    data: Data = EMPTY
    metadata: Data = EMPTY
    results: Data = EMPTY
    outer: str = ""


class _TokenRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A token, which names the split that it comes from."""

    id: str
    state: str
    data: Data = EMPTY
    metadata: Data = EMPTY
    results: Data = EMPTY
    entered: datetime | None = None
    sequence: int = 0
    fork: str = ""


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
    tokens: tuple[_TokenRecord, ...] = ()
    forks: tuple[_ForkRecord, ...] = ()
    pending: tuple[Pending, ...] = ()
    blocked: tuple[Block, ...] = ()
    signals: tuple[SignalReceived, ...] = ()


_SHARED = ("id", "workflow", "definition", "sequence", "status", "minted", "started_at", "updated_at", "pending",
           "blocked", "signals")  # fmt: skip
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Record, dec_hook=thawed_hook)


def encode_case(case: Case) -> bytes:
    """The case without its history, as one JSON document in UTF-8: what a snapshot holds."""
    shared = {name: getattr(case, name) for name in _SHARED}
    forks: dict[str, _ForkRecord] = {}
    tokens = tuple(_token_record(token, forks) for token in case.marking)
    return _ENCODER.encode(_Record(**shared, tokens=tokens, forks=tuple(reversed(forks.values()))))


def _token_record(token: Token, forks: dict[str, _ForkRecord]) -> _TokenRecord:
    """The record of a token; its splits are added to ``forks``, the inner ones first."""
    fork = token.fork
    while fork is not None and fork.id not in forks:
        outer = fork.outer.id if fork.outer is not None else ""
        forks[fork.id] = _ForkRecord(fork.id, fork.data, fork.metadata, fork.results, outer)
        fork = fork.outer
    name = token.fork.id if token.fork is not None else ""
    return _TokenRecord(
        token.id, token.state, token.data, token.metadata, token.results, token.entered, token.sequence, name
    )


def _token(record: _TokenRecord, forks: dict[str, Fork]) -> Token:
    return Token(
        record.id, record.state, record.data, record.metadata, record.results, record.entered, record.sequence,
        forks[record.fork] if record.fork else None,
    )  # fmt: skip


def _forks(records: tuple[_ForkRecord, ...]) -> dict[str, Fork]:
    """The splits by id, each within the one around it."""
    known = {record.id: record for record in records}
    made: dict[str, Fork] = {}
    for record in records:
        chain = [record]
        while chain[-1].outer and chain[-1].outer not in made:
            chain.append(known[chain[-1].outer])
        for each in reversed(chain):
            made[each.id] = Fork(each.id, each.data, each.metadata, each.results, made.get(each.outer))
    return made


def decode_case(document: bytes) -> Case:
    """The case of a snapshot; its history is known to exist, but not in memory.

    Raises:
        StorageCorrupt: The document is no case of this release.
    """
    try:
        record = _DECODER.decode(document)
    except msgspec.DecodeError as error:
        raise StorageCorrupt(f"not a case: {error}", remedy="was it written by another program or release?") from error
    forks = _forks(record.forks)
    marking = Marking().change((), [(token.state, _token(token, forks)) for token in record.tokens])
    shared = {name: getattr(record, name) for name in _SHARED}
    return Case(**shared, marking=marking, history=History(offset=record.sequence))
