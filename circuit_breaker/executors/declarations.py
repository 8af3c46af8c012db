"""What is written in an executor class: parameters and hooks. These only tag; the class gathers them when it is made.

::

    @parameter("image", description="Image to run, such as 'python:3.12-slim'")
    class Runner(BaseExecutor):
        image: str
        retries: int = 0  # a typed attribute is a parameter too

        @validate
        def image_is_named(self, context):
            if not context["image"]:
                raise ValueError("the image has no name")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeVar, cast

import attrs

from circuit_breaker.errors import ExecutorInvalid, Fault
from circuit_breaker.executors.limits import UNLIMITED, Limits
from circuit_breaker.executors.parameters import REQUIRED
from circuit_breaker.executors.schema import shown

__all__ = [
    "HOOKS",
    "Declaration",
    "after_execute",
    "before_execute",
    "finally_execute",
    "hook_of",
    "parameter",
    "validate",
]

HOOKS: Final = ("validate", "before_execute", "after_execute", "finally_execute")
_TAG: Final = "__executor_hook__"

Hook = TypeVar("Hook", bound=Callable[..., Any])


class Declarable(Protocol):
    """A class that takes declarations from its decorators."""

    @classmethod
    def declare(cls, declaration: Declaration) -> None:
        """Adds a parameter to those that the class has."""


Class = TypeVar("Class", bound=type[Declarable])


@attrs.frozen(kw_only=True)
class Declaration:
    """The arguments of one :func:`parameter`, not yet compared with the class."""

    name: str
    type: Any = None
    default: Any = attrs.field(default=REQUIRED, repr=False)
    required: bool | None = None
    description: str = ""
    choices: Any = attrs.field(default=None, repr=False)
    secret: bool = False
    limits: Limits = UNLIMITED
    exposed: bool = True
    unknown: Mapping[str, Any] = attrs.field(factory=dict)


def parameter(  # noqa: PLR0913 - one for each thing that can be said of a parameter
    name: str,
    *,
    type: Any = None,  # noqa: A002 - what everybody calls it
    default: Any = REQUIRED,
    required: bool | None = None,
    description: str = "",
    choices: Iterable[Any] | None = None,
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    **unknown: Any,
) -> Callable[[Class], Class]:
    """Declares a parameter of the executor class below it.

    Args:
        name: Its name, a Python identifier.
        type: ``"string"``, ``"integer"``, ``"number"``, ``"boolean"``, ``"array"``, ``"hash"``, or a Python type. May
            be left out where an attribute of that name is annotated in the class.
        default: The value when none is given; without it the parameter is required. None adds None to the type.
        required: ``False`` is short for ``default=None``.
        description: What it is for; shown in the schema.
        choices: The only values possible.
        secret: Never shown in messages, in a repr or in the schema.
        minimum: The least number.
        maximum: The greatest number.
        min_length: The fewest characters or items.
        max_length: The most characters or items.
        pattern: A regular expression of which a match must be found in the text.
        **unknown: There are no others; what is given here is reported with the faults of the class.

    Raises:
        ExecutorInvalid: When it decorates something else than an executor class, or when the class is wrong.
    """
    declaration = Declaration(
        name=name,
        type=type,
        default=default,
        required=required,
        description=description,
        choices=choices,
        secret=secret,
        limits=Limits(minimum, maximum, min_length, max_length, pattern),
        unknown=unknown,
    )

    def declare(cls: Class) -> Class:
        if not hasattr(cls, "declare"):
            fault = Fault(f"@parameter({name!r})", f"{shown(cls)} is no executor class", "subclass BaseExecutor")
            raise ExecutorInvalid(faults=[fault])
        cls.declare(declaration)
        return cls

    return declare


def _tagged(method: Hook, hook: str) -> Hook:
    if not hasattr(method, "__func__") and not callable(method):
        raise ExecutorInvalid(
            faults=[Fault(f"@{hook}", f"{shown(method)} is no method", f"write @{hook} above a method")]
        )
    setattr(method, _TAG, hook)
    return method


def hook_of(member: object) -> str | None:
    """The hook that a member of a class was declared to be, one of :data:`HOOKS`, or None."""
    return cast("str | None", getattr(member, _TAG, None))


def validate(method: Hook) -> Hook:
    """A check of the parameters before anything runs: ``def check(self, context)``, not async.

    ``context`` holds the parameters, of the right types; the method may fill in or change values. It raises
    :class:`ValueError` or :class:`~circuit_breaker.errors.ParameterInvalid`; all validations are run, and what they
    raise is reported together.
    """
    return _tagged(method, "validate")


def before_execute(method: Hook) -> Hook:
    """A preparation after the checks and before the work: ``def prepare(self, context)``, plain or async.

    A plain one runs in the event loop and must not block.
    """
    return _tagged(method, "before_execute")


def after_execute(method: Hook) -> Hook:
    """What is done with the result of work that succeeded: ``def note(self, result)``, plain or async.

    It may add to the result; what it returns is not used.
    """
    return _tagged(method, "after_execute")


def finally_execute(method: Hook) -> Hook:
    """Clean-up that runs in any case: ``def clean(self, context)``, plain or async.

    It runs once the checks have passed, also after a failure of a preparation or of the work, and after a cancellation.
    """
    return _tagged(method, "finally_execute")
