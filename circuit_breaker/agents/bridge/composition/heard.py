"""Who is heard: the parts whose outputs the next one goes on from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

__all__ = ["ASKER", "Heard", "all_of_them", "completed", "latest", "one_of_them"]

Heard = tuple[tuple[str, ...], ...]
"""Ways in which one can get there; for each the names of the parts that are heard, all of them."""

ASKER: Heard = ()
"""Nobody but who asked for the whole."""


def one_of_them(ways: Iterable[Heard]) -> Heard:
    """What is heard after one of several ways."""
    return tuple(dict.fromkeys(names for heard in ways for names in heard))


def all_of_them(branches: Iterable[Heard]) -> Heard:
    """What is heard where all of several branches have come together."""
    heard = [branch for branch in branches if branch]
    return tuple(tuple(name for names in chosen for name in names) for chosen in product(*heard)) if heard else ASKER


def completed(results: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What the part of that name has given, if it has."""
    outcome = results.get(name)
    given = isinstance(outcome, Mapping) and outcome.get("status") == "completed" and "turn" in outcome
    return outcome if given else None


def latest(heard: Sequence[Sequence[str]], results: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that are heard in a case: those of the way on which something was said last."""
    best: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()
    for names in heard:
        found = ((name, completed(results, name)) for name in names)
        given = {name: outcome for name, outcome in found if outcome is not None and outcome["turn"]}
        spoken = tuple(sorted((outcome["turn"] for outcome in given.values()), reverse=True))
        if spoken > turns:  # of ways with the same last word, the one on which more was said before it
            best, turns = tuple(given), spoken
    return best
