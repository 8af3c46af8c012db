"""What a program may use up, and the small programs that set this before it begins.

The limits are those of the kernel for one process. They are set by ``prlimit`` of util-linux, which then becomes the
program: nothing of ours runs between fork and exec, where a lock that another thread holds would never be released, and
the program does not run a single instruction without its limits, as it would if they were set from outside.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import attrs
import msgspec

from circuit_breaker.errors import ActionError, Fault

__all__ = ["UNBOUNDED", "ResourceLimits", "Resources", "launcher", "tool"]

_Name = Literal["memory", "cpu_seconds", "open_files", "processes", "file_size"]
ResourceLimits = dict[_Name, Annotated[int, msgspec.Meta(ge=1)]]
"""What a definition says of resources: amounts by name, as :class:`Resources` explains them."""

_TOOLS: Final = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"
_WORDS: Final = {
    "memory": "--data={0}",
    "cpu_seconds": "--cpu={0}:{1}",
    "open_files": "--nofile={0}",
    "processes": "--nproc={0}",
    "file_size": "--fsize={0}",
}


def _positive(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError(f"{field.name}={value!r} is no whole number from 1")


def _amount() -> Any:
    return attrs.field(default=None, validator=_positive)


@attrs.frozen(kw_only=True)
class Resources:
    """What each process of a program may use; None means no limit of ours.

    Attributes:
        memory: Bytes that it can write to: heap, stacks of threads and private mappings; code and reserved address
            space do not count.
        cpu_seconds: Seconds of processor time.
        open_files: Files and sockets open at a time.
        processes: Processes and threads that the whole account may have, those of other programs included.
        file_size: Bytes of the largest file that it may write.
    """

    memory: int | None = _amount()
    cpu_seconds: int | None = _amount()
    open_files: int | None = _amount()
    processes: int | None = _amount()
    file_size: int | None = _amount()

    def given(self) -> dict[str, int]:
        """Those that are set, by name."""
        return attrs.asdict(self, filter=lambda _, value: value is not None)

    def beyond(self, most: Resources) -> Iterator[Fault]:
        """Which of these are more than the most that an operator grants."""
        granted = most.given()
        for name, value in self.given().items():
            if value > granted.get(name, value):
                yield Fault(f"limits.{name}", f"{value} is more than the operator allows", f"give {granted[name]}")

    def within(self, most: Resources) -> Resources:
        """These, but no more than an operator grants, and all of that where there is none."""
        granted = most.given()
        own = {name: min(value, granted.get(name, value)) for name, value in self.given().items()}
        return Resources(**granted | own)


UNBOUNDED: Final = Resources()


def launcher(resources: Resources, contained: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What stands before a command so that it keeps within the resources, and ends when this process does.

    Args:
        resources: What it may use.
        contained: What stands before that, to keep it in a namespace of its own.

    Raises:
        ActionError: There are limits, and this machine cannot set them.
    """
    setpriv = tool("setpriv")
    mortal = (setpriv, "--pdeathsig", "KILL") if setpriv else ()
    return (*mortal, *contained, *_limited(resources.given()))


def _limited(limits: dict[str, int]) -> tuple[str, ...]:
    if not limits:
        return ()
    prlimit = tool("prlimit")
    if prlimit is None:
        raise ActionError(
            f"limits ({', '.join(limits)}) cannot be set here: there is no program prlimit",
            code="limits_unsupported",
            remedy="install util-linux, or use the docker executor",
        )
    return (prlimit, *(_WORDS[name].format(value, value + 1) for name, value in limits.items()))


@functools.cache
def tool(name: str) -> str | None:
    """Where one of the small programs is; they come with Linux."""
    return shutil.which(name, path=_TOOLS)
