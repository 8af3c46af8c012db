"""The pictures in the documentation are those of the examples, as the command line draws them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
DRAW = "circuit-breaker draw examples/{0}.py -o docs/pictures/{0}.svg"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_the_picture_is_not_stale(picture, tmp_path):
    """A picture is what is drawn today of the example of the same name."""
    drawn = tmp_path / picture.name
    program = Path(sys.executable).with_name("circuit-breaker")
    subprocess.run([program, "draw", ROOT / "examples" / f"{picture.stem}.py", "-o", drawn], check=True)

    assert picture.read_text() == drawn.read_text(), f"draw it again: {DRAW.format(picture.stem)}"


def test_every_picture_is_shown():
    """No picture lies there that no page shows."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages)

    assert [] == [picture.name for picture in PICTURES if f"pictures/{picture.name}" not in text]


def test_the_readme_shows_the_example_itself():
    """The program in the README is examples/article.py, to the letter."""
    program = (ROOT / "examples" / "article.py").read_text()

    assert f"```python\n{program}```" in (ROOT / "README.md").read_text()
