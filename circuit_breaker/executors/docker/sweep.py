"""Containers that nobody waits for any more: found by their labels, and removed."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from circuit_breaker.errors import ServiceFailed
from circuit_breaker.executors.docker.container import LABEL
from circuit_breaker.executors.docker.run import moment

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["DAY", "swept"]

DAY: Final = 86_400.0
_ENDED: Final = frozenset({"exited", "dead"})
_YOUNG: Final = 60.0


def swept(engine: DockerEngine, *, keep: Collection[str] | None, older_than: float) -> list[str]:
    """The names of the containers that were removed.

    Those that ended longer ago than ``older_than`` seconds; and with ``keep``, also those, running or not, of work
    whose idempotency key is none of these, unless they are younger than a minute.
    """
    removed = []
    for found in engine.containers(f"{LABEL}.key"):
        if (keep is not None and _is_stray(found, keep)) or _is_old(engine, found, older_than):
            try:
                engine.remove(found["Id"])
            except ServiceFailed:
                continue
            removed.append(str(found["Names"][0]).lstrip("/"))
    return removed


def _is_stray(found: Mapping[str, Any], keep: Collection[str]) -> bool:
    return time.time() - _created(found) > _YOUNG and not any(key in keep for key in _keys(found["Labels"]))


def _created(found: Mapping[str, Any]) -> float:
    """Seconds since 1970; Podman writes it as a time."""
    created = found["Created"]
    return moment(created) if isinstance(created, str) else float(created)


def _keys(labels: Mapping[str, str]) -> Iterator[str]:
    """The key of the work, and those of the work that it is a part of, which is what stands before a colon."""
    key = labels[f"{LABEL}.key"]
    while key:
        yield key
        key = key.rpartition(":")[0]


def _is_old(engine: DockerEngine, found: Mapping[str, Any], older_than: float) -> bool:
    if found["State"] not in _ENDED:
        return False
    known = engine.container(found["Id"])
    return known is not None and time.time() - moment(known["State"]["FinishedAt"]) > older_than
