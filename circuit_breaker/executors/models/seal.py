"""The seal of a document from which work goes on: only what was given out here is taken back."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import DataInvalid

__all__ = ["Seal"]

_FIELD: Final = "seal"
_OF_THIS_PROCESS: Final = secrets.token_hex(32)
_SHORTEST: Final = 32


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

    def on(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with the seal."""
        return {**document, _FIELD: self._of(document)}

    def opened(self, document: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
        """The document without its seal.

        Args:
            document: As it was given back.
            results: What the journal knows; a document that is there needs no seal.

        Raises:
            DataInvalid: It was not given out here, or was changed since.
        """
        bare = {name: value for name, value in document.items() if name != _FIELD}
        if self._is_ours(bare, document.get(_FIELD)) or any(known == document for known in _documents(results)):
            return bare
        raise DataInvalid(
            "it was not given out here, or was changed since",
            remedy="give approval.document of the outcome as it was; for other processes let the operator give a seal",
        )

    def _is_ours(self, document: Mapping[str, Any], seal: Any) -> bool:
        try:
            return hmac.compare_digest(str(seal).encode(errors="replace"), self._of(document).encode())
        except (TypeError, ValueError, RecursionError):  # it is no JSON, so it is none of ours
            return False

    def _of(self, document: Mapping[str, Any]) -> str:
        text = json.dumps([self.owner, _canonical(document)], sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key.encode(), text.encode(), hashlib.sha256).hexdigest()


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
