"""Volumes: what a container shares with the machine that it runs on, and the paths on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

import attrs

from circuit_breaker.executors.docker.settings import DockerSettings, engine_sockets

__all__ = ["Mount", "Unusable", "container_path", "host_directory", "read_volume"]

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_KERNEL: Final = ("/proc", "/sys", "/dev")
_MODES: Final = {"": False, "rw": False, "ro": True}


class Unusable(ValueError):
    """A value of a parameter cannot be used; in contrast to other errors, it says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@attrs.frozen
class Mount:
    """One shared directory, file or named volume.

    Attributes:
        source: The path on the machine, symbolic links followed, or the name of a volume.
        target: The path in the container.
        read_only: Whether the container can only read it.
        is_named: Whether the source is the name of a volume.
    """

    source: str
    target: PurePosixPath
    read_only: bool
    is_named: bool = False

    def check(self, settings: DockerSettings) -> None:
        """Does nothing, unless the path leads elsewhere by now.

        Raises:
            Unusable: It does, or the operator does not allow it any more.
        """
        if not self.is_named and str(_allowed_path(self.source, settings)) != self.source:
            raise Unusable(f"'{self.source}' leads elsewhere by now", "let no container change the way to a volume")

    def document(self) -> dict[str, Any]:
        """As the engine wants it."""
        kind = "volume" if self.is_named else "bind"
        document = {"Type": kind, "Source": self.source, "Target": str(self.target), "ReadOnly": self.read_only}
        return document if self.is_named else document | {"BindOptions": {"Propagation": "rprivate"}}


def container_path(text: str) -> PurePosixPath:
    """A path in a container.

    Raises:
        Unusable: It is not absolute, leads upwards, or is none that a container can have as its own.
    """
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or "\0" in text or text.startswith("//"):
        raise Unusable(f"{text!r} is no absolute path in a container", "write it as '/data', without '..'")
    if path == PurePosixPath("/") or any(path.is_relative_to(kernel) for kernel in _KERNEL):
        raise Unusable(f"'{path}' belongs to the system", "use a directory such as '/data'")
    return path


def read_volume(text: str, settings: DockerSettings) -> Mount:
    """The mount that a text such as ``"/srv/data:/data:ro"`` or ``"cache:/cache"`` asks for.

    Raises:
        Unusable: It is none, or none that the operator allows.
    """
    source, colon, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not colon or not source or mode not in _MODES:
        raise Unusable(f"{text!r} is no volume", "write it as 'host:container' or 'host:container:ro'")
    if "/" not in source and source not in {".", ".."}:
        return Mount(_allowed_name(source, settings), container_path(target), _MODES[mode], is_named=True)
    return Mount(str(_allowed_path(source, settings)), container_path(target), _MODES[mode])


def _allowed_name(name: str, settings: DockerSettings) -> str:
    if not _NAME.fullmatch(name) or name not in settings.volumes:
        allowed = ", ".join(sorted(settings.volumes)) or "none"
        raise Unusable(f"{name!r} is no named volume that the operator allows", f"allowed: {allowed}")
    return name


def _allowed_path(text: str, settings: DockerSettings) -> Path:
    path = _below(text, settings.mounts, setting="mounts")
    if any(engine.is_relative_to(path) for engine in engine_sockets(settings.base_url)) or path.is_socket():
        raise Unusable(f"'{text}' holds the socket of an engine, or is one", "no container may control the engine")
    if not path.exists():
        raise Unusable(f"there is no '{text}'", "make it first")
    return path


def host_directory(text: str, roots: Iterable[Path], *, setting: str) -> Path:
    """The directory of this machine, symbolic links followed, if it lies below one of the roots.

    Raises:
        Unusable: It does not, or it is no directory.
    """
    path = _below(text, roots, setting=setting)
    if not path.is_dir():
        raise Unusable(f"there is no directory '{text}'", "make it first")
    return path


def _below(text: str, roots: Iterable[Path], *, setting: str) -> Path:
    """The path with symbolic links followed; whether it exists is not told of one that is out of bounds."""
    if not text.startswith("/") or "\0" in text:
        raise Unusable(f"{text!r} is no absolute path", "write it as '/srv/data'")
    try:
        path = Path(text).resolve()
    except (OSError, RuntimeError) as error:
        raise Unusable(f"'{text}' leads nowhere", "look at its symbolic links") from error
    if not any(path.is_relative_to(root) for root in roots):
        raise Unusable(f"'{text}' lies outside of what the operator allows", f"allow it with .under({setting}=[...])")
    return path
