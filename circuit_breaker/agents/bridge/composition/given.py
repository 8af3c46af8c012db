"""What a part is given: values of the case by name, as its agent asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuit_breaker.agents.bridge.composition.heard import completed
from circuit_breaker.agents.bridge.composition.transcript import ASKER_NAME, place_of, said_by
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow.token import Token

__all__ = ["given_to"]

unstructure = deferred("circuit_breaker.wire", "unstructure")


def given_to(
    definition: AgentDefinition,
    asked: Mapping[str, Any],
    token: Token,
    sender: Sequence[str],
    before: Sequence[AgentExecution],
) -> dict[str, Any]:
    """The input of an agent in its place.

    Args:
        definition: Of the agent.
        asked: The parameters of its step.
        token: The token, with the data and what parts have said so far.
        sender: The names of the parts that it goes on from.
        before: What was done for the case so far.
    """
    known = _composition(asked, token, sender, before)
    if (mapped := asked.get("inputs")) is not None:
        shared = {"conversation": known["conversation"]} if asked.get("shares") else {}
        return {**shared, **mapped}
    available = {**_plain(token.data), **_outputs(asked, token), **known}
    if not definition.inputs:
        return available
    return {name: available[name] for name in definition.inputs if name in available}


def _composition(
    asked: Mapping[str, Any], token: Token, sender: Sequence[str], before: Sequence[AgentExecution]
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


def _conversation(before: Sequence[AgentExecution]) -> list[dict[str, Any]]:
    """What was said so far, in order."""
    return [
        {
            "from": place_of(one.context).get("part", one.agent_id),
            "after": list(place_of(one.context).get("from", ())) or [ASKER_NAME],
            "said": said_by(one),
        }
        for one in before
        if one.status == "completed"
    ]


def _outputs(asked: Mapping[str, Any], token: Token) -> dict[str, Any]:
    """What parts have said so far, each under its name; of one for each item of a list, a list."""
    outputs = {name: thaw(found["output"]) for name in token.results if (found := completed(token.results, name))}
    for name in asked.get("collected", ()):
        gathered = _plain(token.data).get(name, [])
        kept = sorted((one for one in gathered if one.get("status") == "completed"), key=lambda one: one["number"])
        outputs[name] = [one["output"] for one in kept]
    return outputs


def _plain(data: Any) -> dict[str, Any]:
    plain: dict[str, Any] = thaw(data) if isinstance(data, Mapping) else unstructure(data)
    return plain
