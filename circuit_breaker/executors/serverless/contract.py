"""What a serverless executor asks of a back end, and what it gets: one invocation of one function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Protocol

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.executors.output import OUTPUT_LIMIT
from circuit_breaker.executors.secrets import Redaction

__all__ = ["Backend", "Invocation", "refused"]

_REMEDIES: Final = {
    "runtime": "leave it out: the back end knows it",
    "environment": "set variables where the function is deployed, or put the values into the payload",
    "version": "leave it out, or let the operator's address name {version}",
}


def _unheard(line: str, stream: str) -> None:
    """Nobody listens."""


@attrs.frozen(kw_only=True)
class Invocation:
    """One call of a function.

    Attributes:
        function_name: Which function.
        runtime: What it is written in, such as ``"python"``, or None when the back end knows.
        payload: What it is given: any JSON value.
        environment: Variables for it, secrets revealed.
        version: A version or an alias of the function, or None.
        asynchronous: Whether the answer is only that the call was accepted.
        idempotency_key: The same text whenever the same call is made again.
        timeout: Seconds that it may take, or None.
        max_output: The most bytes that the answer may have.
        redaction: Takes the secrets out of what is passed on.
        log: Told each line that the function writes, and the stream that it came from.
    """

    function_name: str
    payload: Any = attrs.field(default=None, repr=False)
    runtime: str | None = None
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    version: str | None = None
    asynchronous: bool = False
    idempotency_key: str = ""
    timeout: float | None = None
    max_output: int = OUTPUT_LIMIT
    redaction: Redaction = attrs.field(factory=Redaction, repr=False)
    log: Callable[[str, str], None] = attrs.field(default=_unheard, repr=False)


class Backend(Protocol):
    """Where functions run. One instance serves many invocations, also at the same time."""

    async def invoke(self, invocation: Invocation) -> dict[str, Any]:
        """Calls the function.

        Returns:
            The outcome: ``"status"`` (``"completed"``, or ``"accepted"`` for an asynchronous call), ``"output"`` (any
            JSON value), ``"duration"`` (seconds), and ``"logs"``, ``"version"`` and ``"request_id"`` where known.

        Raises:
            ActionError: One of the typed errors of :mod:`circuit_breaker.errors`. An error that the function itself
                answered with has its own kind as ``code``.
        """


def refused(invocation: Invocation, backend: str, *, unless: Collection[str] = ()) -> list[Fault]:
    """The parameters that are given but that the back end can do nothing with.

    Args:
        invocation: The call.
        backend: What to call the back end.
        unless: Those of ``runtime``, ``environment`` and ``version`` that it understands.
    """
    given = {"runtime": invocation.runtime, "environment": invocation.environment, "version": invocation.version}
    return [
        Fault(f"parameter '{name}'", f"{backend} takes none for a call", _REMEDIES[name])
        for name, value in given.items()
        if value and name not in unless
    ]
