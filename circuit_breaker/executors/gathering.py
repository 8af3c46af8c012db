"""From a class as it was written to its config, with everything that is wrong in it reported together."""

from __future__ import annotations

from collections.abc import Iterator

from circuit_breaker.errors import ExecutorInvalid, Fault
from circuit_breaker.executors.body import Body
from circuit_breaker.executors.config import ExecutorConfig
from circuit_breaker.executors.declarations import Declaration
from circuit_breaker.executors.draft import Draft
from circuit_breaker.executors.hooks import hook_faults, hooks_of
from circuit_breaker.executors.parameters import Parameter

__all__ = ["gathered", "inherited_parameters"]


def gathered(owner: type, body: Body, declarations: tuple[Declaration, ...], *, abstract: bool) -> ExecutorConfig:
    """The config of an executor class, what it inherits included.

    Raises:
        ExecutorInvalid: Something is wrong in the class; every fault is named.
    """
    inherited = inherited_parameters(owner)
    faults = [*body.faults, *_repeated(declarations)]
    own: dict[str, Parameter] = {}
    by_name = {declaration.name: declaration for declaration in declarations}
    for name in dict.fromkeys([*by_name, *body.kinds, *body.defaults]):
        draft = Draft(owner, name, by_name.get(name, Declaration(name=name)), body, inherited.get(name))
        made = draft.parameter()
        faults.extend(draft.faults)
        if made is not None:
            own[name] = made
    hooks = hooks_of(owner)
    faults.extend(hook_faults(owner, hooks, abstract=abstract))
    if faults:
        raise ExecutorInvalid(f"The executor {owner.__qualname__} is not valid", faults=faults)
    extensible = bool(getattr(owner, "_extensible", False))
    return ExecutorConfig(parameters={**inherited, **own}, own=frozenset(own), extensible=extensible, **hooks)


def inherited_parameters(owner: type) -> dict[str, Parameter]:
    """The parameters of the bases, as Python would look them up."""
    found: dict[str, Parameter] = {}
    for base in reversed(owner.__mro__[1:]):
        config = vars(base).get("executor_config")
        if isinstance(config, ExecutorConfig):
            found.update((name, config.parameters[name]) for name in config.parameters if name in config.own)
    return found


def _repeated(declarations: tuple[Declaration, ...]) -> Iterator[Fault]:
    names = [declaration.name for declaration in declarations]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Fault(f"parameter '{name}'", f"is declared {names.count(name)} times", "declare it once")
