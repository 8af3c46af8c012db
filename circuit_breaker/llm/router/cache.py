"""The cache: answers that are given again to the same tenant for exactly the same request."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.config import CachePolicy
from circuit_breaker.llm.usage import NO_USAGE, Cost

__all__ = ["ResponseCache", "fingerprint"]

FREE = Cost(Decimal(0), "cache")
_NOT_COMPARED = {"model", "stream", "circuit_breaker"}
_KEPT = {"stop", "tool_calls"}


def fingerprint(request: ChatCompletionRequest, *, tenant: str, provider: str, model: str) -> str:
    """What is the same for requests that are exactly the same: every part of every message and every parameter counts.

    Args:
        request: The request.
        tenant: Whose it is; no two tenants have the same.
        provider: Who is asked.
        model: The model that is really asked.
    """
    asked = {
        field.name: _plain(getattr(request, field.name))
        for field in attrs.fields(ChatCompletionRequest)
        if field.name not in _NOT_COMPARED
    }
    text = json.dumps([tenant, provider, model, asked], sort_keys=True, ensure_ascii=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        members = {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
        return [type(value).__name__, members]
    if isinstance(value, Mapping):
        return [[str(name), _plain(inner)] for name, inner in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


class ResponseCache:
    """Answers by fingerprint, for a time, and not too many.

    Args:
        policy: For how long, and how many.
        now: The time in seconds, which never goes back.
    """

    def __init__(self, policy: CachePolicy, *, now: Callable[[], float]) -> None:
        self._policy = policy
        self._now = now
        self._kept: OrderedDict[str, tuple[float, ChatCompletionResponse]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: str) -> ChatCompletionResponse | None:
        """The answer, which then took no tokens and cost nothing; None where there is none."""
        if (kept := self._kept.get(key)) is None:
            return None
        until, response = kept
        if until <= self._now():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return attrs.evolve(response, usage=NO_USAGE, cost=FREE, parsed=copy.deepcopy(response.parsed))

    def keep(self, key: str, response: ChatCompletionResponse) -> None:
        """Keeps an answer, if it is complete."""
        if any(choice.finish_reason not in _KEPT for choice in response.choices):
            return
        self._kept[key] = (self._now() + self._policy.ttl, response)
        self._kept.move_to_end(key)
        while len(self._kept) > self._policy.most:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forgets all answers."""
        self._kept.clear()
