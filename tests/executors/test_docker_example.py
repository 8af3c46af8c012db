"""The example with containers, on a real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "container_pipeline.py"


def run(**environment):
    command = [sys.executable, "-W", "error", EXAMPLE]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.mark.service("dockerd")
def test_the_pipeline_runs_its_containers(dockerd):
    """B1, D20: three containers pass a text on; one that fails leads the case to a person; none is left."""
    done = run(DOCKER_HOST=dockerd.address)

    assert 0 == done.returncode, done.stderr
    assert "[{'word': 'to', 'count': 3}, {'word': 'be', 'count': 3}" in done.stdout
    assert "the report: ['to,3', 'be,3'," in done.stdout
    assert "'' is unclear\n  because the container of" in done.stdout
    assert "ended with exit code 3: there is no text" in done.stdout
    assert [] == dockerd.names()


def test_what_is_missing_is_said_plainly(tmp_path):
    """Without an engine the example says so."""
    done = run(DOCKER_HOST=f"unix://{tmp_path}/no.sock")

    assert 0 == done.returncode, done.stderr
    assert "No container engine answers" in done.stdout or "There is no busybox" in done.stdout
