"""Compositions and state machines whose process is killed again and again, at any moment."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 4
LONGEST = 0.25
"""Seconds after its beginning within which a process is killed; the work takes about as long."""


def program(kind: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.agents.crash_program", kind, str(folder)], cwd=ROOT)


def undisturbed(kind: str, folder: Path) -> list:
    """What comes of it when nobody kills it."""
    with program(kind, folder) as process:
        assert 0 == process.wait(timeout=60)
    return json.loads((folder / "outcome").read_text())


def killed(kind: str, folder: Path, seconds: float) -> bool:
    """Whether the process was killed in the middle of its work, so long after it began that."""
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    with program(kind, folder) as process:
        while process.poll() is None and not begun.exists():
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()
        return process.wait() != 0


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["chain", "parallel", "supervisor", "machine", "approved"])
def test_what_is_killed_at_random_moments_comes_to_the_same_end(kind, tmp_path):
    """R1 L3: killed with signal 9 again and again, it ends as if nobody had; each call of a model and of a tool is in
    the record once, and none is made again but what was cut short.
    """
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    calm.mkdir(), wild.mkdir()
    chance = random.Random(kind)  # noqa: S311 - it chooses moments
    kills = sum(killed(kind, wild, chance.uniform(0.0, LONGEST)) for _ in range(KILLS))
    expected, found = undisturbed(kind, calm), undisturbed(kind, wild)

    assert kills
    assert expected == found
    for _, _, calls in found[1]["calls"]:
        assert [1] * len(calls) == list(Counter(calls).values())
    needed, made = (Counter((folder / "notes").read_text().splitlines()) for folder in (calm, wild))
    assert not needed - made
    assert (made - needed).total() <= kills * (2 if kind == "parallel" else 1)
