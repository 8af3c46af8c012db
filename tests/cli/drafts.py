"""Text files of every kind that the review of the demo tells apart, made from a seed."""

from __future__ import annotations

import random
from pathlib import Path

SHORT = "we ask what a page can say in few words and who will read it when it is done".split()
LONG = "documentation implementation authentication serialization interoperability observability".split()
SECTIONS = ("Introduction", "Background", "Conclusion")


def draft(dice: random.Random) -> str:
    """A text with some of the sections, long or short, clear or not, urgent or not."""
    words = dice.choice([20, 60, 120])
    long_share = dice.choice([0.0, 0.1, 0.6])
    sections = [name for name in SECTIONS if dice.random() < 0.6]
    parts = [f"# Page {dice.randrange(10_000)}"]
    for name in sections or [""]:
        body = [
            dice.choice(LONG if dice.random() < long_share else SHORT) for _ in range(words // max(1, len(sections)))
        ]
        parts.append(f"## {name}\n\n{' '.join(body)}." if name else " ".join(body))
    return "\n\n".join([*parts, *(["This is urgent."] if dice.random() < 0.2 else [])])


def write_drafts(directory: Path, count: int, *, seed: int = 1) -> None:
    """Writes so many drafts into the directory."""
    dice = random.Random(seed)  # noqa: S311 - nobody is to be surprised
    directory.mkdir()
    for number in range(count):
        (directory / f"page-{number:03}.md").write_text(draft(dice))
