"""Edges: the events at the edge of an activity, and where its failures lead."""

from __future__ import annotations

from collections.abc import Iterator

from circuit_breaker.rules import field
from circuit_breaker.workflow.bpmn.making import Making, cleared
from circuit_breaker.workflow.bpmn.model import Node
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.patterns.basics import LAST
from circuit_breaker.workflow.state import Bundle, State

__all__ = ["catcher_of", "failing_to", "make_edges"]

CODE = field("metadata.failure.code")


def _catchers(node: Node) -> Iterator[Node]:
    """The error events that a failure at a node may lead to: its own, then those of the sub-processes it is in."""
    host: Node | None = node
    while host is not None:
        yield from (event for event in host.boundary if event.event == "error")
        host = host.scope.owner


def catcher_of(node: Node, code: str, making: Making) -> Node | None:
    """The error event around a node that catches an error of this code."""
    around = [] if node.scope.owner is None else list(_catchers(node.scope.owner))
    return next((event for event in around if making.library.declared(event) in ("", code)), None)


def failing_to(making: Making, made: Flow, node: Node) -> Flow:
    """The flow of work, which leads to the error and timer events around it when it fails or takes too long."""
    timers = [event for event in node.boundary if event.event == "timer" and event.interrupts]
    timers.sort(key=lambda event: making.library.delay(event) or 0.0)
    for event in timers[1:]:
        words = f"never happens: {timers[0].title} at the same activity ends it before"
        making.findings.fault(event.element, event.title, words, "remove it, or let it not interrupt")
    for event in timers[:1]:
        delay = making.library.delay(event)
        if delay:
            made = made.timeout(delay)
        else:
            making.findings.fault(
                event.element, event.title, "its time is no fixed duration", "write one such as PT10M"
            )
    errors = list(_catchers(node))
    ways: list[tuple[Node, str]] = [(event, "timeout") for event in timers[:1]]
    ways += [(event, making.library.declared(event)) for event in errors]
    if not ways:
        return made
    if timers and not errors:
        words = "any failure of the activity leads this way too, not only that it takes too long"
        making.findings.note(timers[0].element, timers[0].title, words, "add an error event to tell them apart")
    if len(ways) == 1:
        return made.on_failure(making.places.at(ways[0][0]))
    failed = making.places.at(node, "/failed")
    for event, code in ways:
        step = making.step(failed, making.places.at(event), node, f"{node.name} fails to {event.name}")
        making.add(step.guard(code == CODE) if code and event is not errors[-1] else step.priority(LAST))
        if not code:
            break
    return made.on_failure(failed)


def make_edges(making: Making, host: Node) -> None:
    """Adds the flows of the events at the edge of an activity."""
    for event in host.boundary:
        if event.event == "error":
            _error(making, host, event)
        elif event.event == "timer" and event.interrupts and host.works:
            making.later.append(lambda event=event: _leave(making, host, event))  # type: ignore[misc]
        elif making.places.has_watch(event):
            making.later.append(lambda event=event: _watch(making, host, event))  # type: ignore[misc]
        else:
            made = making.step(making.places.at(host), making.leaving(event), event)
            making.add(making.library.triggered(cleared(made, making.watches(host)), event))


def _withdrawn(making: Making, host: Node, *, but: State | None = None) -> list[State]:
    """What ends when an activity is interrupted."""
    inner = (making.places.at(host),) if host.inner is None else making.inside(host.inner)
    known = making.places.made
    under_way = [known.get((host, "/failed")), *(known.get((event, "")) for event in host.boundary)]
    states = dict.fromkeys((*inner, *making.watches(host), *(state for state in under_way if state is not None)))
    return [state for state in states if state is not but]


def _watch(making: Making, host: Node, event: Node) -> None:
    armed = making.places.armed(event)
    if event.interrupts:
        made = cleared(making.step(armed, making.leaving(event), event), _withdrawn(making, host, but=armed))
    else:
        again = event.event != "timer" or making.library.interval(event) is not None
        made = making.step(armed, (*([armed] if again else []), *making.leaving(event)), event)
    making.add(making.library.triggered(made, event))


def _leave(making: Making, host: Node, event: Node) -> None:
    """On from the state that a failure has led to."""
    made = making.step(making.places.at(event), making.leaving(event), event)
    making.add(cleared(made, _withdrawn(making, host) if host.inner is not None else making.watches(host)))


def _error(making: Making, host: Node, event: Node) -> None:
    if (event, "") in making.places.made or host.works:
        making.later.append(lambda: _leave(making, host, event))
        return
    words = "nothing in the activity fails by itself: somebody fires this way"
    making.findings.note(event.element, event.title, words)
    if host.inner is None:
        made = making.step(making.places.at(host), making.leaving(event), event)
        making.add(cleared(made, making.watches(host)).manual())
        return

    def anywhere() -> None:
        inner = making.inside(host.inner) if host.inner is not None else ()
        made = making.way(tuple(map(Bundle.of, inner)), making.leaving(event), event)
        making.add(cleared(made, _withdrawn(making, host)).manual())

    making.later.append(anywhere)
