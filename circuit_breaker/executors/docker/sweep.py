"""Containers that nobody waits for any more: found by their labels, and removed."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from circuit_breaker.errors import ServiceFailed
from circuit_breaker.executors.docker.container import LABEL
from circuit_breaker.executors.docker.run import moment, removed

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["DAY", "swept"]

DAY: Final = 86_400.0
_ENDED: Final = frozenset({"exited", "dead"})
_YOUNG: Final = 60.0
_LATE: Final = 600.0


def swept(
    engine: DockerEngine, *, keep: Collection[str] | None, older_than: float, spare: Collection[str] = ()
) -> list[str]:
    """The names of the containers that were removed.

    Those that ended longer ago than ``older_than`` seconds, and those that run although their time is up, since whoever
    waited for them would have ended them; none with a name in ``spare``. And with ``keep``, also those, running or
    not, of work whose idempotency key is none of these, unless they are younger than a minute.
    """
    gone = []
    for found in engine.containers(f"{LABEL}.key"):
        name = str(found["Names"][0]).lstrip("/")
        if name in spare or not _is_unwanted(engine, found, keep, older_than):
            continue
        with suppress(ServiceFailed):
            removed(engine, found["Id"], name)
            gone.append(name)
    return gone


def _is_unwanted(
    engine: DockerEngine, found: Mapping[str, Any], keep: Collection[str] | None, older_than: float
) -> bool:
    if keep is not None and _is_stray(found, keep):
        return True
    return _is_late(found) or _is_old(engine, found, older_than)


def _is_late(found: Mapping[str, Any]) -> bool:
    """Whether it runs for much longer than it may; one that was made before its time was written on it is not."""
    allowed = float(found["Labels"].get(f"{LABEL}.timeout", "inf"))
    return found["State"] == "running" and time.time() - _created(found) > allowed + _LATE


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
