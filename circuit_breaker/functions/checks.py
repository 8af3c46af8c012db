"""What is checked when a function is registered, beside what it says by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from circuit_breaker.errors import Fault, FunctionInvalid, nearest
from circuit_breaker.functions.chains import ring
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.executors import Executors
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.triggers import FunctionCompletion

__all__ = ["check"]


def check(definition: FunctionDefinition, registry: Registry, executors: Executors) -> None:
    """Nothing, when the function is valid.

    Raises:
        FunctionInvalid: It is not; every fault is named.
    """
    if not isinstance(definition, FunctionDefinition):
        raise FunctionInvalid(f"{definition!r:.60} is no function", remedy="give a FunctionDefinition")
    faults = list(definition.faults())
    if not any(fault.place in ("container", "container.image") for fault in faults):
        faults += _executor(definition, executors)
    faults += _rules(definition, registry)
    faults += _others(definition, registry)
    if not faults:
        faults += _writable(definition)
    if faults:
        raise FunctionInvalid(f"Function '{definition.id}' is not valid", faults=faults)


def _executor(definition: FunctionDefinition, executors: Executors) -> Iterator[Fault]:
    if isinstance(definition.executor, type):
        try:
            executors.know(definition.executor)
        except FunctionInvalid as error:
            yield Fault("executor", error.message, error.remedy)
            return
    yield from executors.faults(definition)


def _rules(definition: FunctionDefinition, registry: Registry) -> Iterator[Fault]:
    places = [(f"triggers[{number}]", trigger.condition) for number, trigger in enumerate(definition.triggers)]
    places += [(f"chains[{number}]", chain.condition.rule) for number, chain in enumerate(definition.chains)]
    for place, rule in places:
        for error in registry.unknown_rules([rule] if rule is not None else []):
            yield from (Fault(place, f"{fault.place} {fault.message}", fault.remedy) for fault in error.faults)
            if not error.faults:
                yield Fault(place, error.message, error.remedy)


def _others(definition: FunctionDefinition, registry: Registry) -> Iterator[Fault]:
    """What is wrong with the functions that it names."""
    known = {*registry.current, definition.id}
    for number, chain in enumerate(definition.chains):
        if chain.target_function not in known:
            hint = nearest(chain.target_function, registry.current) or "register it first"
            yield Fault(f"chains[{number}]", f"there is no function '{chain.target_function}'", hint)
    for number, trigger in enumerate(definition.triggers):
        if isinstance(trigger, FunctionCompletion) and trigger.function not in known:
            hint = nearest(trigger.function, registry.current) or "register it first"
            yield Fault(f"triggers[{number}]", f"there is no function '{trigger.function}'", hint)
    found = ring(_links({**registry.current, definition.id: definition}), definition.id)
    if found:
        first = found.index(min(found))
        told = " -> ".join((*found[first:-1], *found[:first], found[first]))
        chained = any(chain.target_function == found[1] for chain in definition.chains)
        meant = "" if chained else ", or say loop=True in the FunctionCompletion where a loop is meant"
        place = "chains" if chained else "triggers"
        yield Fault(place, f"they lead back to the function: {told}", f"remove one of the links{meant}")


def _links(functions: Mapping[str, FunctionDefinition]) -> dict[str, set[str]]:
    """For each function those that run when it has ended, loops apart that are meant."""
    links = {each.id: {chain.target_function for chain in each.chains} for each in functions.values()}
    for each in functions.values():
        for trigger in each.triggers:
            if isinstance(trigger, FunctionCompletion) and not trigger.loop:
                links.setdefault(trigger.function or "", set()).add(each.id)
    return links


def _writable(definition: FunctionDefinition) -> Iterator[Fault]:
    try:
        definition.to_document()
    except FunctionInvalid as error:
        yield from error.faults
