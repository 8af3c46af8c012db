"""cel-expr-python, Google's CEL engine: two comparisons on a token of ten fields."""

from __future__ import annotations

from cel_expr_python import cel

from benchmarks.timing import microseconds, report

TEXT = "data.score >= 8 && data.word_count > 50"
DATA = {"score": 9, "word_count": 120, "title": "Plan"} | {f"field{n}": n for n in range(7)}


def rule() -> float:
    expression = cel.NewEnv(variables={"data": cel.Type.DYN}).compile(TEXT)
    return microseconds(lambda: expression.eval(data={"data": DATA}).value())


if __name__ == "__main__":
    report("cel-expr-python", {"rule": ("µs", rule)})
