"""Outcomes by content: the same executor with the same parameters, on the same image, gives what it gave before."""

from __future__ import annotations

import hashlib
import time
import types
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

import attrs
import msgspec

from circuit_breaker.data import thaw
from circuit_breaker.engine.invocation import threaded
from circuit_breaker.engine.records import Record, Records
from circuit_breaker.errors import ActionError, ExecutorInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.outcome import COMPLETED, normalised
from circuit_breaker.executors.sameness import decided
from circuit_breaker.executors.step import StepExecutor
from circuit_breaker.workflow.timing import Duration, seconds

__all__ = ["MemoryOutcomes", "OutcomeStore", "RecordedOutcomes", "cached"]

_KIND: Final = "outcome"
_PAGE: Final = 100
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
Executor = TypeVar("Executor", bound=BaseExecutor)


class OutcomeStore(Protocol):
    """Where outcomes are kept, by the digest of what they follow from."""

    async def get(self, digest: str) -> Mapping[str, Any] | None:
        """The document that was kept, or None."""
        ...

    async def put(self, digest: str, document: Mapping[str, Any]) -> None:
        """Keeps a document; one that is there already is replaced."""
        ...


@attrs.define
class MemoryOutcomes:
    """Outcomes in memory, for as long as the process lives.

    Attributes:
        most: How many are kept; the one that was not asked for longest goes first.
    """

    most: int = 1000
    _kept: OrderedDict[str, bytes] = attrs.field(factory=OrderedDict, init=False, repr=False)

    async def get(self, digest: str) -> Mapping[str, Any] | None:
        """The document that was kept, or None."""
        if digest not in self._kept:
            return None
        self._kept.move_to_end(digest)
        return msgspec.json.decode(self._kept[digest], type=dict[str, Any])

    async def put(self, digest: str, document: Mapping[str, Any]) -> None:
        """Keeps a document, and forgets the oldest when there are too many."""
        self._kept[digest] = msgspec.json.encode(document)
        self._kept.move_to_end(digest)
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)


@attrs.define
class RecordedOutcomes:
    """Outcomes beside the cases, in the same storage: they outlive the process, and other processes find them.

    Attributes:
        records: Where they are kept, ``journal.records``.
        max_age: How long one is kept, a week unless told otherwise: seconds, a timedelta or a text such as ``"1d"``.
            Older ones are not given any more, and when outcomes are kept, those that are half as old again are deleted.
    """

    records: Records
    max_age: float = attrs.field(default=7 * 86_400.0, converter=seconds)
    _swept: float = attrs.field(default=0.0, init=False, repr=False)

    async def get(self, digest: str) -> Mapping[str, Any] | None:
        """The document that was kept, or None when there is none or it is too old."""
        found = await self.records.get(_KIND, digest)
        if found is None or self._is_old(found):
            return None
        document: Mapping[str, Any] = thaw(found.document["kept"])
        return document

    async def put(self, digest: str, document: Mapping[str, Any]) -> None:
        """Keeps a document, and from time to time deletes those that are too old."""
        now = time.time()
        await self.records.put(_KIND, digest, {"since": now, "kept": document})
        if now - self._swept >= self.max_age / 2:
            self._swept = now
            await self.forget()

    async def forget(self) -> int:
        """How many outcomes were too old, and are deleted now."""
        after, forgotten = "", 0
        while page := await self.records.find(_KIND, after=after, limit=_PAGE):
            after = page[-1].id
            for record in filter(self._is_old, page):
                forgotten += await self.records.delete(_KIND, record.id)
        return forgotten

    def _is_old(self, record: Record) -> bool:
        return bool(time.time() - record.document["since"] >= self.max_age)


def cached(
    executor: type[Executor], store: OutcomeStore, *, max_age: Duration | None = None, version: str = ""
) -> type[Executor]:
    """The same executor, which gives a kept outcome where it would do the same work again.

    What counts as the same is :meth:`BaseExecutor.fingerprint`: the parameters as they were resolved, and for a
    container the digest of its image; and the settings, so that nobody is given what his own would have refused. A
    secret counts by its name. Settings that hold more than values, such as a function, are the same for this class
    in this process only. Only completed outcomes are kept, and only if what
    they follow from was the same before and after the work; a kept one has ``"cached": True``. Parameters are checked,
    and hooks run, in any case.

    Meant for work whose outcome follows from its parameters: not for what has effects, or asks the outside world.

    Args:
        executor: The class.
        store: Where the outcomes are kept: :class:`MemoryOutcomes`, :class:`RecordedOutcomes`, or one of your own.
        max_age: How long one counts: seconds, a timedelta or a text such as ``"1d"``; for ever when left out.
        version: Part of what counts as the same; change it when the code of the executor changes.

    Raises:
        ExecutorInvalid: It is a step executor, whose steps are recorded one by one.
    """
    if issubclass(executor, StepExecutor):
        raise ExecutorInvalid(
            f"{executor.__name__} cannot be cached: its steps are recorded one by one",
            remedy="give its steps executors that are: {'executor': cached(...), ...}",
        )
    oldest = None if max_age is None else seconds(max_age)
    work = executor.execute_internal
    what = f"{executor.__module__}:{executor.__qualname__}:{version}"

    async def digest_of(self: Executor, context: dict[str, Any]) -> str:
        return _digest([what, decided(type(self))], await self.fingerprint(context))

    async def unchanged(self: Executor, context: dict[str, Any], digest: str) -> bool:
        with suppress(ActionError):  # such as an image that has gone since: the work is done all the same
            return digest == await digest_of(self, context)
        return False

    async def execute_internal(self: Executor, context: dict[str, Any]) -> dict[str, Any]:
        before = dict(context)
        digest = await digest_of(self, before)
        kept = await store.get(digest)
        if kept is not None and (oldest is None or time.time() - kept["at"] < oldest):
            return {**kept["outcome"], "cached": True}
        outcome = normalised(await threaded(work, self, context), source=executor.__name__)
        if outcome["status"] == COMPLETED and await unchanged(self, before, digest):
            await store.put(digest, {"at": time.time(), "outcome": outcome})
        return outcome

    body = {
        "__doc__": executor.__doc__,
        "__module__": executor.__module__,
        "__qualname__": executor.__qualname__,
        "execute_internal": execute_internal,
    }
    arguments = {"extensible": executor.executor_config.extensible}
    return types.new_class(executor.__name__, (executor,), arguments, lambda scope: scope.update(body))


def _digest(what: list[Any], fingerprint: Mapping[str, Any]) -> str:
    """The SHA-256 of both, in hexadecimal digits.

    Raises:
        ActionError: Something in the fingerprint is no JSON.
    """
    try:
        return hashlib.sha256(_ENCODER.encode([*what, fingerprint])).hexdigest()
    except (TypeError, ValueError) as error:
        raise ActionError(
            f"the outcome of {what[0].split(':')[1]} cannot be kept for the next time: {error}",
            code="not_cacheable",
            remedy="use it without cached(...), or define fingerprint(context) so that it gives JSON",
        ) from error
