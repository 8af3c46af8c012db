"""Reach: where cases start and end, and the states that none of them can come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import attrs

from circuit_breaker.errors import Fault, nearest
from circuit_breaker.workflow.compiling import starting_states
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import Bundle

__all__ = ["end_faults", "unreached"]


def end_faults(
    flows: tuple[Flow, ...], known: Collection[str], *, initial: str | None, final: Iterable[str] | None
) -> Iterator[Fault]:
    """Names of first and final states that are no states, and several first states."""
    if initial is not None and initial not in known:
        yield Fault("workflow", f"initial='{initial}' is none of its states", nearest(initial, known))
    starting = [state.name for state in starting_states(flows)]
    if initial is None and len(starting) > 1:
        yield Fault("workflow", f"has several first states: {', '.join(starting)}", "say which with initial=")
    for name in sorted(final or ()):
        if name not in known:
            yield Fault("workflow", f"final='{name}' is none of its states", nearest(name, known))


def unreached(flows: tuple[Flow, ...], known: Collection[str], *, initial: str | None) -> Iterator[Fault]:
    """States that no case can come to; nothing where it is not known where cases start.

    What is only reached through such states is no fault of its own; where some lead to each other, each is one.
    """
    starting = [initial] if initial is not None else [state.name for state in starting_states(flows)]
    if len(starting) > 1 or starting[0] not in known:
        return
    ways = _Ways.of(flows)
    reached = ways.grown(set(), {starting[0]})
    while rest := [name for name in known if name not in reached]:
        origin = ways.origin(rest[0], set(rest))
        for name in (name for name in rest if name in origin):
            yield Fault(
                f"state '{name}'", f"cannot be reached from '{starting[0]}'", "add a transition that leads to it"
            )
        reached = ways.grown(reached, origin)


@attrs.frozen
class _Ways:
    """Where the flows lead.

    Attributes:
        leaving: The flows that take a token from a state.
        before: The states that a state is entered from.
        after: The states that are entered from a state.
    """

    leaving: Mapping[str, Collection[Flow]]
    before: Mapping[str, Collection[str]]
    after: Mapping[str, Collection[str]]

    @classmethod
    def of(cls, flows: Iterable[Flow]) -> _Ways:
        """The ways of these flows."""
        leaving: dict[str, list[Flow]] = {}
        before: dict[str, set[str]] = {}
        after: dict[str, set[str]] = {}
        for flow in flows:
            targets = [state.name for state in flow.targets]
            for source in {state.name for bundle in flow.path.sources for state in bundle.states}:
                leaving.setdefault(source, []).append(flow)
                after.setdefault(source, set()).update(targets)
                for target in targets:
                    before.setdefault(target, set()).add(source)
        return cls(leaving, before, after)

    def grown(self, reached: set[str], new: Iterable[str]) -> set[str]:
        """The states that are reached, with some more, and all that can be come to from all of them by the paths."""
        ahead = list(new)
        reached.update(ahead)
        while ahead:
            for flow in self.leaving.get(ahead.pop(), ()):
                if any(reached.issuperset(_names(bundle)) for bundle in flow.path.sources):
                    found = [state.name for state in flow.targets if state.name not in reached]
                    reached.update(found)
                    ahead += found
        return reached

    def origin(self, name: str, within: Collection[str]) -> set[str]:
        """Of those that lead to a state, itself included, some that no other leads to: one, or several in a ring."""
        while strangers := _closure(name, self.before, within) - _closure(name, self.after, within):
            name = min(strangers)
        return _closure(name, self.before, within)


def _names(bundle: Bundle) -> list[str]:
    return [state.name for state in bundle.states]


def _closure(name: str, edges: Mapping[str, Collection[str]], within: Collection[str]) -> set[str]:
    """Everything that the edges lead to from a state without leaving some others, itself included."""
    found, ahead = {name}, [name]
    while ahead:
        new = {each for each in edges.get(ahead.pop(), ()) if each in within and each not in found}
        found |= new
        ahead += new
    return found
