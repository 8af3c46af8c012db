"""Moto's server: AWS as its makers describe it, on this machine. Functions are not run, but answer what is set."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

STARTUP = 60.0


def _call(url: str, data: object) -> None:
    request = urllib.request.Request(url, json.dumps(data).encode(), {"Content-Type": "application/json"})  # noqa: S310
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - our own server


def _ready(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTUP
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError("moto's server ended")
        try:
            with socket.create_connection(("127.0.0.1", port), 0.2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"moto's server was not there after {STARTUP:g} seconds")


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a server of our own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _ready(port, process)
        url = f"http://127.0.0.1:{port}"
        _call(f"{url}/moto-api/config", {"lambda": {"use_docker": False}})
        yield url
    finally:
        process.terminate()
        process.wait(10)


def archive() -> bytes:
    """A function as it is deployed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("handler.py", "def handler(event, context):\n    return event\n")
    return packed.getvalue()
