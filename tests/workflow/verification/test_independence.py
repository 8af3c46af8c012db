"""What is independent is not tried in every order, and what is proved stays the same."""

import random
from itertools import pairwise

import pytest

from circuit_breaker import State, Workflow, field, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import Bundle, Path
from circuit_breaker.workflow.verification import at_most, reach

BLOCKS = 160
LEAST = 30
"""How many of a part of these are tried in one order at least."""
RARE = field("x") > 1


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
        """A step, its sources in any order; with some of several sources another competes for the same tokens."""
        sources = self.random.sample(sources, len(sources))
        self.add(sources, targets)
        if len(sources) > 1 and self.random.random() < 0.3:
            self.add(self.random.sample(sources, len(sources)), targets)

    def add(self, sources: list[str], targets: list[str]) -> None:
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


@pytest.mark.parametrize("people", [4, 16])
def test_what_people_do_beside_it_is_not_on_the_way(people):
    """A way leaves out what was only taken because it could be, however many orders were tried."""
    begin, b, c, d, end = states("begin", "b", "c", "d", "end")
    ways = [states(f"a{n}", f"b{n}") for n in range(people)]
    workflow = Workflow(
        "beside",
        flow(begin >> (*(first for first, _ in ways), b)).transition("split"),
        *(flow(one >> other).transition(f"{one}-done").manual() for one, other in ways),
        flow(b >> c).transition("one").manual(),
        flow(c >> d).transition("two"),
        flow(d >> c).transition("three"),
        flow(c >> end).transition("leaves").policy(validations=RARE).manual(),
        flow((*(last for _, last in ways), end) >> State("over")).transition("join"),
        initial="begin",
    )
    found = workflow.verify(mend=False)
    endless = next(each for each in found.findings if each.code == "endless")
    assert (True, ("split", "one", "two", "three")) == (endless.certain, endless.counterexample.path)


@pytest.mark.parametrize("people", [3, 14])
def test_of_joins_that_compete_for_the_same_tokens_only_the_first_fires(people):
    """The other one is dead, in whichever order its states are written, and however many people work beside it."""
    begin, b, c, d, e, end = states("begin", "b", "c", "d", "e", "end")
    ways = [states(f"a{n}", f"b{n}", f"c{n}") for n in range(people)]
    workflow = Workflow(
        "competing",
        flow(begin >> (b, c, *(first for first, _, _ in ways))).transition("split"),
        flow((b, c) >> d).transition("first"),
        flow((c, b) >> e).transition("second"),
        *(flow(one >> end).transition(f"{one}-ends") for one in (d, e)),
        *(flow(x >> y).transition(f"{x}-on").manual() for way in ways for x, y in pairwise(way)),
        initial="begin",
    )
    found = workflow.verify(mend=False)
    assert ("not sound", True) == (found.verdict, "dead-transition" in found.codes)


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
    tried = one_order_only(monkeypatch)
    for seed, workflow in made:
        if workflow is not None and every[seed].verdict != "not decided":
            found, expected = workflow.verify(mend=False, limit=3000), every[seed]
            assert (expected.verdict, expected.codes[:1]) == (found.verdict, found.codes[:1]), seed
            assert not expected.faultless or expected.bounds == found.bounds, seed
    assert len(tried) >= LEAST


def one_order_only(monkeypatch) -> list[reach.Reach]:
    """What is found in one order from now on, each time that it is."""
    found: list[reach.Reach] = []
    in_some_order = reach.Reach._in_some_order

    def noted(model, *bounds):
        one = in_some_order(model, *bounds)
        found.extend([one] if one is not None and not one.every else [])
        return one

    monkeypatch.setattr(reach.Reach, "_in_some_order", noted)
    return found
