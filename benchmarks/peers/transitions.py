"""transitions: the guarded loop by named triggers."""

from __future__ import annotations

from transitions import Machine

from benchmarks.timing import microseconds, report


class Document:
    """The model that the machine moves."""

    score = 9

    def good(self) -> bool:
        return self.score >= 8


STEPS = (("submit", "draft", "review"), ("approve", "review", "approved"), ("reopen", "approved", "draft"))


def step() -> float:
    document = Document()
    machine = Machine(document, states=["draft", "review", "approved"], initial="draft", auto_transitions=False)
    for trigger, source, target in STEPS:
        machine.add_transition(trigger, source, target, conditions="good")

    def loop() -> None:
        document.submit()
        document.approve()
        document.reopen()

    return microseconds(loop, calls=3)


if __name__ == "__main__":
    report("transitions", {"step": ("µs", step)})
