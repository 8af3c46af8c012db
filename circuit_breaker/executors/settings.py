"""What an operator decides about an executor, as against what a definition asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

from circuit_breaker.errors import ExecutorInvalid, Fault, nearest
from circuit_breaker.executors.secrets import NO_SECRETS, SecretSource

__all__ = ["Settings", "changed"]


@attrs.frozen(kw_only=True)
class Settings:
    """What every executor leaves to its operator. An executor with more to decide has a subclass of this.

    Attributes:
        secrets: Where the values of secrets come from: a mapping, or a function of the name, plain or async.
    """

    secrets: SecretSource = attrs.field(default=NO_SECRETS, repr=False)


Kind = TypeVar("Kind", bound=Settings)
_WRONG: Final = (TypeError, ValueError)


def changed(executor: str, settings: Kind, changes: Mapping[str, Any]) -> Kind:
    """The settings with these changes.

    Raises:
        ExecutorInvalid: A setting is unknown or wrong; every fault is named.
    """
    known = [field.name for field in attrs.fields(type(settings))]
    faults = [Fault(f"setting '{name}'", "is not known", nearest(name, known)) for name in changes if name not in known]
    for name in (name for name in changes if name in known):
        try:
            attrs.evolve(settings, **{name: changes[name]})
        except _WRONG as error:
            faults.append(Fault(f"setting '{name}'", str(error)))
    if faults:
        raise ExecutorInvalid(f"The settings of {executor} are wrong", faults=faults)
    return attrs.evolve(settings, **changes)
