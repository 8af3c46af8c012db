"""What evaluating rules gives, the cache of it, and the thread in which functions of users are waited for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import attrs

from circuit_breaker.rules import Rule, Verdict

__all__ = [
    "CachedEvaluation",
    "EvaluationCache",
    "RuleEvaluationResult",
    "RuleResult",
    "RuleValidationResult",
    "RulesConfig",
    "content_hash",
    "in_thread",
]

T = TypeVar("T")


def _seconds(value: float | timedelta | None) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value


@attrs.frozen(kw_only=True)
class RulesConfig:
    """How a rules engine works.

    Attributes:
        enable_cache: Whether verdicts are remembered.
        cache_size: How many.
        custom_rules: Rules by name, beside the common ones.
        evaluation_timeout: How long one evaluation may take, in seconds or as a timedelta; None means without limit.
    """

    enable_cache: bool = True
    cache_size: int = attrs.field(default=1000, validator=attrs.validators.ge(0))
    custom_rules: Mapping[str, Any] | None = None
    evaluation_timeout: float | None = attrs.field(default=30.0, converter=_seconds)


@attrs.frozen
class RuleResult:
    """What one rule said.

    Attributes:
        rule: The rule, with names looked up.
        passed: Whether it holds.
        error: Why it could not be judged, where that is more than a missing value; otherwise None.
        context: The verdict as a document: every condition with what was seen and what was wanted.
        verdict: The verdict.
    """

    rule: Rule
    passed: bool
    error: str | None
    context: Mapping[str, Any]
    verdict: Verdict


@attrs.frozen
class RuleEvaluationResult:
    """What several rules said.

    Attributes:
        passed: Whether all of them hold.
        results: One for each rule, in their order.
        errors: The errors of the results, each with the name of its rule.
        evaluation_time: How long it took, in seconds.
    """

    passed: bool
    results: tuple[RuleResult, ...]
    errors: tuple[str, ...]
    evaluation_time: float


@attrs.frozen
class RuleValidationResult:
    """Whether the rules of a workflow are in order.

    Attributes:
        valid: Whether there are no errors.
        errors: What is wrong, each with the id of its activity.
        warnings: What looks like an oversight.
    """

    valid: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


@attrs.frozen
class CachedEvaluation:
    """A verdict that is remembered.

    Attributes:
        result: The verdict.
        timestamp: When it was given, in seconds of a clock that only goes forward.
        context_hash: The hash of the state, data, metadata and results that were judged.
    """

    result: Verdict
    timestamp: float
    context_hash: int


class EvaluationCache:
    """The verdicts given last, at most ``size`` of them; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Rule, int], CachedEvaluation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, rule: Rule, context_hash: int) -> CachedEvaluation | None:
        """The verdict of the rule about that content, or None."""
        with self._lock:
            found = self._kept.get((rule, context_hash))
            if found is not None:
                self._kept.move_to_end((rule, context_hash))
            return found

    def keep(self, rule: Rule, evaluation: CachedEvaluation) -> None:
        """Remembers the verdict, and forgets the one that was not asked for longest if there are too many."""
        with self._lock:
            self._kept[rule, evaluation.context_hash] = evaluation
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._kept.clear()


def content_hash(token: Any) -> int | None:
    """A number of 128 bits for what a rule can read of the token; None where that is no JSON."""
    content = (token.state, token.data, token.metadata, token.results)
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError):
        return None
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


async def in_thread(work: Callable[[], T], *, seconds: float | None) -> T:
    """What the work returns, done in a thread of its own; one that hangs is left behind and keeps nothing alive.

    Raises:
        TimeoutError: It took longer than ``seconds``.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - carried over to the one who waits
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="rules", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await future
