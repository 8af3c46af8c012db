"""Agreement: what has to be alike on tokens that are taken together, and the fewest values that make it so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, islice, product
from typing import Any, Final

import attrs

from circuit_breaker.data import freeze, thaw
from circuit_breaker.errors import DataInvalid, MergeConflict
from circuit_breaker.net.structure import Arc
from circuit_breaker.rules import MISSING, Field
from circuit_breaker.rules.analysis.atoms import key_of
from circuit_breaker.rules.analysis.edits import applied
from circuit_breaker.rules.analysis.trie import read
from circuit_breaker.rules.path import spelled_step
from circuit_breaker.rules.remedy import PLACEHOLDER
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.explain.need import SetValue
from circuit_breaker.workflow.explain.plan import Plan
from circuit_breaker.workflow.explain.situation import Situation
from circuit_breaker.workflow.explain.token_need import BringToken
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

__all__ = ["agreed", "settled", "spelled", "values"]

MOST_KEYS: Final = 32
MOST_SETTLED: Final = 16
MOST_PLANS: Final = 8


def values(view: Token, change: Mapping[str, Any], tokens: tuple[str, ...]) -> tuple[SetValue, ...]:
    """The needs that set these values, by dotted path, on tokens that together look like the view.

    What is no object on the way to a path is replaced by one, which is then set as a whole.

    Raises:
        LookupError: A path leads to the whole of the data, or to no data.
        DataInvalid: A token cannot hold a value there.
    """
    changed, placed = applied(view, {key_of(text): thaw(value) for text, value in change.items()})
    needs = []
    for key, value in placed.items():
        if len(key) == 1:
            raise LookupError(key[0])
        whole = getattr(changed, key[0])[key[1]]
        other = read(view, key) is not MISSING
        needs.append(SetValue(".".join(key), freeze(thaw(value)), freeze(thaw(whole)), tokens, other))
    return tuple(needs)


def agreed(plan: Plan, transition: Transition) -> Iterator[Plan]:
    """The plans in which the tokens agree on the key that they are joined by; the plan itself where they do."""
    correlate = transition.correlate
    if correlate is None or any(True for _ in plan.situation.choices(transition)):
        yield plan
        return
    for key in _keys(plan.situation, transition, correlate):
        yield from _with_key(plan, transition, correlate, key)


def _free(situation: Situation, place: str) -> list[Token]:
    reserved = situation.case.reserved
    return [token for token in situation.case.marking.at(place) if token not in reserved]


def _keys(situation: Situation, transition: Transition, correlate: Field) -> list[Any]:
    """The keys that are there, each once; a token of this place or that may have one."""
    found: list[Any] = []
    for place in transition.sources:
        for token in _free(situation, place):
            key = correlate.read(token)
            if key is not MISSING and not any(key == other and type(key) is type(other) for other in found):
                found.append(key)
    return found[:MOST_KEYS] or [PLACEHOLDER]


def _with_key(plan: Plan, transition: Transition, correlate: Field, key: Any) -> Iterator[Plan]:
    """Plans in which tokens enough have the key; if only those that are still to come lack it, they bring it."""
    for lacking in islice(product(*(_unkeyed(plan, arc, correlate, key) for arc in transition.net.takes)), MOST_PLANS):
        tokens = [token for group in lacking for token in group]
        try:
            needs = [values(token, {correlate.path: key}, (token.id,))[0] for token in tokens]
        except (LookupError, DataInvalid):  # the data of one of them have no place for the key
            continue
        if correlate.path.startswith("data.") and all(token.id in plan.brought for token in tokens):
            yield _bringing(plan, {need.tokens[0]: need for need in needs})
        else:
            yield plan.plus(*_together(needs))


def _unkeyed(plan: Plan, arc: Arc, correlate: Field, key: Any) -> Iterator[tuple[Token, ...]]:
    """Tokens of a place that could get the key, as many as lack it; at first those that are still to come."""
    tokens = _free(plan.situation, arc.place)
    others = [token for token in tokens if correlate.read(token) != key]
    lacking = max(0, arc.weight - (len(tokens) - len(others)))
    return combinations(sorted(others, key=lambda token: token.id not in plan.brought), lacking)


def _together(needs: list[SetValue]) -> Iterator[SetValue]:
    """Needs that set the same on several tokens are one."""
    while needs:
        first, *others = needs
        same = [need for need in others if need.whole == first.whole]
        yield attrs.evolve(first, tokens=tuple(token for need in (first, *same) for token in need.tokens))
        needs = [need for need in others if need not in same]


def _bringing(plan: Plan, keyed: Mapping[str, SetValue]) -> Plan:
    """The plan once more, with keys on tokens that are still to come."""
    again = attrs.evolve(plan, situation=plan.origin, needs=(), brought=frozenset(), origin=plan.origin)
    for need in plan.needs:
        after = again.plus(need)
        new = after.brought - again.brought
        key = next((keyed[token] for token in new if token in keyed), None)
        if key is not None and isinstance(need, BringToken):
            after = again.plus(attrs.evolve(need, data={**need.data, key.key: key.whole}))
        again = after
    return again


def settled(plan: Plan, choice: choosing.Choice) -> Iterator[Plan]:
    """The plans in which the branches have one value for each key of which they had several."""
    if not isinstance(choice.conflict, MergeConflict):
        return
    tokens = tuple(token.id for token in choice.binding)
    conflicts = {spelled(path): values for path, values in choice.conflict.conflicts.items()}
    for picked in islice(product(*conflicts.values()), MOST_SETTLED):
        if "removed" in picked:
            continue
        needs = [
            SetValue(path, value, value, tokens, other=True) for path, value in zip(conflicts, picked, strict=True)
        ]
        yield plan.plus(*needs)


def spelled(path: str) -> str:
    """The path of a top-level key that may have dots."""
    part, _, key = path.partition(".")
    return f"{part}.{spelled_step(key)}"
