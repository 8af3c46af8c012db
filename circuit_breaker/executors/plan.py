"""The steps of a step executor as they were written: what is wrong with them, their names, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.errors import CircuitBreakerError, Fault, nearest
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.schema import shown

__all__ = ["Ledger", "Step", "named", "step_faults", "undecided", "well_formed"]

_KEYS: Final = ("executor", "context", "name", "when")


@attrs.frozen
class Step:
    """One step: ``when`` is given the results so far, by name of the step, and says whether it runs."""

    name: str
    executor: type[BaseExecutor]
    context: Mapping[str, Any]
    when: Callable[[Mapping[str, Any]], Any] | None = None


@attrs.frozen
class _Later:
    """Stands for a value that a step before this one may give."""


@attrs.define
class Ledger:
    """What became of each step."""

    steps: Sequence[Step]
    results: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    failures: dict[str, Exception] = attrs.field(factory=dict)
    skipped: set[str] = attrs.field(factory=set)
    fractions: dict[str, float] = attrs.field(factory=dict)

    def known(self) -> dict[str, Any]:
        """What the steps so far have given, by key; a later step replaces what an earlier one gave."""
        return {key: value for step in self.steps for key, value in self.results.get(step.name, {}).items()}

    def share(self, name: str, fraction: float) -> float:
        """How much of everything is done when this much of the step is."""
        self.fractions[name] = fraction
        return sum(self.fractions.values()) / len(self.steps)

    def document(self, status: str) -> dict[str, Any]:
        """All that happened, as an outcome."""
        order = [step.name for step in self.steps]
        return {
            "status": status,
            "results": {name: self.results[name] for name in order if name in self.results},
            "failures": {name: _described(self.failures[name]) for name in order if name in self.failures},
            "skipped": [name for name in order if name in self.skipped],
        }


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, CircuitBreakerError):
        return {"code": error.code, "message": error.message}
    return {"code": type(error).__name__, "message": str(error)}


def named(steps: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
    """The steps; one without a name gets that of its class, with a number where several have the same."""
    taken = {str(step["name"]) for step in steps if step.get("name")}
    for step in steps:
        title = step["executor"].__name__
        name = step.get("name") or next(name for name in _numbered(title) if name not in taken)
        taken.add(name)
        yield Step(name, step["executor"], step.get("context") or {}, step.get("when"))


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def well_formed(steps: Any) -> bool:
    """Whether these are steps as far as one can see without looking at their parameters."""
    if not isinstance(steps, (list, tuple)) or not all(isinstance(step, Mapping) for step in steps):
        return False
    return not any(_shape_faults(steps))


def undecided(steps: Any, references: tuple[type, ...]) -> bool:
    """Whether a step, or what is in one, is not known yet."""
    if isinstance(steps, references):
        return True
    return any(isinstance(part, references) for step in steps for part in (step, *_values(step)))


def _values(step: Any) -> Iterable[Any]:
    return step.values() if isinstance(step, Mapping) else ()


def step_faults(
    steps: Sequence[Mapping[str, Any]], *, parallel: bool, references: tuple[type, ...] = ()
) -> Iterator[Fault]:
    """What is wrong with the steps; what an earlier step may give is not missed."""
    shape = list(_shape_faults(steps))
    yield from shape
    if shape:
        return
    for index, step in enumerate(steps):
        executor, context = step["executor"], step.get("context") or {}
        later = {} if parallel or index == 0 else dict.fromkeys(executor.executor_config.parameters, _Later())
        for fault in executor.check_parameters({**later, **context}, references=(*references, _Later)):
            yield attrs.evolve(fault, place=f"steps[{index}], {fault.place}")


def _shape_faults(steps: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    names: set[str] = set()
    for index, step in enumerate(steps):
        place = f"steps[{index}]"
        for key in step:
            if key not in _KEYS:
                yield Fault(place, f"has an unknown key '{key}'", nearest(str(key), _KEYS))
        yield from _value_faults(place, step)
        name = step.get("name")
        if isinstance(name, str) and name in names:
            yield Fault(place, f"has the name '{name}', which another step has", "give it a name of its own")
        names.add(str(name))


def _value_faults(place: str, step: Mapping[str, Any]) -> Iterator[Fault]:
    executor, context, name, when = (step.get(key) for key in _KEYS)
    if not (isinstance(executor, type) and issubclass(executor, BaseExecutor)):
        yield Fault(
            place, f"{shown(executor)} is no executor class", "give a subclass of BaseExecutor under 'executor'"
        )
    if context is not None and not (isinstance(context, Mapping) and all(isinstance(key, str) for key in context)):
        yield Fault(place, "its context is no mapping of parameters by name", "give a dict with text keys")
    if name is not None and not (isinstance(name, str) and name):
        yield Fault(place, f"{shown(name)} is no name", "give a text")
    if when is not None and not callable(when):
        yield Fault(place, "'when' cannot be called", "give a function of the results so far")
