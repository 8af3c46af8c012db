"""One container as a definition asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import attrs

from circuit_breaker.executors.docker.image import Reference
from circuit_breaker.executors.docker.mounts import Mount
from circuit_breaker.executors.output import OutputFormat

__all__ = ["LABEL", "NOBODY", "Container"]

LABEL: Final = "circuit-breaker"
"""How the names of our labels begin; a definition cannot set these."""

NOBODY: Final = "65534:65534"
"""Whom programs run as where the image says root or nothing."""


@attrs.frozen(kw_only=True)
class Container:
    """What is run, and within which limits.

    Attributes:
        image: Its image.
        command: The arguments, or None for those of the image.
        entrypoint: The program, or None for that of the image.
        environment: Texts, or references to secrets, by name.
        volumes: Directories that it shares.
        working_dir: Where it works, or None for what the image says.
        user: Whom it runs as, or None for the user of the image, and nobody where that may be root.
        network: The network that it joins; ``"none"`` is none.
        memory: Bytes of memory, its temporary files included.
        cpus: Processors.
        pids: Processes and threads.
        timeout: Seconds.
        pull: When the image is pulled: ``"always"``, ``"missing"`` or ``"never"``.
        labels: The labels of the definition.
        platform: Such as ``"linux/arm64"``, or None for that of the engine.
        input: What it is given, as JSON, or None.
        input_file: The path in it where that is, or None for its standard input.
        output: How its output is read.
        output_file: The path in it where that is, or None for its standard output.
        max_output: Bytes of output that are kept.
        artifacts: Paths in it that are copied out when it has ended.
        artifacts_to: The directory of this machine that they are copied to.
    """

    image: Reference
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    environment: Mapping[str, Any]
    volumes: tuple[Mount, ...]
    working_dir: str | None
    user: str | None
    network: str
    memory: int
    cpus: float
    pids: int
    timeout: float
    pull: str
    labels: Mapping[str, str]
    platform: str | None
    input: bytes | None
    input_file: PurePosixPath | None
    output: OutputFormat
    output_file: PurePosixPath | None
    max_output: int
    artifacts: tuple[PurePosixPath, ...]
    artifacts_to: Path | None

    @property
    def stdin(self) -> bytes | None:
        """What its standard input holds, or None if it has none."""
        return None if self.input_file else self.input

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that must be there, and that it may write to, without those of volumes."""
        files = (*((self.output_file,) if self.output_file else ()), *self.artifacts)
        parents = dict.fromkeys(file.parent for file in files)
        return tuple(str(parent) for parent in parents if not self.is_shared(parent))

    @property
    def writes_root(self) -> bool:
        """Whether it needs a root that can be written to."""
        return bool(self.directories) or self.input_file is not None

    def is_shared(self, path: PurePosixPath) -> bool:
        """Whether the path lies in a volume."""
        return any(path.is_relative_to(volume.target) for volume in self.volumes)
