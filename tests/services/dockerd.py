"""Docker engines of our own: each in a directory of its own, beside whatever else runs on the machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import docker
import pytest
from docker.errors import DockerException

from tests.services.images import BUSYBOX, add_busybox, busybox

PATIENCE = 60.0


def missing() -> str:
    """Why no engine can be started here, or an empty text."""
    for program in ("dockerd", "containerd", "runc"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "dockerd needs root"
    return "" if busybox() else "busybox is not installed"


@attrs.define
class Dockerd:
    """An engine with the image :data:`~tests.services.images.BUSYBOX`."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.address, version="1.41", timeout=60)

    def start(self) -> None:
        """Starts the engine, or starts it again, and waits until it answers."""
        for leftover in ("docker.sock", "pid", "exec/containerd/containerd.pid"):
            (self.folder / leftover).unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"dockerd did not start:\n{self.log[-3000:]}")
            time.sleep(0.05)

    def _command(self) -> list[str]:
        folder = self.folder
        return [
            *("dockerd", "--host", self.address, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/pid", "--iptables=false", "--ip6tables=false", "--bridge=none"),
            *("--userland-proxy=false", "--log-level=error", "--shutdown-timeout=1"),
        ]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(self.address.removeprefix("unix://")):
                return False
        client = self.client()
        try:
            return bool(client.ping())
        except (DockerException, OSError):
            return False
        finally:
            client.close()

    def stop(self) -> None:
        """Stops the engine, and with it its containers."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Takes the engine away; its containers go on."""
        self._end(signal.SIGKILL)

    def _end(self, signum: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signum)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def clear(self) -> None:
        """Removes every container."""
        client = self.client()
        try:
            for found in client.containers(all=True):
                with suppress(DockerException):
                    client.remove_container(found["Id"], force=True, v=True)
        finally:
            client.close()

    def runs_any(self) -> bool:
        """Whether a container runs."""
        client = self.client()
        try:
            return bool(client.containers())
        finally:
            client.close()

    def names(self) -> list[str]:
        """The names of all containers."""
        client = self.client()
        try:
            return sorted(name.lstrip("/") for found in client.containers(all=True) for name in found["Names"])
        finally:
            client.close()


def wait_until(condition: Callable[[], object]) -> None:
    """Waits for something that happens in another process."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def until(condition: Callable[[], object]) -> None:
    """The same without holding up the event loop."""
    await asyncio.to_thread(wait_until, condition)


@contextmanager
def running() -> Iterator[Dockerd]:
    """An engine that is gone afterwards, with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="dockerd-", dir="/tmp"))  # paths of sockets must be short
    engine = Dockerd(folder)
    try:
        engine.start()
        client = engine.client()
        add_busybox(client)
        client.close()
        yield engine
        engine.clear()
    finally:
        engine.stop()
        _forget(folder)


def _forget(folder: Path) -> None:
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", place], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Dockerd]:
    """One engine for all tests of a process; skips where none can be started."""
    if reason := missing():
        pytest.skip(f"Docker: {reason}")
    with running() as engine:
        yield engine


__all__ = ["BUSYBOX", "Dockerd", "dockerd", "missing", "running", "until", "wait_until"]
