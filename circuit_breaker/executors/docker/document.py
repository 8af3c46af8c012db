"""What the engine is asked to create: secure unless a definition asks for more, and its operator allows that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from circuit_breaker.executors.docker.container import LABEL, NOBODY, Container
from circuit_breaker.executors.docker.image import Image
from circuit_breaker.executors.docker.settings import MEGABYTE, DockerSettings
from circuit_breaker.executors.execution import ExecutionContext

__all__ = ["creation", "log_room", "name_of", "ownership"]

_NANO: Final = 1_000_000_000
_OPEN_FILES: Final = 1024
_PROCESSES: Final = 16_384
_LOG_ROOM: Final = 16 * MEGABYTE


def name_of(executor: str, key: str, parameters: Mapping[str, Any]) -> str:
    """The name of the container for this work: the same whenever the same work is done again, and else another.

    The parameters count too, since several steps of one action share its key.
    """
    facts = msgspec.json.encode([executor, key, parameters], order="deterministic")
    return f"{LABEL}-{hashlib.sha256(facts).hexdigest()[:32]}"


def ownership(executor: str, execution: ExecutionContext, container: Container) -> dict[str, str]:
    """The labels by which a container is found again, and told apart from those of others."""
    facts = {
        "key": execution.idempotency_key,
        "case": execution.case_id,
        "transition": execution.transition,
        "executor": executor,
        "attempt": str(execution.attempt),
        "timeout": f"{container.timeout:g}",
        "image": container.image.text,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {f"{LABEL}.{name}": fact for name, fact in facts.items() if fact is not None}


def log_room(container: Container) -> int:
    """Bytes in each of the two files in which the engine keeps the output for whoever attaches later."""
    return _LOG_ROOM + 4 * container.max_output


def creation(
    container: Container,
    image: Image,
    *,
    settings: DockerSettings,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    podman: bool,
) -> dict[str, Any]:
    """The document of ``POST /containers/create``, with the secrets in its environment."""
    stdin = container.stdin is not None
    document: dict[str, Any] = {
        "Image": image.id,
        "Cmd": list(container.command) if container.command else None,
        "Entrypoint": list(container.entrypoint) if container.entrypoint else None,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": container.user or image.runs_as(names=settings.allow_root) or NOBODY,
        "WorkingDir": container.working_dir,
        "Labels": {**container.labels, **labels},
        "OpenStdin": stdin,
        "StdinOnce": stdin,
        "AttachStdin": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": _host(container, settings, podman=podman),
    }
    return {name: value for name, value in document.items() if value is not None}


def _host(container: Container, settings: DockerSettings, *, podman: bool) -> dict[str, Any]:
    host: dict[str, Any] = {
        "NetworkMode": container.network,
        "Init": True,
        # Files that outlive the program need a layer that can be written to; nobody but root can write elsewhere in it.
        "ReadonlyRootfs": not container.writes_root,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": container.memory,
        "MemorySwap": container.memory,
        "NanoCpus": int(container.cpus * _NANO),
        "PidsLimit": container.pids,
        "Ulimits": _ulimits(settings),
        "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={container.memory}"},  # noqa: S108 - in the container
        "Mounts": [volume.document() for volume in container.volumes],
        "LogConfig": _log(container, podman=podman),
    }
    return host | ({"Runtime": settings.runtime} if settings.runtime else {})


def _ulimits(settings: DockerSettings) -> list[dict[str, Any]]:
    """The number of processes counts all containers of the same user together; what limits one of them is its pids."""
    most = {"nofile": _OPEN_FILES, "nproc": _PROCESSES, "fsize": settings.max_file, "core": 0}
    return [{"Name": name, "Soft": limit, "Hard": limit} for name, limit in most.items()]


def _log(container: Container, *, podman: bool) -> dict[str, Any]:
    if podman:
        return {"Type": "k8s-file", "Config": {"max-size": str(2 * log_room(container))}}
    config = {"max-size": str(log_room(container)), "max-file": "2", "compress": "false"}
    return {"Type": "local", "Config": config}
