"""What a page tells of a workflow, section by section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from circuit_breaker.net.graph import Drawing, counted
from circuit_breaker.rules import Rule
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Execution, Step
from circuit_breaker.workflow.pages.section import Section
from circuit_breaker.workflow.timing import After, Every, Manual, OnSignal, in_words
from circuit_breaker.workflow.transition import Transition

__all__ = ["sections_of"]


def sections_of(workflow: Workflow, drawing: Drawing) -> Iterator[Section]:
    """The sections of the page of a workflow; those without content are left out.

    Args:
        workflow: The definition.
        drawing: Its picture.
    """
    yield Section("", _facts(workflow))
    yield Section("Picture", picture=drawing)
    yield _states(workflow)
    yield _transitions(workflow)
    for section in (_roles(workflow), _timers(workflow), _signals(workflow), _executors(workflow), _rules(workflow)):
        if section.rows:
            yield section


def _facts(workflow: Workflow) -> tuple[str, ...]:
    size = f"{counted(len(workflow.states), 'state')}, {counted(len(workflow.by_name), 'transition')}"
    ends = ", ".join(state.name for state in workflow.states if state.name in workflow.final) or "no state"
    facts = f"Version {workflow.version}: {size}. A case starts in {workflow.initial} and may end in {ends}."
    return (*filter(None, [workflow.description]), facts)


def _states(workflow: Workflow) -> Section:
    rows = []
    for state in workflow.states:
        kinds = [
            *(["start"] if state.name == workflow.initial else []),
            *(["end"] if state.name in workflow.final else []),
        ]
        leaving = ", ".join(transition.name for transition in workflow.leaving[state.name])
        said = [state.message, f"records the time as {state.timestamp}" if state.timestamp else ""]
        rows.append((state.name, ", ".join(kinds), leaving, "\n".join(filter(None, said))))
    return Section("States", columns=("State", "Kind", "Left by", "Notes"), rows=rows)


def _transitions(workflow: Workflow) -> Section:
    rows = [
        (
            _named(transition),
            _path(transition),
            _trigger(transition),
            "\n".join(_judged(transition)),
            "\n".join(_done(transition)),
        )
        for transition in workflow.transitions
    ]
    return Section("Transitions", columns=("Transition", "From and to", "Fires", "If", "Does"), rows=rows)


def _named(transition: Transition) -> str:
    return "\n".join(filter(None, (transition.name, transition.description)))


def _path(transition: Transition) -> str:
    net = transition.net

    def all_of(arcs: Iterable[tuple[str, int]]) -> str:
        return ", ".join(f"{weight}× {place}" if weight > 1 else place for place, weight in arcs) or "nowhere"

    lines = [
        f"{all_of((a.place, a.weight) for a in net.takes)} → {all_of((a.place, a.weight) for a in net.gives)}",
        *(f"needs a token in {arc.place}" for arc in net.reads),
        *(f"not while there is a token in {arc.place}" for arc in net.inhibitors),
        f"waits for whatever is on its way to {', '.join(net.awaits)}" if net.awaits else "",
        f"clears {', '.join(net.resets)}" if net.resets else "",
    ]
    return "\n".join(filter(None, lines))


def _trigger(transition: Transition) -> str:
    by = f" by {' or '.join(transition.roles)}" if transition.roles else ""
    match transition.trigger:
        case Manual():
            return f"by hand{by}"
        case OnSignal(name):
            return f"on the signal {name}{by}"
        case After(delay):
            return f"{in_words(delay)} after entering"
        case Every(interval):
            return f"every {in_words(interval)}"
        case _:
            return "by itself" + (f", with priority {transition.priority}" if transition.priority else "")


def _judged(transition: Transition) -> Iterator[str]:
    if transition.guard is not None:
        yield _worded(transition.guard)
    if transition.validations is not None:
        yield f"before: {_worded(transition.validations)}"
    if transition.rules is not None:
        yield f"afterwards: {_worded(transition.rules)}"
    if transition.otherwise is not None:
        yield f"otherwise → {transition.otherwise}"


def _worded(rule: Rule) -> str:
    """A rule in words: its name, what it means and what it looks at, as far as they differ."""
    parts = dict.fromkeys(filter(None, (rule.name, rule.description, rule.tree.text)))
    first, *rest = parts or [str(rule)]
    return f"{first} ({'; '.join(rest)})" if rest else first


def _done(transition: Transition) -> Iterator[str]:
    for step in transition.steps:
        yield f"{step.name}{_asked(step)}"
    if transition.timeout is not None:
        yield f"at most {in_words(transition.timeout)} for each attempt"
    if transition.retry is not None:
        yield f"up to {transition.retry.max_attempts} attempts"
    if transition.effect == "at_most_once":
        yield "at most once"
    if transition.compensate is not None:
        yield f"undone by {transition.compensate.name}"
    if transition.on_failure is not None:
        yield f"if it fails → {transition.on_failure}"


def _asked(step: Step) -> str:
    """The names of the parameters: their values may be secret."""
    return f" with {', '.join(step.parameters)}" if isinstance(step, Execution) and step.parameters else ""


def _grouped(pairs: Iterable[tuple[str, Transition]]) -> list[tuple[str, str]]:
    """For each first value the names of the transitions."""
    found: dict[str, dict[str, None]] = {}
    for key, transition in pairs:
        found.setdefault(key, {})[transition.name] = None
    return [(key, ", ".join(names)) for key, names in found.items()]


def _roles(workflow: Workflow) -> Section:
    pairs = ((role, transition) for transition in workflow.transitions for role in transition.roles)
    return Section("Roles", columns=("Role", "May fire"), rows=_grouped(pairs))


def _timers(workflow: Workflow) -> Section:
    rows = [
        (each.name, _trigger(each), ", ".join(each.sources)) for each in workflow.transitions if each.delay is not None
    ]
    return Section("Timers", columns=("Transition", "Fires", "Of"), rows=rows)


def _signals(workflow: Workflow) -> Section:
    pairs = ((transition.signal, transition) for transition in workflow.transitions if transition.signal)
    return Section("Signals", columns=("Signal", "Fires"), rows=_grouped(pairs))


def _executors(workflow: Workflow) -> Section:
    pairs = ((step.name, transition) for transition in workflow.transitions for step in transition.steps)
    return Section("Executors and actions", columns=("Name", "Used by"), rows=_grouped(pairs))


def _rules(workflow: Workflow) -> Section:
    rows = [(name, rule.description, rule.tree.text) for name, rule in workflow.rules.items()]
    return Section("Rules", columns=("Rule", "Means", "Looks at"), rows=rows)
