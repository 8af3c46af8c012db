"""What an operator decides about containers: where the engine is, what they may reach, and how much they may use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from circuit_breaker.executors.settings import Settings

__all__ = ["MEGABYTE", "DockerSettings", "engine_sockets", "size", "usual_addresses"]

MEGABYTE: Final = 1024 * 1024
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 1024, "m": MEGABYTE, "g": 1024 * MEGABYTE, "t": 1024 * 1024 * MEGABYTE}
_SCHEMES: Final = ("unix://", "tcp://", "http://")


def size(value: str | int) -> int:
    """Bytes, of a number of bytes or a text such as ``"512m"`` or ``"1.5 GiB"``; units are powers of 1024.

    Raises:
        ValueError: It is neither.
    """
    if type(value) is int and value > 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError(f"{value!r} is no size; give bytes, or a text such as '512m' or '2g'")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def usual_addresses() -> tuple[str, ...]:
    """Where engines listen unless told otherwise: Docker's, Podman's of the system, Podman's of this user."""
    sockets = ("/var/run/docker.sock", "/run/podman/podman.sock", f"/run/user/{os.getuid()}/podman/podman.sock")
    return tuple(f"unix://{path}" for path in sockets)


def engine_sockets(base_url: str | None) -> Iterator[Path]:
    """The sockets of engines on this machine, which no container may have."""
    for address in (*usual_addresses(), base_url or ""):
        if address.startswith("unix://"):
            yield Path(address.removeprefix("unix://")).resolve()


def _roots(value: Any) -> tuple[Path, ...]:
    """The directories, with symbolic links followed."""
    roots = tuple(Path(root) for root in _several(value))
    for root in roots:
        if not root.is_absolute() or not root.is_dir():
            raise ValueError(f"'{root}' is no absolute path of a directory")
    return tuple(root.resolve() for root in roots)


def _names(value: Any) -> frozenset[str]:
    return frozenset(str(name) for name in _several(value))


def _several(value: Any) -> Iterable[Any]:
    return (value,) if isinstance(value, (str, Path)) else value


def _address(_: Any, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not value.startswith(_SCHEMES):
        raise ValueError(f"{field.name}={value!r} begins with none of {', '.join(_SCHEMES)}")


def _positive(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{field.name}={value!r} is no number above 0")


def _count(value: Any) -> Any:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


@attrs.frozen(kw_only=True)
class DockerSettings(Settings):
    """What the operator of :class:`~circuit_breaker.executors.docker.DockerExecutor` decides.

    Attributes:
        base_url: Where the engine listens, such as ``"unix:///var/run/docker.sock"`` or ``"tcp://10.0.0.5:2375"``; None
            tries Docker's socket and then Podman's.
        mounts: Directories of this machine below which volumes may lie; none unless given.
        artifacts: Directories of this machine below which ``artifacts_to`` may lie; none unless given.
        volumes: Named volumes of the engine that may be mounted; none unless given.
        networks: Networks that may be joined; ``"none"`` is no network.
        pulls: Whether images may be pulled.
        registries: Where they may be pulled from: registries, or parts of them such as ``"docker.io/library"``; None is
            everywhere.
        max_memory: The most memory of one container, in bytes or as ``"2g"``.
        max_cpus: The most processors of one container.
        max_pids: The most processes and threads of one container.
        max_time: The most seconds that one container may run.
        max_pull_time: The most seconds that pulling an image may take.
        max_output: The most bytes of output that a definition may ask to keep.
        max_artifacts: The most bytes of all artifacts of one container together.
        max_file: The most bytes of one file that a container may write.
        max_disk: The most bytes that a container may write to its own files, where there are any: with ``input_file``,
            ``output_file`` or ``artifacts``. They are measured about every half second.
        allow_root: Whether a definition may ask for the user or group root, and for users by names, of which the image
            says what they mean.
        concurrency: The most containers at a time, of one event loop and one engine.
        runtime: The runtime of the engine, such as ``"runsc"``; None is its default.
        answer_within: Seconds in which the engine must answer.
    """

    base_url: str | None = attrs.field(default=None, validator=attrs.validators.optional(_address))
    mounts: tuple[Path, ...] = attrs.field(default=(), converter=_roots)
    artifacts: tuple[Path, ...] = attrs.field(default=(), converter=_roots)
    volumes: frozenset[str] = attrs.field(default=(), converter=_names)
    networks: frozenset[str] = attrs.field(default=("none",), converter=_names)
    pulls: bool = True
    registries: frozenset[str] | None = attrs.field(default=None, converter=attrs.converters.optional(_names))
    max_memory: int = attrs.field(default=2048 * MEGABYTE, converter=size)
    max_cpus: float = attrs.field(default=2.0, validator=_positive)
    max_pids: int = attrs.field(default=256, converter=_count, validator=_positive)
    max_time: float = attrs.field(default=3600.0, validator=_positive)
    max_pull_time: float = attrs.field(default=600.0, validator=_positive)
    max_output: int = attrs.field(default=64 * MEGABYTE, converter=size)
    max_artifacts: int = attrs.field(default=256 * MEGABYTE, converter=size)
    max_file: int = attrs.field(default=1024 * MEGABYTE, converter=size)
    max_disk: int = attrs.field(default=1024 * MEGABYTE, converter=size)
    allow_root: bool = False
    concurrency: int = attrs.field(default=8, converter=_count, validator=_positive)
    runtime: str | None = None
    answer_within: float = attrs.field(default=60.0, validator=_positive)

    def may_pull(self, image: str) -> bool:
        """Whether an image, by its full name such as ``"docker.io/library/python"``, may be pulled."""
        if not self.pulls:
            return False
        return self.registries is None or any(image == part or image.startswith(f"{part}/") for part in self.registries)
