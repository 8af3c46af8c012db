"""The hook methods of an executor class: which there are, in which order they run, and whether they can be called."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping

from circuit_breaker.errors import Fault
from circuit_breaker.executors.declarations import HOOKS, hook_of

__all__ = ["hook_faults", "hooks_of"]


def hooks_of(owner: type) -> dict[str, tuple[str, ...]]:
    """The names of the hook methods of each kind, in the order in which they run."""
    bases_first = _hook_names(reversed(owner.__mro__))
    bases_last = _hook_names(owner.__mro__)
    order = dict.fromkeys(HOOKS, bases_first) | dict.fromkeys(("after_execute", "finally_execute"), bases_last)
    return {hook: tuple(name for name, kind in order[hook].items() if kind == hook) for hook in HOOKS}


def _hook_names(classes: Iterable[type]) -> dict[str, str]:
    found: dict[str, str] = {}
    for cls in classes:
        for name, member in vars(cls).items():
            hook = hook_of(member)
            if hook in HOOKS:
                found.setdefault(name, hook)
    return found


def hook_faults(owner: type, hooks: Mapping[str, tuple[str, ...]], *, abstract: bool) -> Iterator[Fault]:
    """What is wrong with the hook methods and with ``execute_internal``."""
    for hook, names in hooks.items():
        for name in names:
            argument = "result" if hook == "after_execute" else "context"
            yield from _method_faults(owner, name, f"@{hook} '{name}'", argument)
            if hook == "validate" and inspect.iscoroutinefunction(inspect.getattr_static(owner, name)):
                yield Fault(f"@validate '{name}'", "is async", "look things up in @before_execute")
    work = inspect.getattr_static(owner, "execute_internal")
    if not getattr(work, "__isabstractmethod__", False):
        yield from _method_faults(owner, "execute_internal", "execute_internal", "context")
    elif not abstract:
        yield Fault("execute_internal", "is not defined", "define it, or write class ...(BaseExecutor, abstract=True)")


def _method_faults(owner: type, name: str, place: str, argument: str) -> Iterator[Fault]:
    member = inspect.getattr_static(owner, name)
    wanted = f"def {name}(self, {argument})"
    if not inspect.isfunction(member):
        yield Fault(place, f"is a {type(member).__name__}, no method", f"write {wanted}")
        return
    signature = inspect.signature(member)
    try:
        signature.bind(None, None)
    except TypeError:
        yield Fault(place, f"has the signature {name}{signature}", f"write {wanted}")
