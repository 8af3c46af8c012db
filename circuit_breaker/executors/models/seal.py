"""The seal of a document from which work goes on: only what was given out here is taken back, and each yes once."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import DataInvalid

__all__ = ["Seal"]

_FIELD: Final = "seal"
_OF_THIS_PROCESS: Final = secrets.token_hex(32)
_SHORTEST: Final = 32
_USED: Final[dict[str, str]] = {}
"""What was decided in this process, and the work that has gone on with it."""
_USING: Final = threading.Lock()
MOST_USED: Final = 100_000
"""How many decisions are remembered; the oldest are forgotten first."""


def _long_enough(_: Any, field: attrs.Attribute[Any], value: str) -> None:
    if len(value) < _SHORTEST:
        raise ValueError(f"{field.name.strip('_')} is too short; give {_SHORTEST} characters or more, made at random")


@attrs.frozen
class Seal:
    """Seals documents, and knows its own again (HMAC-SHA256, RFC 2104).

    Attributes:
        key: What it seals with; one of this process unless given, so that another process needs the same key, or a
            journal that has the document.
        owner: Whose documents these are; those of others are not taken.
    """

    _key: str = attrs.field(default=_OF_THIS_PROCESS, repr=False, validator=_long_enough)
    owner: str = ""

    def on(self, document: Mapping[str, Any], *, after: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The document with the seal, which has an id.

        Args:
            document: What is sealed.
            after: The sealed document from which the same work has gone on to this one, whose id it keeps.
        """
        number = _id_of(after) if after else secrets.token_hex(16)
        return {**document, _FIELD: f"{number}.{self._of(document, number)}"}

    def opened(self, document: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
        """The document without its seal.

        Args:
            document: As it was given back.
            results: What the journal knows; a document that is there needs no seal.

        Raises:
            DataInvalid: It was not given out here, or was changed since.
        """
        bare = {name: value for name, value in document.items() if name != _FIELD}
        if self._is_ours(bare, document) or _is_known(document, results):
            return bare
        raise DataInvalid(
            "it was not given out here, or was changed since",
            remedy="give approval.document of the outcome as it was; for other processes let the operator give a seal",
        )

    def use(
        self, document: Mapping[str, Any], results: Mapping[str, Any], decided: Iterable[str], *, work: str
    ) -> None:
        """Notes that work goes on from a document with these decisions, which no other work may do again.

        Args:
            document: As it was given back.
            results: What the journal knows; what becomes of a document that is there, the journal knows too.
            decided: What was decided on, each in words that no other decision about this document has.
            work: What goes on; the same work may do so again, since what it did is kept.

        Raises:
            DataInvalid: Other work has gone on with one of these decisions, in this process.
        """
        if _is_known(document, results):
            return
        marks = [f"{_id_of(document)} {decision}" for decision in decided]
        with _USING:
            if any(_USED.get(mark, work) != work for mark in marks):
                raise DataInvalid(
                    "what was decided on it was carried out already",
                    remedy="give the document of the last outcome, or have it ask again",
                )
            _USED.update(dict.fromkeys(marks, work))
            while len(_USED) > MOST_USED:
                del _USED[next(iter(_USED))]

    def _is_ours(self, bare: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
        number, _, seal = str(document.get(_FIELD)).partition(".")
        try:
            return hmac.compare_digest(seal.encode(errors="replace"), self._of(bare, number).encode())
        except (TypeError, ValueError, RecursionError):  # it is no JSON, so it is none of ours
            return False

    def _of(self, document: Mapping[str, Any], number: str) -> str:
        text = json.dumps([self.owner, number, _canonical(document)], sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _id_of(document: Mapping[str, Any]) -> str:
    return str(document.get(_FIELD)).partition(".")[0]


def _is_known(document: Mapping[str, Any], results: Mapping[str, Any]) -> bool:
    return any(known == document for known in _documents(results))


def _canonical(value: Any) -> Any:
    """The value as it still is when a program has read and written it for which 1.0 and 1 are one number."""
    if isinstance(value, Mapping):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _documents(results: Any) -> Iterator[Any]:
    """The documents of the outcomes that wait for approval, those of steps included, and nothing deeper."""
    for outcome in results.values() if isinstance(results, Mapping) else ():
        if isinstance(outcome, Mapping):
            approval = outcome.get("approval")
            if isinstance(approval, Mapping):
                yield approval.get("document")
            yield from _documents(outcome.get("results"))
