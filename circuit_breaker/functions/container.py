"""Containers: what a function runs in, as a value, and what comes of running one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.executors.execution import LogLine
from circuit_breaker.executors.secrets import is_secret
from circuit_breaker.functions.status import ExecutionStatus

__all__ = ["ContainerConfig", "ContainerMount", "ContainerResult", "ResourceLimits"]


@attrs.frozen
class ContainerMount:
    """A folder of the host in a container; the operator says which may be mounted.

    Attributes:
        source: The folder on the host.
        target: Where it is in the container.
        read_only: Whether it cannot be written there.
    """

    source: str
    target: str
    read_only: bool = True

    @property
    def volume(self) -> str:
        """The mount in the form ``source:target:ro``."""
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}"


@attrs.frozen(kw_only=True)
class ResourceLimits:
    """How much a container may use; what is left out is limited by the operator's settings.

    Attributes:
        memory: Bytes, or a text such as ``"256m"``.
        cpus: How many, such as 0.5.
        pids: How many processes.
        timeout: Seconds.
    """

    memory: int | str | None = None
    cpus: float | None = None
    pids: int | None = None
    timeout: float | None = None

    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return attrs.asdict(self, filter=lambda _, value: value is not None)


@attrs.frozen
class ContainerConfig:
    """What a container is made of.

    Attributes:
        image: The image, such as ``"node:18-alpine"``.
        command: The command; a text is split as a shell would, and never given to one.
        environment: Its variables, by name; a value may be ``secret("NAME")``.
        mounts: Folders of the host.
        resources: How much it may use.
        working_dir: The working directory.
    """

    image: str
    command: str | Sequence[str] | None = None
    environment: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    mounts: Sequence[ContainerMount] = attrs.field(default=(), kw_only=True)
    resources: ResourceLimits | None = attrs.field(default=None, kw_only=True)
    working_dir: str | None = attrs.field(default=None, kw_only=True)

    def faults(self) -> Iterator[Fault]:
        """What is wrong with it."""
        if not str(self.image or "").strip():
            yield Fault("container.image", f"{self.image!r} names no image", "write e.g. 'python:3.11-slim'")
        words = [self.command] if isinstance(self.command, str) or self.command is None else self.command
        if not all(word is None or isinstance(word, str) for word in words):
            yield Fault("container.command", f"{self.command!r:.60} is no command", "give a text or a list of texts")
        for name, value in self.environment.items():
            if not isinstance(value, str) and not is_secret(value):
                remedy = "give a text, or secret('NAME')"
                yield Fault(f"container.environment.{name}", f"a {type(value).__name__} is no text", remedy)
        for number, mount in enumerate(self.mounts):
            if not mount.source or not mount.target.startswith("/"):
                yield Fault(f"container.mounts[{number}]", f"'{mount.volume}' is no mount", "give absolute paths")

    def parameters(self) -> dict[str, Any]:
        """The container as parameters of an executor, without what is left out."""
        command = self.command if isinstance(self.command, str | None) else list(self.command)
        said: dict[str, Any] = {
            "image": self.image,
            "command": command,
            "environment": dict(self.environment) or None,
            "volumes": [mount.volume for mount in self.mounts] or None,
            "working_dir": self.working_dir,
            **(self.resources.given() if self.resources is not None else {}),
        }
        return {name: value for name, value in said.items() if value is not None}

    def to_document(self) -> dict[str, Any]:
        """The container as JSON."""
        said: dict[str, Any] = {
            "image": self.image,
            "command": self.command if isinstance(self.command, str | None) else list(self.command),
            "environment": dict(self.environment) or None,
            "mounts": [attrs.asdict(mount) for mount in self.mounts] or None,
            "resources": (self.resources.given() if self.resources is not None else None) or None,
            "working_dir": self.working_dir,
        }
        return {name: value for name, value in said.items() if value is not None}


@attrs.frozen
class ContainerResult:
    """What came of running a container.

    Attributes:
        container_id: The id under which it was deployed.
        output: What it gave; None unless it succeeded.
        logs: What it wrote, at the end.
        execution_time: Seconds.
        status: How it ended.
        exit_code: What its program ended with, where it is known.
        error: What went wrong, as ``{"code", "message"}``; empty for a success.
    """

    container_id: str
    output: Any
    logs: tuple[LogLine, ...]
    execution_time: float | None
    status: ExecutionStatus
    exit_code: int | None = None
    error: Mapping[str, Any] = attrs.field(factory=dict)
