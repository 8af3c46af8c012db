"""Several: the states of a model in which more than one token of a case is meant to be."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

import attrs

from circuit_breaker.net.structure import Arc
from circuit_breaker.workflow.verification.model import Model

__all__ = ["several"]


@attrs.frozen(eq=False)
class _Step:
    """What a transition does.

    Attributes:
        takes: How many tokens it takes of each state.
        gives: How many it brings there.
        barred: Whether it waits until a state is empty.
        spare: Whether it is only there for what should not be.
    """

    takes: Counter[str]
    gives: Counter[str]
    barred: bool
    spare: bool


def several(model: Model) -> set[str]:
    """The states that several tokens are brought to or taken from at once, and those on the way from or to there.

    From where several are brought they go on until so many are taken at once. To where several are taken they come
    from as far back as nothing makes more than one of them. What is spare says nothing beyond its own states. And
    where each token waits for something else, it is not only let on as often as it comes.
    """
    steps = [*_steps(model)]
    asked = [step for step in steps if not step.spare]
    own = {state for step in steps for state, count in (step.takes | step.gives).items() if count > 1}
    return own | _after(asked) | _before(asked) | _waiting(asked)


def _steps(model: Model) -> Iterator[_Step]:
    for net, act in zip(model.net.transitions, model.acts, strict=True):
        if not (act.stays or act.silent):
            spare = act.transition is not None and act.transition.metadata.get("spare") is True
            yield _Step(_tokens(model, net.takes), _tokens(model, net.gives), bool(net.inhibitors), spare)


def _tokens(model: Model, arcs: Iterable[Arc]) -> Counter[str]:
    found = Counter[str]()
    for arc in arcs:
        found[model.spots[arc.place].state] += arc.weight
    return found


def _after(steps: Sequence[_Step]) -> set[str]:
    """Where tokens come of which several were made at once, as long as there are several."""
    leaving: dict[str, set[tuple[int, str]]] = {}
    many: dict[str, int] = {}
    for step in steps:
        made = [state for state, count in step.gives.items() if count > 1]
        most = sum(step.gives[state] for state in made)
        many |= {state: max(most, many.get(state, 0)) for state in made}
        for state, count in step.takes.items():
            leaving.setdefault(state, set()).update((count, target) for target in step.gives)
    ahead = deque(many)
    while ahead:
        state = ahead.popleft()
        for count, target in leaving.get(state, ()):
            left = many[state] // count
            if left > max(1, many.get(target, 0)):
                many[target] = left
                ahead.append(target)
    return set(many)


def _before(steps: Sequence[_Step]) -> set[str]:
    """Where tokens come from of which several are taken at once, back to what makes more than one token."""
    entering: dict[str, set[str]] = {}
    for step in steps:
        if step.gives.total() == 1:
            entering.setdefault(next(iter(step.gives)), set()).update(step.takes)
    found = {state for step in steps for state, count in step.takes.items() if count > 1}
    ahead = deque(found)
    while ahead:
        new = entering.get(ahead.popleft(), set()) - found
        found |= new
        ahead.extend(new)
    return found


def _waiting(steps: Sequence[_Step]) -> set[str]:
    """Where every way on takes another token, too, or waits until a state is empty."""
    held = {state for step in steps if step.barred or step.takes.total() > 1 for state in step.takes}
    return held - {state for step in steps if not step.barred and step.takes.total() == 1 for state in step.takes}
