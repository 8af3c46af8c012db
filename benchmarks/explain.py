"""What a case cannot do, why, and what it would take: every transition of a document that is reviewed and paid for."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.registry import benchmark
from benchmarks.timing import microseconds
from circuit_breaker import Case, Workflow, cel, field, flow, states
from circuit_breaker.workflow.explain import explain

draft, pending, reviewed, approved, rejected, paid, sent = states(
    "draft", "pending", "reviewed", "approved", "rejected", "paid", "sent"
)
document = Workflow(
    "document",
    flow(draft >> pending)
    .transition("submit")
    .policy(validations=field("title").exists(), rules=(field("clarity") >= 70) & (field("word_count") >= 50))
    .manual(),
    flow(pending >> reviewed).transition("review").roles("editor"),
    flow(pending >> draft).transition("withdraw").manual(),
    flow(pending >> rejected).transition("expire").after("7d"),
    flow(reviewed >> approved).transition("approve").guard(field("score") >= 8),
    flow(reviewed >> rejected).transition("reject").guard(field("score") < 8),
    flow(rejected >> draft).transition("revise").manual(),
    flow(approved >> paid)
    .transition("pay")
    .on_signal("payment")
    .guard(cel("data.amount > 100 && data.currency == 'EUR'")),
    flow(paid >> sent)
    .transition("send")
    .guard(field("address.city").exists() & ~field("address.country").one_of("XX", "YY")),
)
AT = datetime(2024, 5, 1, tzinfo=UTC)


def a_case() -> Case:
    """A case that can do nothing yet."""
    return document.start("c", at=AT, data={"word_count": 12, "clarity": 80})


@benchmark("µs")
def explain_a_case() -> float:
    """All nine transitions, each with its verdict and with the smallest change that would let it fire, proved."""
    case = a_case()
    return microseconds(lambda: explain(document, case, at=AT, roles=[]))
