"""Every example works as it lies there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted([*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*/main.py")])
WORKFLOWS = sorted([*EXAMPLES.rglob("*.yaml"), *EXAMPLES.rglob("*.yml")])
LIMIT = 90


def relative(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


def run(command: list[str | Path], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.mark.parametrize("program", PROGRAMS, ids=[relative(path) for path in PROGRAMS])
def test_the_program_runs_to_its_end(program, tmp_path):
    """An example runs in an empty directory without arguments, succeeds, and says something."""
    done = run([sys.executable, "-W", "error", program], tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[relative(path) for path in WORKFLOWS])
def test_the_workflow_is_valid(workflow, tmp_path):
    """The command line finds no fault in an example that is a document."""
    done = run([Path(sys.executable).with_name("circuit-breaker"), "check", workflow], tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
