"""Parameters read within what the operator allows: the container that they ask for, or all that is wrong with them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from circuit_breaker.errors import Fault
from circuit_breaker.executors.docker.container import LABEL, Container
from circuit_breaker.executors.docker.image import Reference, is_root, numbers
from circuit_breaker.executors.docker.mounts import Unusable, container_path, host_directory, read_volume
from circuit_breaker.executors.docker.settings import MEGABYTE, DockerSettings, size
from circuit_breaker.executors.secrets import is_secret

__all__ = ["read_container"]

_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_PLATFORM: Final = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+){0,2}")
_USUAL_MEMORY: Final = 512 * MEGABYTE
_USUAL_CPUS: Final = 1.0
_USUAL_PIDS: Final = 128
_LEAST_MEMORY: Final = 6 * MEGABYTE


def _words(value: str | list[str] | None, _: DockerSettings) -> tuple[str, ...] | None:
    """A text is split as a shell would, and never given to one."""
    if value is None:
        return None
    try:
        words = tuple(shlex.split(value) if isinstance(value, str) else value)
    except ValueError as error:
        raise Unusable(
            f"{value!r:.80} cannot be split into words: {error}", "close the quotes, or give a list"
        ) from error
    if any("\0" in word for word in words):
        raise Unusable("holds a NUL character", "leave it out")
    return words or None


def _image(value: str, _: DockerSettings) -> Reference:
    try:
        return Reference.read(value)
    except ValueError as error:
        raise Unusable(str(error), "write it as 'python:3.12-slim' or 'registry.example:5000/team/tool'") from error


def _pull(value: str, settings: DockerSettings) -> str:
    if value == "always" and not settings.pulls:
        raise Unusable("'always', and the operator allows no pulling", "give 'never', and load the image beforehand")
    return value if settings.pulls else "never"


def _environment(value: Mapping[str, Any], _: DockerSettings) -> dict[str, Any]:
    for name, given in value.items():
        if not name or "=" in name or "\0" in name:
            raise Unusable(f"{name!r} is no name of a variable", "use letters, digits and underscores")
        if isinstance(given, str) and "\0" in given:
            raise Unusable(f"{name} holds a NUL character", "leave it out")
    return {name: _variable(name, given) for name, given in value.items()}


def _variable(name: str, given: Any) -> Any:
    return given if isinstance(given, str) or is_secret(given) else _json(given, f"{name} is no JSON").decode()


def _json(value: Any, message: str) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unusable(f"{message}: {error}", "use text, numbers, booleans, None, lists and dicts") from error


def _user(value: str | None, settings: DockerSettings) -> str | None:
    if value is None:
        return None
    if not _USER.fullmatch(value):
        raise Unusable(f"{value!r} is no user", "give a name or a number, such as '1000' or '1000:1000'")
    if settings.allow_root:
        return value
    if is_root(value) or "0" in (part.lstrip("0") or "0" for part in value.split(":")):
        raise Unusable(f"{value!r} is root, which the operator does not allow", "give another, or leave it out")
    if (user := numbers(value)) is None:
        raise Unusable(f"{value!r} may be root in the image", "give numbers, such as '1000' or '1000:1000'")
    return user


def _network(value: str, settings: DockerSettings) -> str:
    if value not in settings.networks:
        allowed = ", ".join(sorted(settings.networks)) or "none at all"
        raise Unusable(f"{value!r} is no network that the operator allows", f"allowed: {allowed}")
    return value


def _memory(value: str | int | None, settings: DockerSettings) -> int:
    if value is None:
        return min(_USUAL_MEMORY, settings.max_memory)
    try:
        found = size(value)
    except ValueError as error:
        raise Unusable(f"{value!r} is no size", "give bytes, or a text such as '512m'") from error
    if not _LEAST_MEMORY <= found <= settings.max_memory:
        raise Unusable(f"{value!r} is out of bounds", f"give {_LEAST_MEMORY} to {settings.max_memory} bytes")
    return found


def _limited(limit: str, usual: float | None = None) -> Callable[[Any, DockerSettings], Any]:
    """Reads a number above 0 up to the setting ``limit``; without one, it is what is usual within that."""

    def read(value: float | None, settings: DockerSettings) -> float:
        most: float = getattr(settings, limit)
        if value is None:
            return most if usual is None else min(usual, most)
        if not 0 < value <= most:
            raise Unusable(
                f"{value} is out of bounds", f"give more than 0, and at most {most}, which the operator allows"
            )
        return value

    return read


def _labels(value: Mapping[str, str], _: DockerSettings) -> dict[str, str]:
    for name in value:
        if not name or name.startswith(f"{LABEL}.") or name == LABEL:
            raise Unusable(f"{name!r} cannot be the name of a label", f"names with {LABEL}. in front are ours")
    return dict(value)


def _platform(value: str | None, _: DockerSettings) -> str | None:
    if value is not None and not _PLATFORM.fullmatch(value):
        raise Unusable(f"{value!r} is no platform", "write it as 'linux/arm64'")
    return value


def _path(value: str | None, _: DockerSettings) -> PurePosixPath | None:
    return None if value is None else container_path(value)


def _file(value: str | None, settings: DockerSettings) -> PurePosixPath | None:
    """A path of which the directory can be made, and outlives the program."""
    path = _path(value, settings)
    if path is not None and (path.parent == PurePosixPath("/") or path.is_relative_to("/tmp")):  # noqa: S108 - in a container
        raise Unusable(f"'{path}' is gone when the program has ended", "put it into a directory such as /out")
    return path


def _given(value: Any, _: DockerSettings) -> Any:
    return value


def _read_input(value: Any, _: DockerSettings) -> bytes | None:
    return None if value is None else _json(value, "is no JSON")


def _target(value: str | None, settings: DockerSettings) -> Path | None:
    return None if value is None else host_directory(value, settings.artifacts, setting="artifacts")


_READERS: Final[Mapping[str, Callable[[Any, DockerSettings], Any]]] = {
    "image": _image,
    "command": _words,
    "entrypoint": _words,
    "environment": _environment,
    "volumes": lambda value, settings: tuple(read_volume(text, settings) for text in value),
    "working_dir": lambda value, _: None if value is None else str(container_path(value)),
    "user": _user,
    "network": _network,
    "memory": _memory,
    "cpus": _limited("max_cpus", _USUAL_CPUS),
    "pids": _limited("max_pids", _USUAL_PIDS),
    "timeout": _limited("max_time"),
    "pull": _pull,
    "labels": _labels,
    "platform": _platform,
    "input": _read_input,
    "input_file": _file,
    "output": _given,
    "output_file": _file,
    "max_output": _limited("max_output"),
    "artifacts": lambda value, settings: tuple(_file(path, settings) for path in value),
    "artifacts_to": _target,
}


def read_container(values: Mapping[str, Any], settings: DockerSettings) -> tuple[Container | None, list[Fault]]:
    """The container that the parameters ask for, or everything that is wrong with them."""
    read: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, reader in _READERS.items():
        try:
            read[name] = reader(values[name], settings)
        except Unusable as error:
            faults.append(Fault(f"parameter '{name}'", error.message, error.remedy))
    if faults:
        return None, faults
    container = Container(**read)
    faults = list(_contradictions(container, settings))
    return (None if faults else container), faults


def _contradictions(container: Container, settings: DockerSettings) -> Iterator[Fault]:
    targets = [volume.target for volume in container.volumes]
    for target in {target for target in targets if targets.count(target) > 1}:
        yield Fault("parameter 'volumes'", f"there are two at '{target}'", "leave one out")
    if container.input_file is not None and container.input is None:
        yield Fault("parameter 'input_file'", "is where the input goes, and there is none", "give 'input' too")
    if container.input_file is not None and container.is_shared(container.input_file):
        yield Fault("parameter 'input_file'", f"'{container.input_file}' lies in a volume", "put it elsewhere")
    if container.output == "none" and container.output_file is not None:
        yield Fault("parameter 'output_file'", "is given, and output is 'none'", "leave one of them out")
    names = [path.name for path in container.artifacts]
    for path in (path for number, path in enumerate(container.artifacts) if path.name in names[:number]):
        yield Fault("parameter 'artifacts'", f"'{path}' has the name of another", "copy out the directory of both")
    if bool(container.artifacts) != (container.artifacts_to is not None):
        yield Fault("parameter 'artifacts'", "and 'artifacts_to' belong together", "give both")
    if container.pull == "always" and not settings.may_pull(container.image.full_name):
        yield Fault("parameter 'image'", f"'{container.image.full_name}' may not be pulled", "ask the operator")
