"""Compositions of which the process is killed: they go on, and nobody is asked again who has answered."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("chain_program.py")


def killed_after(folder: Path, line: str, seconds: float) -> None:
    """Starts the program, and kills it that long after it has noted this line, if it has not ended by then."""
    notes = folder / "notes"
    with subprocess.Popen([sys.executable, str(PROGRAM), str(folder)]) as process:
        while process.poll() is None and not (notes.exists() and line in notes.read_text()):
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_chain_that_is_killed_at_random_moments_asks_every_model_once(seed, tmp_path):
    """R1: killed at any moment, a chain of three agents goes on where it was: an answer that was kept is never asked
    for again, there is one execution for each part, and the answer is the same.
    """
    chance = random.Random(seed)  # noqa: S311 - it chooses moments
    for line in [f"{what} {name}" for name in "abc" for what in ("call", "kept")]:
        killed_after(tmp_path, line, chance.uniform(0.0, 0.012))
    subprocess.run([sys.executable, str(PROGRAM), str(tmp_path)], check=True, timeout=60)
    done = json.loads((tmp_path / "outcome").read_text())
    notes = (tmp_path / "notes").read_text().splitlines()

    assert (done["status"], done["output"]) == ("completed", "c has spoken")
    assert ["a", "b", "c"] == [entry["to"] for entry in done["told"]["entries"]]
    for name in "abc":
        kept = f"kept {name}"  # it is not noted where the program was killed just before it could be
        assert notes.count(kept) <= 1
        assert kept not in notes or f"call {name}" not in notes[notes.index(kept) :]
    assert len(set(notes)) > 3
