"""The peers' own environment, and the scripts that measure them there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.registry import Peer

__all__ = ["installed", "measure", "set_up"]

HERE = Path(__file__).parent
HOME = HERE / ".peers"
PYTHON = HOME / "bin" / "python"
TIMEOUT = 300


def installed() -> bool:
    """Whether the peers' environment is there."""
    return PYTHON.exists()


def set_up() -> None:
    """Makes the peers' environment from ``requirements.txt``.

    Raises:
        subprocess.CalledProcessError: The installation failed.
    """
    venv.create(HOME, with_pip=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)


def measure(peer: Peer) -> float | None:
    """One figure of a peer, measured by its script in a fresh process and an empty directory; None if not installed.

    Raises:
        RuntimeError: The script failed; the message ends with what it said.
    """
    script = HERE / "peers" / f"{peer.library.replace('-', '_')}.py"
    python = PYTHON
    if not script.exists():
        script, python = HERE / f"{peer.library.replace('-', '_')}.py", Path(sys.executable)
    if not python.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="peer-") as directory:
        # -P keeps peers/langgraph.py from being found where langgraph is meant.
        done = subprocess.run(
            [python, "-P", script, peer.figure],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(HERE.parent)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{peer} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["value"])
