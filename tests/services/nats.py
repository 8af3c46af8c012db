"""A NATS server of our own, on a free port, with JetStream in a temporary directory."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

STARTUP = 20.0
SAFE = "nats-server is not installed; on Debian: apt-get install nats-server"


@attrs.define
class NatsServer:
    """A server that runs.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        process: The server.
    """

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def place(self) -> str:
        """What an operator allows."""
        return f"127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Ends the server without a word to its clients."""
        self.process.kill()
        self.process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], ports: Path) -> None:
    """Waits for the file in which our server, and no other, says that it listens."""
    until = time.monotonic() + STARTUP
    while not list(ports.glob("*.ports")):
        if process.poll() is not None:
            raise RuntimeError(f"nats-server ended with {process.returncode}")
        if time.monotonic() > until:
            raise RuntimeError(f"nats-server was not there after {STARTUP:g} seconds")
        time.sleep(0.02)


@contextmanager
def nats_server(configuration: str = "") -> Iterator[NatsServer]:
    """A server with that configuration besides its port and its storage; skips when none is installed."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path=f"{os.defpath}:/usr/sbin")
    if program is None:
        pytest.skip(SAFE)
    with tempfile.TemporaryDirectory(prefix="cb-nats-") as name:
        directory, port = Path(name), _free_port()
        settings = f'port: {port}\nhost: 127.0.0.1\nports_file_dir: "{name}"\njetstream {{ store_dir: "{name}/js" }}\n'
        (directory / "nats.conf").write_text(settings + configuration)
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen([program, "-c", str(directory / "nats.conf")], stdout=log, stderr=log)
        try:
            _wait(process, directory)
            yield NatsServer(port, process)
        finally:
            process.kill()
            process.wait(10)
