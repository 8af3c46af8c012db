"""Approvals: what a person has said of calls of tools, bound to exactly these calls.

A yes names what it was given for by a digest of it: the tool, the arguments and the id of each call. So a yes that was
given for one set of calls is none for another, whatever has become of the conversation meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.loop.repetition import signature
from circuit_breaker.llm.parts import ToolCall

__all__ = ["Decisions", "asked_for", "call_digest", "calls_digest", "checked_decisions", "said_of"]

Decisions = Mapping[str, bool] | str | Literal[False] | None
"""What a person has said: the digest of all calls that wait, or of one, which is a yes to exactly these; False, which
is a no to all; yes or no by the digest of each call; None where nobody was asked."""

_KIND: Final = "sha256:"


def call_digest(call: ToolCall) -> str:
    """``"sha256:..."`` of one call: its tool, its arguments however they are written, and its id."""
    return _digest(_told(call))


def calls_digest(calls: Iterable[ToolCall]) -> str:
    """``"sha256:..."`` of several calls, in their order."""
    return _digest([_told(call) for call in calls])


def asked_for(calls: Iterable[ToolCall]) -> Iterable[dict[str, str]]:
    """The calls that a person decides on, as JSON, each with its digest."""
    for call in calls:
        yield {"id": call.id, "name": call.name, "arguments": call.arguments, "digest": call_digest(call)}


def checked_decisions(decisions: Any) -> Decisions:
    """What was said, if it can be read so.

    Raises:
        DataInvalid: It is something else, such as a yes that names no calls.
    """
    if decisions is None or decisions is False or _is_digest(decisions):
        return decisions  # type: ignore[no-any-return]
    if isinstance(decisions, Mapping) and all(_is_digest(k) and isinstance(v, bool) for k, v in decisions.items()):
        return decisions
    said = "a yes that does not say to which calls" if decisions is True else f"no decision: {decisions!r:.80}"
    raise DataInvalid(
        f"approvals are {said}", remedy="give the digest of the calls that were shown, false, or both by digest"
    )


def said_of(decisions: Decisions, calls: Iterable[ToolCall]) -> dict[str, bool]:
    """What was said of these calls, by the digest of each; a call of which nothing was said is left out."""
    if decisions is None:
        return {}
    waiting = tuple(calls)
    digests = [call_digest(call) for call in waiting]
    if isinstance(decisions, Mapping):
        return {digest: decisions[digest] for digest in digests if digest in decisions}
    if decisions is False:
        return dict.fromkeys(digests, False)
    agreed = decisions == calls_digest(waiting)
    return {digest: True for digest in digests if agreed or digest == decisions}


def _is_digest(said: Any) -> bool:
    return isinstance(said, str) and said.startswith(_KIND)


def _told(call: ToolCall) -> list[str]:
    return [call.id, call.name, signature(call)]


def _digest(told: Any) -> str:
    return f"{_KIND}{hashlib.sha256(json.dumps(told).encode()).hexdigest()}"
