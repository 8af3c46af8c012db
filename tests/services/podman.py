"""Podman's service on a socket of its own, with the image of the Docker engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import docker
import pytest

from tests.services.dockerd import wait_until
from tests.services.images import add_busybox, busybox


def missing() -> str:
    """Why there is no Podman here, or an empty text."""
    if shutil.which("podman") is None:
        return "podman is not installed"
    if not any(Path(place, "catatonit").exists() for place in ("/usr/libexec/podman", "/usr/bin")):
        return "catatonit, the init of podman, is not installed"
    if os.geteuid() != 0:
        return "rootless podman is not tried"
    return "" if busybox() else "busybox is not installed"


@attrs.frozen
class Podman:
    """A service that listens."""

    folder: Path

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/podman.sock"

    def command(self, *arguments: str) -> list[str]:
        own = ("--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run", "--events-backend=file")
        return ["podman", *own, "--cgroup-manager=cgroupfs", *arguments]

    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.address, version="1.41", timeout=60)

    def clear(self) -> None:
        """Removes every container."""
        subprocess.run(self.command("rm", "-fa", "--time=0"), capture_output=True, check=True)

    def names(self) -> list[str]:
        shown = subprocess.run(self.command("ps", "-a", "--format", "{{.Names}}"), capture_output=True, check=True)
        return shown.stdout.decode().split()


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """One service for all tests of a process; skips where there is none."""
    if reason := missing():
        pytest.skip(f"Podman: {reason}")
    service = Podman(Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp")))  # paths of sockets must be short
    with (service.folder / "log").open("wb") as log:
        command = service.command("system", "service", "--time=0", service.address)
        with subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process:
            try:
                wait_until((service.folder / "podman.sock").is_socket)
                client = service.client()
                add_busybox(client)
                client.close()
                yield service
            finally:
                process.terminate()
                process.wait(60)
                service.clear()
    subprocess.run(["umount", "-l", service.folder / "root" / "overlay"], capture_output=True, check=False)
    shutil.rmtree(service.folder, ignore_errors=True)
