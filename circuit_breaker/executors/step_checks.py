"""What is wrong with the steps of a step executor as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from circuit_breaker.errors import DefinitionError, Fault, WorkflowInvalid, nearest
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.marks import filled, marked
from circuit_breaker.executors.plan import RESULT, STEP_KEYS, condition_of, executor_of, parts_of, policy_of, titles
from circuit_breaker.executors.schema import shown
from circuit_breaker.rules import Rule
from circuit_breaker.workflow.timing import RetryPolicy, seconds

__all__ = ["step_faults", "undecided", "well_formed"]

Executors = Mapping[Any, Any]


@attrs.frozen
class _Later:
    """Stands for a value that a step before this one may give."""


def well_formed(steps: Any, executors: Executors) -> bool:
    """Whether these are steps as far as one can see without looking at their parameters."""
    if not isinstance(steps, (list, tuple)) or not all(isinstance(step, Mapping) for step in steps):
        return False
    return not any(_shape_faults(steps, executors))


def undecided(steps: Any, references: tuple[type, ...]) -> bool:
    """Whether a step, or what is in one, is not known yet."""
    if isinstance(steps, references):
        return True
    return any(isinstance(part, references) for step in steps for part in (step, *_values(step)))


def _values(step: Any) -> Iterable[Any]:
    return step.values() if isinstance(step, Mapping) else ()


def step_faults(
    steps: Sequence[Mapping[str, Any]],
    executors: Executors,
    *,
    parallel: bool,
    references: tuple[type, ...] = (),
) -> Iterator[Fault]:
    """What is wrong with the steps; what an earlier step may give is not missed."""
    shape = list(_shape_faults(steps, executors))
    yield from shape
    if shape:
        return
    names = list(titles(steps))
    for index, step in enumerate(steps):
        before = [] if parallel else names[:index]
        yield from _result_faults(f"steps[{index}]", step, before, parallel=parallel)
        executor = executor_of(step, executors)
        declared = executor.executor_config.parameters
        later = {name: _Later() for name, one in declared.items() if one.required and before}
        context = filled(step.get("context") or {}, RESULT, lambda _: _Later())
        check = executor.check_parameters
        if (below := getattr(executor, "check_steps", None)) is not None:
            check = partial(below, executors=executors)
        for fault in check({**later, **context}, references=(*references, _Later)):
            yield attrs.evolve(fault, place=f"steps[{index}], {fault.place}")


def _result_faults(place: str, step: Mapping[str, Any], before: list[str], *, parallel: bool) -> Iterator[Fault]:
    for path in marked(step.get("context") or {}, RESULT):
        name = parts_of(path, before)[0]
        if parallel:
            yield Fault(place, f"refers to the result '{path}', but the steps are parallel", "run them in sequence")
        elif name not in before:
            remedy = nearest(name, before) or "no step is before this one"
            yield Fault(place, f"refers to the result '{path}', but no step before it is called '{name}'", remedy)


def _shape_faults(steps: Sequence[Mapping[str, Any]], executors: Executors) -> Iterator[Fault]:
    names: set[str] = set()
    for index, step in enumerate(steps):
        place = f"steps[{index}]"
        for key in step:
            if key not in STEP_KEYS:
                yield Fault(place, f"has an unknown key '{key}'", nearest(str(key), STEP_KEYS))
        yield from _value_faults(place, step, executors)
        name = step.get("name")
        if isinstance(name, str) and name in names:
            yield Fault(place, f"has the name '{name}', which another step has", "give it a name of its own")
        names.add(str(name))


def _value_faults(place: str, step: Mapping[str, Any], executors: Executors) -> Iterator[Fault]:
    executor, context, name, when, timeout, retry = (step.get(key) for key in STEP_KEYS)
    yield from _executor_faults(place, executor, executors)
    if context is not None and not (isinstance(context, Mapping) and all(isinstance(key, str) for key in context)):
        yield Fault(place, "its context is no mapping of parameters by name", "give a dict with text keys")
    if name is not None and not (isinstance(name, str) and name and "/" not in name):
        yield Fault(place, f"{shown(name)} is no name", "give a text without '/'")
    yield from _when_faults(place, when)
    if retry is not None and not isinstance(retry, (Mapping, RetryPolicy)):
        yield Fault(place, f"retry={shown(retry)} is no policy", "give such as {'max_attempts': 3}")
        return
    try:
        policy_of(retry)
        if timeout is not None:
            seconds(timeout, what="timeout")
    except WorkflowInvalid as error:
        yield Fault(place, error.message, error.remedy)


def _executor_faults(place: str, executor: Any, executors: Executors) -> Iterator[Fault]:
    if isinstance(executor, str) and executor not in executors:
        hint = nearest(executor, [name for name in executors if isinstance(name, str)])
        yield Fault(place, f"there is no executor '{executor:.80}'", hint)
        return
    if not isinstance(executor, str) and not _is_executor(executor):
        remedy = "give a subclass of BaseExecutor, or the name of one, under 'executor'"
        yield Fault(place, f"{shown(executor)} is no executor class", remedy)
        return
    try:
        meant = executor_of({"executor": executor}, executors)
    except DefinitionError as error:
        yield from (attrs.evolve(fault, place=f"{place}, {fault.place}") for fault in error.faults)
        return
    if not _is_executor(meant):
        yield Fault(place, f"{shown(executor)} means {shown(meant)}, which is no executor class", "register a class")


def _is_executor(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseExecutor)


def _when_faults(place: str, when: Any) -> Iterator[Fault]:
    if when is not None and not isinstance(when, (str, Rule)) and not callable(when):
        yield Fault(place, "'when' cannot be called", "give CEL text, a rule, or a function of the results so far")
        return
    try:
        condition_of(when)
    except DefinitionError as error:
        yield Fault(place, f"'when' cannot be read: {error.message}", error.remedy)
