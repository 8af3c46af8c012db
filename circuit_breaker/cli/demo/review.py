"""The review of a document: a workflow to watch, to read and to copy.

A draft is submitted and measured in two ways at once. What is long enough, clear and complete is reviewed by that
alone; anything else is put before a person. What is declined goes back to its author, at most twice.
"""

from __future__ import annotations

from circuit_breaker import State, Token, Workflow, field, flow, states
from circuit_breaker.cli.demo.analysis import Clarity, Completeness, WordCount
from circuit_breaker.rules import different_values, presence

__all__ = ["document_review"]

REVISIONS = 2

(
    draft,
    pending_review,
    wording,
    structure,
    clarity_known,
    completeness_known,
    human_review,
    reviewed,
    approved,
    rejected,
    rejected_for_good,
) = states(
    "draft",
    State("pending_review", timestamp="submitted_at"),
    "wording",
    "structure",
    "clarity_known",
    "completeness_known",
    State("human_review", message="The scores are low: a reviewer decides."),
    State("reviewed", timestamp="reviewed_at"),
    State("approved", timestamp="approved_at"),
    State("rejected", message="The author may revise it."),
    "rejected_for_good",
)

has_text = presence("title", "content").named("has_text", description="there is a title and a text")
long_enough = (field("results.words.count") >= 50).named("long_enough", description="at least 50 words")
clear = (field("results.clarity.score") >= 70).named("clear", description="a clarity of at least 70")
complete = (field("results.completeness.score") >= 80).named("complete", description="a completeness of at least 80")
high_priority = (field("priority") > 5).named("high_priority", description="a priority above 5")

other_reviewer = different_values("author", "reviewer").named(
    "other_reviewer", description="the reviewer is not the author"
)
other_approver = (
    different_values("author", "approver") & (field("reviewer").missing() | different_values("reviewer", "approver"))
).named("other_approver", description="the approver is neither the author nor the reviewer")


def count_revision(token: Token) -> dict[str, int]:
    """One revision more."""
    return {"revisions": token.data["revisions"] + 1}


# Two measurements at once, and a join that waits for both.
measuring = (
    flow(draft >> pending_review)
    .transition("submit")
    .policy(validations=has_text)
    .execute(WordCount, text=field("content"), result="words"),
    flow(pending_review >> (wording, structure)).transition("analyse"),
    flow(wording >> clarity_known)
    .transition("measure_clarity")
    .execute(Clarity, text=field("content"), result="clarity"),
    flow(structure >> completeness_known)
    .transition("measure_completeness")
    .execute(Completeness, text=field("content"), result="completeness"),
    flow((clarity_known, completeness_known) >> reviewed)
    .transition("review")
    .policy(rules=long_enough & clear & complete)
    .otherwise(human_review),
)

# What a machine should not decide.
human_deciding = (
    flow(human_review >> reviewed).transition("accept").roles("reviewer").policy(validations=other_reviewer).manual(),
    flow(human_review >> rejected)
    .transition("decline")
    .roles("reviewer")
    .policy(validations=[other_reviewer, presence("comment")])
    .manual(),
)

# Two pairs of eyes for what is urgent.
approving = (
    flow(reviewed >> approved).transition("approve").guard(~high_priority),
    flow(reviewed >> approved)
    .transition("sign_off")
    .guard(high_priority)
    .roles("approver")
    .policy(validations=other_approver)
    .manual(),
)

# Back to the author, but not for ever.
revising = (
    flow(rejected >> draft)
    .transition("revise")
    .roles("author")
    .guard(field("revisions") < REVISIONS)
    .action(count_revision)
    .manual(),
    flow(rejected >> rejected_for_good).transition("give_up").guard(field("revisions") >= REVISIONS),
)

document_review = Workflow(
    "document_review",
    *measuring,
    *human_deciding,
    *approving,
    *revising,
    description="A document on its way from draft to approval",
)
