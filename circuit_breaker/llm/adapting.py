"""Adapting: a request as one model takes it, by its profile, with every change told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.llm.names import Names
from circuit_breaker.llm.parts import EXTRA
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.repair import HISTORIES, HistoryRules, repaired
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import Loss
from circuit_breaker.llm.structured import Plan, planned

__all__ = ["MEMBERS", "Draft", "adapted"]

MEMBERS: Final = (
    "temperature", "max_tokens", "top_p", "top_k", "frequency_penalty", "presence_penalty", "stop", "seed", "n",
    "parallel_tool_calls", "reasoning_effort", "user", "metadata",
)  # fmt: skip
"""Members of a request that say how to answer."""

MOST_TOLD: Final = 20
"""Unknown members of a client's document that are named in the losses."""

_SILENT: Final[Mapping[str, tuple[Any, ...]]] = {"stop": ((),), "n": (None, 1), "metadata": ({},)}
"""Values of members that are the same as none."""


@attrs.define(kw_only=True)
class Draft:
    """A request on its way to a vendor.

    Attributes:
        request: What is asked, with the tools and messages that go out.
        profile: What is known of the model.
        stream: Whether the answer is to be streamed.
        members: How to answer, by the names that the vendor takes: :data:`MEMBERS`, adapted.
        names: What the vendor calls our tools.
        plan: How the form of the answer is asked for.
        losses: What could not be sent as it was asked for; a vendor's dialect may add to it.
    """

    request: ChatCompletionRequest
    profile: ModelProfile
    stream: bool
    members: dict[str, Any]
    names: Names
    plan: Plan
    losses: list[Loss] = attrs.field(factory=list)

    def lose(self, what: str, how: Any, why: str) -> None:
        """Notes that something is not sent as it was asked for."""
        self.losses.append(Loss(what, how, why))


def adapted(request: ChatCompletionRequest, profile: ModelProfile, *, kind: str, stream: bool = False) -> Draft:
    """The request as the model takes it, with its conversation repaired for that kind of provider."""
    losses: list[Loss] = []
    rules = HISTORIES.get(kind, HISTORIES["custom"])
    request = _passing(request, profile, losses)
    plan, request = planned(request, profile, losses)
    request = _with_abilities(request, profile, losses)
    request = _with_own_members(request, rules, losses)
    messages = repaired(request.messages, rules, profile, losses)
    if messages != request.messages:
        request = attrs.evolve(request, messages=messages)
    return Draft(
        request=request,
        profile=profile,
        stream=stream,
        members=_members(request, profile, losses),
        names=_names(request),
        plan=plan,
        losses=losses,
    )


def _names(request: ChatCompletionRequest) -> Names:
    called = (call.name for message in request.messages for call in message.tool_calls)
    return Names([*(tool.name for tool in request.tools), *called])


def _passing(request: ChatCompletionRequest, profile: ModelProfile, losses: list[Loss]) -> ChatCompletionRequest:
    """The request with what its client says beyond what we know, as far as the profile lets it pass."""
    if not request.unknown:
        return request
    passed = {name: value for name, value in request.unknown.items() if name in profile.passes}
    dropped = [name for name in request.unknown if name not in passed]
    losses.extend(
        Loss(name, "dropped", "the profile of the model does not let it pass") for name in dropped[:MOST_TOLD]
    )
    if len(dropped) > MOST_TOLD:
        more = len(dropped) - MOST_TOLD
        losses.append(Loss("the request", "dropped", f"{more} more members, which do not pass either"))
    return attrs.evolve(request, extra={**passed, **request.extra}, unknown=EXTRA)


def _with_own_members(request: ChatCompletionRequest, rules: HistoryRules, losses: list[Loss]) -> ChatCompletionRequest:
    """The request whose tools have no members of other vendors."""
    if not any(tool.extra for tool in request.tools):
        return request
    tools = []
    for tool in request.tools:
        kept = rules.own(tool.extra)
        names = sorted(tool.extra.keys() - kept.keys())
        losses.extend(Loss(f"tools.{tool.name}.{name}", "dropped", "another vendor's member") for name in names)
        tools.append(attrs.evolve(tool, extra=kept))
    return attrs.evolve(request, tools=tools)


def _with_abilities(request: ChatCompletionRequest, profile: ModelProfile, losses: list[Loss]) -> ChatCompletionRequest:
    """The request without what the model cannot do at all."""
    if request.tools and not profile.can("tools"):
        losses.append(Loss("tools", "dropped", "the model calls no tools"))
        request = attrs.evolve(request, tools=(), tool_choice="auto")
    if not profile.can("system") and any(message.role == "system" for message in request.messages):
        losses.append(Loss("messages", "changed", "the model takes no system message: it is said by the user"))
        said = (attrs.evolve(one, role="user") if one.role == "system" else one for one in request.messages)
        request = attrs.evolve(request, messages=tuple(said))
    return request


def _given(request: ChatCompletionRequest) -> dict[str, Any]:
    """The members that the request sets."""
    found = {
        name: value
        for name in MEMBERS
        if (value := getattr(request, name)) is not None and value not in _SILENT.get(name, ())
    }
    if not request.tools:
        found.pop("parallel_tool_calls", None)
    return found


def _members(request: ChatCompletionRequest, profile: ModelProfile, losses: list[Loss]) -> dict[str, Any]:
    members = {**profile.defaults, **_given(request)}
    _drop(members, profile, losses)
    _limit(members, profile, losses)
    members = {**profile.required, **members}
    for name, value in profile.fixed.items():
        if name in members and members[name] != value:
            losses.append(Loss(name, "changed", f"the model takes {value!r} only, not {members[name]!r}"))
            members[name] = value
    return {_renamed(name, profile, losses): value for name, value in members.items()}


def _drop(members: dict[str, Any], profile: ModelProfile, losses: list[Loss]) -> None:
    for name in sorted(profile.refused & members.keys()):
        del members[name]
        if name not in profile.defaults:
            losses.append(Loss(name, "dropped", "the model does not take it"))


def _limit(members: dict[str, Any], profile: ModelProfile, losses: list[Loss]) -> None:
    ranges = dict(profile.ranges)
    if profile.max_output_tokens is not None:
        ranges.setdefault("max_tokens", (1, profile.max_output_tokens))
    for name, (least, most) in ranges.items():
        if name in members and (limited := _within(members[name], least, most)) != members[name]:
            losses.append(Loss(name, "changed", f"the model takes {least:g} to {most:g}, not {_told(members[name])}"))
            members[name] = limited


def _within(value: Any, least: float, most: float) -> Any:
    """The nearest that is in the range; of several texts, as many as may be."""
    if isinstance(value, Sequence):
        return value[: int(most)]
    if isinstance(value, (int, float)) and not least <= value <= most:
        nearest = min(max(value, least), most)
        return int(nearest) if isinstance(value, int) and float(nearest).is_integer() else nearest
    return value


def _told(value: Any) -> str:
    return f"{len(value)} of them" if isinstance(value, Sequence) else f"{value!r}"


def _renamed(name: str, profile: ModelProfile, losses: list[Loss]) -> str:
    new = profile.renamed.get(name, name)
    if new != name:
        losses.append(Loss(name, "renamed", f"the model calls it {new}"))
    return new
