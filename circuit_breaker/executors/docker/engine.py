"""The connection to a container engine, Docker's or Podman's: each method is one request, and blocks.

API of the engine: https://docs.docker.com/reference/api/engine/version/v1.41/; Podman answers the same.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, Final, Self
from urllib.parse import urlsplit

import requests.exceptions
from docker.errors import APIError

from circuit_breaker.errors import ServiceFailed, ServiceUnavailable, words_of
from circuit_breaker.executors.docker.attachment import GONE, Attachment, Log
from circuit_breaker.executors.docker.settings import usual_addresses
from circuit_breaker.executors.docker.transport import client_at
from circuit_breaker.executors.secrets import Redaction

__all__ = ["DockerEngine", "answers"]

OLDEST: Final = "1.41"
_PROBE: Final = 5.0
_SOON: Final = 0.5
_PORT: Final = 2375
_STAT: Final = "X-Docker-Container-Path-Stat"
_LINK: Final = 1 << 27  # as Go has it
_START: Final = "start Docker or Podman, or say where the engine is: DockerExecutor.under(base_url=...)"


def _obstacle(address: str, within: float = _PROBE) -> str:
    """Why nobody answers at the address, or an empty text."""
    parts = urlsplit(address)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(within)
                probe.connect(parts.path)
        else:
            socket.create_connection((parts.hostname or "", parts.port or _PORT), within).close()
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


def answers(base_url: str | None) -> bool:
    """Whether the engine at the address, or the first at one of the usual ones, answers within half a second."""
    for address in (base_url,) if base_url else usual_addresses():
        if not _obstacle(address, _SOON):
            client = client_at(address, version=OLDEST, timeout=_SOON)
            try:
                return bool(client.ping())
            except GONE:
                return False
            finally:
                client.close()
    return False


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class DockerEngine:
    """A connection to the engine at an address; to be closed.

    Its errors are :class:`ServiceUnavailable` where it does not answer, and :class:`ServiceFailed` where it refuses.

    Attributes:
        address: Where it listens.
        is_podman: Whether it is Podman, which keeps logs in a format of its own.
    """

    def __init__(self, address: str, *, answer_within: float, redaction: Redaction) -> None:
        self.address = address
        self._redaction = redaction
        self._client = client_at(address, version=OLDEST, timeout=answer_within)
        try:
            with self._asked("tell its version"):
                version = self._client.version(api_version=False)
        except BaseException:
            self._client.close()
            raise
        if _number(version.get("MinAPIVersion", OLDEST)) > _number(OLDEST):
            self._client.close()
            self._client = client_at(address, version=version["ApiVersion"], timeout=answer_within)
        self.is_podman = any("podman" in part.get("Name", "").lower() for part in version.get("Components") or ())

    @classmethod
    def open(cls, base_url: str | None, *, answer_within: float, redaction: Redaction) -> Self:
        """The first engine that answers, at the address or at one of the usual ones.

        Raises:
            ServiceUnavailable: None does; every address that was tried is named.
        """
        tried = []
        for address in (base_url,) if base_url else usual_addresses():
            obstacle = _obstacle(address)
            if not obstacle:
                return cls(address, answer_within=answer_within, redaction=redaction)
            tried.append(f"{address} ({obstacle})")
        raise ServiceUnavailable(f"there is no container engine at {', '.join(tried)}", remedy=_START)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except APIError as error:
            reason = self._redaction.clean(str(error.explanation or error))
            raise ServiceFailed(f"the container engine did not {what}: {reason}", status=error.status_code) from None
        except GONE as error:
            reason = self._redaction.clean(words_of(error))
            raise ServiceUnavailable(
                f"no answer from the container engine at {self.address}, which was to {what}: {reason}", remedy=_START
            ) from None

    @contextmanager
    def _missing_is_none(self) -> Iterator[None]:
        try:
            yield
        except ServiceFailed as error:
            if error.status != 404:
                raise

    def container(self, name: str) -> Mapping[str, Any] | None:
        """What is known about a container, by name or id, or None."""
        return self._described("a container", self._client.inspect_container, name)

    def containers(self, label: str) -> list[Mapping[str, Any]]:
        """The containers with a label, running or not."""
        with self._asked("list containers"):
            return list(self._client.containers(all=True, filters={"label": [label]}))

    def image(self, name: str) -> Mapping[str, Any] | None:
        """What is known about an image, by name or id, or None."""
        return self._described("an image", self._client.inspect_image, name)

    def _described(self, what: str, inspect: Callable[[str], Any], name: str) -> Mapping[str, Any] | None:
        found: list[Mapping[str, Any]] = []
        with self._missing_is_none(), self._asked(f"describe {what}"):
            found.append(inspect(name))
        return found[0] if found else None

    def pull(self, name: str, tag: str, platform: str | None) -> str:
        """Pulls an image; gives the reason why it could not be, or an empty text."""
        with self._asked(f"pull '{name}'"):
            for told in self._client.pull(name, tag=tag, stream=True, decode=True, platform=platform):
                if "error" in told:
                    return self._redaction.clean(str(told["error"]))
        return ""

    def create(self, document: Mapping[str, Any], *, name: str, platform: str | None) -> str:
        """The id of a new container."""
        with self._asked("create a container"):
            return str(self._client.create_container_from_config(dict(document), name, platform)["Id"])

    def put(self, container: str, archive: bytes) -> None:
        """Unpacks a tar archive at the root of a container."""
        with self._asked("write files into a container"):
            self._client.put_archive(container, "/", archive)

    def attach(self, container: str, *, stdin: bool) -> Attachment:
        """The standard streams of a container that has not begun yet."""
        wanted = {"stdin": int(stdin), "stdout": 1, "stderr": 1, "stream": 1}
        with self._asked("attach to a container"):
            return Attachment(self._client.attach_socket(container, params=wanted))

    def start(self, container: str) -> None:
        """Lets a container begin."""
        with self._asked("start a container"):
            self._client.start(container)

    def log(self, container: str, *, stderr: bool) -> Log:
        """One stream of a container from its beginning to its end."""
        with self._asked("read the log of a container"):
            return Log(self._client.logs(container, stdout=not stderr, stderr=stderr, stream=True, follow=True))

    def wait(self, container: str, seconds: float) -> int | None:
        """The exit code of a container, or None if it has not ended in that time."""
        with self._asked("wait for a container"):
            try:
                return int(self._client.wait(container, timeout=seconds)["StatusCode"])
            except requests.exceptions.Timeout:
                return None
            except requests.exceptions.ConnectionError as error:
                if "timed out" in str(error):
                    return None
                raise

    def kill(self, container: str) -> None:
        """Ends a container; its files stay."""
        with self._asked("end a container"):
            self._client.kill(container)

    def written(self, container: str) -> int:
        """Bytes that a container has written beside its volumes; 0 for one that is gone."""
        with self._asked("measure a container"):
            found = self._client.containers(all=True, size=True, filters={"id": [container]})
        return max((int(known.get("SizeRw") or 0) for known in found), default=0)

    def mark(self, name: str, labels: Mapping[str, str]) -> None:
        """Leaves a mark, which lasts until it is taken away: an empty volume."""
        with self._asked("leave a mark"):
            self._client.create_volume(name, labels=dict(labels))

    def is_marked(self, name: str) -> bool:
        """Whether there is a mark."""
        return self._described("a mark", self._client.inspect_volume, name) is not None

    def unmark(self, name: str) -> None:
        """Takes a mark away; one that is not there is no error."""
        with self._missing_is_none(), self._asked("take a mark away"):
            self._client.remove_volume(name)

    def archive(self, container: str, path: str) -> Iterator[bytes]:
        """A file or directory of a container, as a tar archive in pieces."""
        with self._asked(f"read '{path}' in a container"):
            yield from self._client.get_archive(container, path)[0]

    def leads_elsewhere(self, container: str, path: str) -> bool:
        """Whether a path in a container is a symbolic link; one that is not there is none."""
        address = f"{self._client.base_url}/v{self._client.api_version}/containers/{container}/archive"
        with self._asked(f"look at '{path}' in a container"):
            answer = self._client.head(address, params={"path": path}, timeout=self._client.timeout)
            if answer.status_code == requests.codes.not_found:
                return False
            self._client._raise_for_status(answer)
            told = json.loads(base64.b64decode(answer.headers[_STAT]))
        # Podman tells where it leads of every path.
        return bool(told["mode"] & _LINK) or PurePosixPath(told.get("linkTarget") or path) != PurePosixPath(path)

    def remove(self, container: str) -> None:
        """Ends a container if it runs, and removes it and its own volumes; one that is gone is no error."""
        try:
            with self._missing_is_none(), self._asked("remove a container"):
                self._client.remove_container(container, force=True, v=True)
        except ServiceFailed as error:
            if error.status != 409:  # somebody else is removing it
                raise
