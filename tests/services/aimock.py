"""The npm package ``@copilotkit/aimock``: OpenAI, Anthropic, Gemini and Ollama as its makers understand them."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services.npm import installed

VERSION = "1.43.0"
STARTUP = 30.0


def _program() -> Path:
    """The package's program."""
    return installed("@copilotkit/aimock", VERSION) / "dist" / "cli.js"


def _ready(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTUP
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"aimock ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), 0.2):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"aimock was not there after {STARTUP:g} seconds")


@contextmanager
def aimock(fixtures: Sequence[dict[str, Any]], *options: str) -> Iterator[str]:
    """The address of a server of our own that answers with these fixtures, and fails for anything else."""
    program = _program()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cb-aimock-") as name:
        file = Path(name) / "fixtures.json"
        file.write_text(json.dumps({"fixtures": list(fixtures)}))
        command = ["node", str(program), "-p", str(port), "-f", str(file), "-c", "5", "--log-level", "silent"]
        process = subprocess.Popen(
            [*command, "--strict", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _ready(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)
