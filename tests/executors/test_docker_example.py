"""The example with containers, on a real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import blocks
from tests.services.images import add_busybox

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "container_pipeline.py"
FUNCTIONS = ROOT / "examples" / "functions_order_chain.py"


def run(program=EXAMPLE, **environment):
    command = [sys.executable, "-W", "error", program]
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


@pytest.mark.service("dockerd")
def test_the_functions_run_in_containers(dockerd):
    """F17, F9, F18: orders are processed and notified, and a text is judged, in containers of an image made here."""
    done = run(FUNCTIONS, DOCKER_HOST=dockerd.address)

    assert 0 == done.returncode, done.stderr
    assert "without containers" not in done.stdout
    assert '"sent": "order A-7 has 2 pieces"' in done.stdout
    assert '"sentiment": "positive", "confidence": 0.85' in done.stdout
    assert 'on demand: {"sent": "order B-9 has 0 pieces"}' in done.stdout
    assert [] == dockerd.names()


def test_what_is_missing_is_said_plainly(tmp_path):
    """Without an engine the example says so."""
    done = run(DOCKER_HOST=f"unix://{tmp_path}/no.sock")

    assert 0 == done.returncode, done.stderr
    assert "No container engine answers" in done.stdout or "There is no statically" in done.stdout


@pytest.mark.service("dockerd")
def test_the_program_of_the_guide_runs(dockerd, tmp_path):
    """What the guide shows as a program does what it says."""
    client = dockerd.client()
    add_busybox(client, "busybox:latest")
    client.close()
    page = (ROOT / "docs" / "how-to" / "containers.md").read_text()
    program = tmp_path / "count.py"
    program.write_text(next(block.text for block in blocks(page) if block.order == "file"))
    done = run(program, DOCKER_HOST=dockerd.address)

    assert 0 == done.returncode, done.stderr
    assert "'exit_code': 0, 'output': 6," in done.stdout
