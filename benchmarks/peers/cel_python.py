"""cel-python, CEL in pure Python: two comparisons on a token of ten fields."""

from __future__ import annotations

import celpy
from celpy.adapter import json_to_cel

from benchmarks.timing import microseconds, report

TEXT = "data.score >= 8 && data.word_count > 50"
DATA = {"score": 9, "word_count": 120, "title": "Plan"} | {f"field{n}": n for n in range(7)}


def rule() -> float:
    environment = celpy.Environment()
    program = environment.program(environment.compile(TEXT))
    return microseconds(lambda: program.evaluate({"data": json_to_cel(DATA)}))


if __name__ == "__main__":
    report("cel-python", {"rule": ("µs", rule)})
