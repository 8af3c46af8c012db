"""A rule of two comparisons on a token of ten fields, as field conditions and as CEL text."""

from __future__ import annotations

import attrs

from benchmarks.registry import Peer, benchmark
from benchmarks.timing import microseconds
from circuit_breaker.rules import cel, field

PEERS = (Peer("cel-expr-python", "rule"), Peer("cel-python", "rule"))
DATA = {"score": 9, "word_count": 120, "title": "Plan"} | {f"field{n}": n for n in range(7)}


@attrs.frozen
class Token:
    """What a rule reads."""

    data: dict[str, object]
    id: str = "a"
    state: str = "draft"
    metadata: dict[str, object] = attrs.field(factory=dict)
    results: dict[str, object] = attrs.field(factory=dict)


@benchmark("µs", *PEERS)
def rule_of_fields() -> float:
    """Field conditions, compiled to closures when the rule is made."""
    test, token = ((field("score") >= 8) & (field("word_count") > 50)).test, Token(DATA)
    return microseconds(lambda: test(token))


@benchmark("µs", *PEERS)
def rule_of_cel_text() -> float:
    """The same rule as CEL text."""
    test, token = cel("data.score >= 8 && data.word_count > 50").test, Token(DATA)
    return microseconds(lambda: test(token))
