"""The steps of a step executor: their names, what each is given, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.errors import CircuitBreakerError, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.marks import filled, mark
from circuit_breaker.executors.secrets import holds_secret
from circuit_breaker.rules import Rule, cel
from circuit_breaker.workflow.timing import RetryPolicy, seconds

__all__ = [
    "RESULT",
    "STEP_KEYS",
    "Condition",
    "Ledger",
    "Step",
    "condition_of",
    "executor_of",
    "named",
    "policy_of",
    "result",
    "titles",
]

RESULT: Final = "$result"
STEP_KEYS: Final = ("executor", "context", "name", "when", "timeout", "retry")

Condition = Callable[["Ledger"], Any]
ONCE: Final = RetryPolicy(max_attempts=1)


def result(path: str) -> dict[str, str]:
    """What stands for the result of an earlier step, such as ``"fetch.text"`` for ``text`` of ``fetch``; plain JSON."""
    return mark(RESULT, path)


@attrs.frozen
class Step:
    """One step.

    Attributes:
        name: Unique among the steps.
        executor: What it runs.
        context: The parameters, with references to the results of earlier steps.
        condition: Given what has happened so far, says whether it runs; None where it always does.
        timeout: Seconds that each attempt may take, or None.
        retry: How often it is tried.
    """

    name: str
    executor: type[BaseExecutor]
    context: Mapping[str, Any]
    condition: Condition | None = None
    timeout: float | None = None
    retry: RetryPolicy = ONCE

    def parameters(self, ledger: Ledger, *, following: bool) -> dict[str, Any]:
        """What it is given: its context, and in a sequence what it requires beside that and earlier steps gave."""
        own: dict[str, Any] = filled(self.context, RESULT, ledger.read)
        if not following:
            return own
        declared = self.executor.executor_config.parameters
        known = ledger.known()
        taken = {name: known[name] for name, one in declared.items() if one.required and name in known}
        return {name: _harmless(value, name) for name, value in taken.items()} | own


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

    def read(self, path: str) -> Any:
        """What a reference stands for.

        Raises:
            ParameterInvalid: It is not there.
        """
        found: Any = self.results
        for part in parts_of(path, self.results):
            if not isinstance(found, Mapping) or part not in found:
                raise ParameterInvalid(
                    f"there is no result '{path}'", remedy="the step was skipped, has failed, or gave something else"
                )
            found = found[part]
        return _harmless(found, path)

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


def _harmless(value: Any, path: str) -> Any:
    """The result, if it asks for no secret: what a step gave may come from anywhere, a definition from its author."""
    if holds_secret(value):
        raise ParameterInvalid(f"the result '{path}' refers to a secret", remedy="only a definition may name secrets")
    return value


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, CircuitBreakerError):
        return {"code": error.code, "message": error.message}
    return {"code": type(error).__name__, "message": str(error)}


def parts_of(path: str, names: Iterable[str]) -> tuple[str, ...]:
    """The name of a step, which may have dots in it, and the keys of its result."""
    for name in sorted(names, key=len, reverse=True):
        if path == name or path.startswith(f"{name}."):
            return (name, *path[len(name) + 1 :].split(".")) if path != name else (name,)
    return tuple(path.split("."))


def titles(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The names of the steps; one without a name gets that of its executor, with a number where several have it."""
    steps = list(steps)
    taken = {str(step["name"]) for step in steps if step.get("name")}
    for step in steps:
        executor = step["executor"]
        title = executor if isinstance(executor, str) else executor.__name__
        name = step.get("name") or next(name for name in _numbered(title) if name not in taken)
        taken.add(name)
        yield name


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def executor_of(step: Mapping[str, Any], executors: Mapping[Any, Any]) -> type[BaseExecutor]:
    """The executor of a step: what its name means here, or what takes the place of its class."""
    executor = step["executor"]
    found: type[BaseExecutor] = executors[executor] if isinstance(executor, str) else executors.get(executor, executor)
    return found


def named(steps: Sequence[Mapping[str, Any]], executors: Mapping[Any, Any]) -> Iterator[Step]:
    """The steps, with the executors that they name."""
    for name, step in zip(titles(steps), steps, strict=True):
        limit = step.get("timeout")
        yield Step(
            name,
            executor_of(step, executors),
            step.get("context") or {},
            condition_of(step.get("when")),
            None if limit is None else seconds(limit, what="timeout"),
            policy_of(step.get("retry")),
        )


def policy_of(retry: Any) -> RetryPolicy:
    """How often a step is tried: settings as ``.retry()`` takes them, a policy, or None for once.

    Raises:
        WorkflowInvalid: A setting is unknown or wrong.
    """
    if retry is None or isinstance(retry, RetryPolicy):
        return retry or ONCE
    return RetryPolicy.of(retry)


@attrs.frozen
class _View:
    """What has happened so far, as rules read it: ``results`` by step, ``data`` with the keys of all of them."""

    results: Mapping[str, Any]
    data: Mapping[str, Any]
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    state: str = ""


def condition_of(when: Any) -> Condition | None:
    """What decides whether a step runs: a CEL text, a rule, a function of the results so far, or None.

    Raises:
        ConditionParsingError: The text is no expression.
    """
    if when is None:
        return None
    if isinstance(when, (str, Rule)):
        rule = cel(when) if isinstance(when, str) else when
        return lambda ledger: rule.test(_View(ledger.results, ledger.known()))
    return lambda ledger: when(ledger.results)
