"""Every example works as it lies there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted([*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*/main.py")])
PUBLISHED = EXAMPLES / "published_executor"
WORKFLOWS = sorted(path for path in EXAMPLES.rglob("*.y*ml") if PUBLISHED not in path.parents)
LIMIT = 90


def relative(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


def run(command: list[str | Path], directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )


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


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> tuple[Path, str]:
    """The example package, installed from a copy: where the copy is, and the path on which Python finds it."""
    copy, target = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("installed")
    shutil.copytree(PUBLISHED, copy)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    done = run([*pip, "--target", target, copy], copy)
    assert done.returncode == 0, done.stderr
    return copy, str(target)


def test_a_published_executor_is_executed_by_name(published):
    """B17: what another package publishes by an entry point is found by the command line and by a definition."""
    copy, target = published
    program = Path(sys.executable).with_name("circuit-breaker")
    done = run([program, "execute", "word-frequency", "-p", "text=to be or not to be"], copy, PYTHONPATH=target)
    checked = run([program, "check", "frequency.yaml"], copy, PYTHONPATH=target)

    assert done.returncode == 0, done.stderr
    assert {"to": 2, "be": 2, "or": 1} == json.loads(done.stdout)["words"]
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_published_executor_passes_the_suite_for_executors(published):
    """B17: the package of the example brings the suite that every executor must pass, and passes it."""
    copy, target = published
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", copy], copy, PYTHONPATH=target)

    assert done.returncode == 0, done.stdout + done.stderr
