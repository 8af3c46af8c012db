"""What is independent is not tried in every order, and what is proved stays the same."""

import random

import pytest

from circuit_breaker import State, Workflow, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import Bundle, Path
from circuit_breaker.workflow.verification import at_most, reach

BLOCKS = 160


def parallel(number: int, *, lost: int = 0) -> Workflow:
    """A workflow in which so many people work beside each other; the join may forget some of them."""
    begin, *rest, end = states("begin", *(f"a{n}" for n in range(number)), *(f"b{n}" for n in range(number)), "end")
    todo, done = rest[:number], rest[number:]
    return Workflow(
        "parallel",
        flow(begin >> tuple(todo)).transition("split"),
        *(flow(one >> other).transition(f"{one}-done").manual() for one, other in zip(todo, done, strict=True)),
        flow(tuple(done[lost:]) >> end).transition("join"),
        final=[end],
    )  # fmt: skip


class Blocks:
    """A random workflow of sequences, branches and choices, sometimes with something wrong in it."""

    def __init__(self, seed: int) -> None:
        self.random, self.flows, self.count = random.Random(seed), list[Flow](), 0  # noqa: S311 - not for secrets
        self.between("begin", "end", 3)
        if self.random.random() < 0.12:
            self.step([self.any_state()], [self.random.choice(["end", self.any_state()])])

    def workflow(self) -> Workflow | None:
        try:
            return Workflow("blocks", *self.flows, initial=State("begin"))
        except WorkflowInvalid:
            return None

    def any_state(self) -> str:
        return f"s{self.random.randint(1, self.count)}" if self.count else "begin"

    def new(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def step(self, sources: list[str], targets: list[str]) -> None:
        path = Path(
            (Bundle(tuple((State(each), 1) for each in sources)),), Bundle(tuple((State(each), 1) for each in targets))
        )
        step, kind = flow(path).transition(f"t{len(self.flows)}"), self.random.random()
        step = step.manual() if kind < 0.45 else step.action(lambda token: {}) if kind < 0.65 else step
        if 0.45 <= kind < 0.53:
            step = step.on_failure(State(targets[0]))
        self.flows.append(step.priority(self.random.choice([-1, 1])) if self.random.random() < 0.1 else step)

    def between(self, begin: str, end: str, depth: int) -> None:
        kind = self.random.random() if depth else 0.0
        if kind < 0.15:
            self.step([begin], [end])
        elif kind < 0.4:
            middle = self.new()
            self.between(begin, middle, depth - 1)
            self.between(middle, end, depth - 1)
        elif kind < 0.75:
            self.beside(begin, end, depth)
        else:
            self.between(begin, end, depth - 1)
            self.between(begin, end, depth - 1)

    def beside(self, begin: str, end: str, depth: int) -> None:
        branches = [(self.new(), self.new()) for _ in range(self.random.randint(2, 3))]
        self.step([begin], [first for first, _ in branches])
        for first, last in branches:
            self.between(first, last, depth - 1)
        lasts = [last for _, last in branches]
        self.step(lasts[:-1] if self.random.random() < 0.08 else lasts, [end])


def test_thirty_people_beside_each_other_are_decided():
    """What thirty people do in any order is proved to end, with few markings."""
    found = parallel(30).verify()
    assert ("sound if", True) == (found.verdict, found.markings < 100)
    assert found.safe


def test_a_lost_branch_among_thirty_is_found():
    """A join that forgets one of thirty branches is found out, and the way to it is gone through."""
    found = parallel(30, lost=1).verify(mend=False)
    assert ("not sound", True) == (found.verdict, found.findings[0].certain)
    assert found.findings[0].about == "b0"


def test_a_property_needs_every_order():
    """What is asked of orders is not answered from one order."""
    assert "not decided" == parallel(30).verify(at_most(1, "a0"), limit=1000).verdict


@pytest.mark.parametrize("part", range(4))
def test_one_order_proves_what_every_order_proves(part, monkeypatch):
    """Random workflows get the same verdict and bounds where what is independent is tried in one order only."""
    monkeypatch.setattr(reach, "FEW", 10_000)
    made = [(seed, Blocks(seed).workflow()) for seed in range(part, BLOCKS, 4)]
    every = {seed: workflow.verify(mend=False, limit=3000) for seed, workflow in made if workflow is not None}
    monkeypatch.setattr(reach, "FEW", 1)
    monkeypatch.setattr(reach, "GLANCE", 1)
    for seed, workflow in made:
        if workflow is not None and every[seed].verdict != "not decided":
            found, expected = workflow.verify(mend=False, limit=3000), every[seed]
            assert (expected.verdict, expected.codes[:1]) == (found.verdict, found.codes[:1]), seed
            assert not expected.faultless or expected.bounds == found.bounds, seed
