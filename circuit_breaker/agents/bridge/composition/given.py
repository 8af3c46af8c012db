"""What a part is given: values of the case by name, as its agent asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from circuit_breaker.agents.bridge.composition.heard import completed
from circuit_breaker.agents.bridge.composition.transcript import Entry
from circuit_breaker.agents.bridge.outputs import plain
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.data import thaw
from circuit_breaker.workflow.token import Token

__all__ = ["collected", "given_to"]


def given_to(
    definition: AgentDefinition,
    asked: Mapping[str, Any],
    token: Token,
    sender: Sequence[str],
    before: Sequence[Entry],
) -> dict[str, Any]:
    """The input of an agent in its place.

    Args:
        definition: Of the agent.
        asked: The parameters of its step.
        token: The token, with the data and what parts have said so far.
        sender: The names of the parts that it goes on from.
        before: What was said in the case so far.
    """
    known = _composition(asked, token, sender, before)
    if (mapped := asked.get("inputs")) is not None:
        shared = {"conversation": known["conversation"]} if asked.get("shares") else {}
        return {**shared, **mapped}
    available = {**plain(token.data), **_outputs(token), **known}
    if not definition.inputs:
        return available
    return {name: available[name] for name in definition.inputs if name in available}


def _composition(
    asked: Mapping[str, Any], token: Token, sender: Sequence[str], before: Sequence[Entry]
) -> dict[str, Any]:
    """What the composition gives by its own names."""
    said = {name: thaw(token.results[name]["output"]) for name in sender}
    known: dict[str, Any] = {}
    if said:
        known["previous"] = next(iter(said.values())) if len(said) == 1 else said
    if asked.get("shares"):
        known["conversation"] = _conversation(before)
    if asked.get("colleagues"):
        known["colleagues"] = dict(asked["colleagues"])
    if token.metadata.get("failure"):
        known["failure"] = thaw(token.metadata["failure"])
    return known


def _conversation(before: Sequence[Entry]) -> list[dict[str, Any]]:
    """What was said so far, in order."""
    return [
        {"from": one.to, "after": list(one.sender), "said": one.answered, **_handed(one)}
        for one in before
        if one.status == "completed"
    ]


def _handed(entry: Entry) -> dict[str, str]:
    return {"handed_to": entry.handed_to, "message": entry.message} if entry.handed_to else {}


def _outputs(token: Token) -> dict[str, Any]:
    """What parts have said so far, each under its name."""
    return {name: thaw(found["output"]) for name in token.results if (found := completed(token.results, name))}


def collected(names: Iterable[str], token: Token) -> dict[str, dict[str, Any]]:
    """The outcomes of parts that have each worked on a list: what was said, in the order of the items.

    The turn is that of the last of them, and 0 where nothing was said.
    """
    data = plain(token.data)
    return {name: _together(data.get(name, ())) for name in names}


def _together(outcomes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    kept = sorted((one for one in outcomes if one["status"] == "completed"), key=lambda one: one["number"])
    last = max((one["turn"] for one in kept), default=0)
    return {"status": "completed", "output": [one["output"] for one in kept], "turn": last}
