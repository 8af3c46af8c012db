"""Packages of npm that tests use, installed once into a directory of the user's cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = 300.0


def installed(package: str, version: str) -> Path:
    """The directory of a package, installed when it is first wanted; skips where npm or the registry is not there."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js with npm is not installed; on Debian: apt-get install nodejs npm")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(home) / "circuit-breaker-tests" / f"{package.rpartition('/')[2]}-{version}"
    directory.mkdir(parents=True, exist_ok=True)
    found = directory / "node_modules" / package
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "package.json").exists():
            _install(npm, directory, f"{package}@{version}")
    return found


def _install(npm: str, directory: Path, package: str) -> None:
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(directory), package]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL)
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"npm cannot install {package}: {said[-300:]}")
