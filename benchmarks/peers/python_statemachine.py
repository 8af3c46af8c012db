"""python-statemachine: the guarded loop by events."""

from __future__ import annotations

from statemachine import State, StateMachine

from benchmarks.timing import microseconds, report


class Document(StateMachine):
    """The guarded loop."""

    draft = State(initial=True)
    review = State()
    approved = State()

    submit = draft.to(review, cond="good")
    approve = review.to(approved, cond="good")
    reopen = approved.to(draft, cond="good")

    score = 9

    def good(self) -> bool:
        return self.score >= 8


def step() -> float:
    document = Document()

    def loop() -> None:
        document.submit()
        document.approve()
        document.reopen()

    return microseconds(loop, calls=3)


if __name__ == "__main__":
    report("python-statemachine", {"step": ("µs", step)})
