"""Random workflows made of blocks, with rules on several fields, joins that are guarded, counters and failures."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import attrs

from circuit_breaker import BaseExecutor, State, Workflow, field, flow
from circuit_breaker.data import Data
from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.rules import Rule, all_of, any_of
from circuit_breaker.rules.analysis.ternary import UNKNOWN, answer_of
from circuit_breaker.workflow import Case, choosing, firing, standing
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.choosing import Choice
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.merging import LAST
from circuit_breaker.workflow.state import Bundle, Path

__all__ = ["block_workflow", "people", "played", "unjudged"]

AT = datetime(2024, 5, 1, tzinfo=UTC)
DATA = ("data.x", "data.y")
OTHERS = ("results.p", "results.q", "metadata.n", "metadata.m")
FAILED = field("metadata.failure")
NUMBERS = (-1, 0, 1, 2, 3)
BROUGHT = tuple(Data({"x": one, "y": other}) for one in (*NUMBERS, 9) for other in (*NUMBERS, 9))
MOST = 60
MOST_TOKENS = 7


class Answering(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


@attrs.define
class Blocks:
    """What is built of a workflow; a rule that was asked once is often asked again."""

    chance: random.Random
    flows: list[Flow] = attrs.field(factory=list)
    rules: list[Rule] = attrs.field(factory=list)
    states: int = 0

    def state(self) -> State:
        self.states += 1
        return State(f"s{self.states}")

    def add(self, sources, targets) -> Flow:
        path = Path((Bundle.of(sources),), Bundle.of(targets))
        return flow(path).transition(f"t{len(self.flows) + 1}")

    def rule(self) -> Rule:
        if not self.rules or self.chance.random() < 0.5:
            self.rules.append(self.made(self.chance.choice((DATA, OTHERS, DATA + OTHERS))))
        return self.chance.choice(self.rules)

    def made(self, paths) -> Rule:
        where, value = field(self.chance.choice(paths)), self.chance.randint(0, 2)
        one = self.chance.choice((where >= value, where < value, where == value, where != value, FAILED.missing()))
        if self.chance.random() < 0.3:
            return self.chance.choice((all_of, any_of))(one, self.made(paths))
        return one

    def block(self, begin: State, end: State, depth: int) -> None:
        kinds = (self.row, self.choice, self.choice, self.split, self.split, self.narrow, self.step)
        kind = self.chance.choice(kinds) if depth else self.step
        kind(begin, end, depth - 1)

    def row(self, begin, end, depth):
        middle = self.state()
        self.block(begin, middle, depth)
        self.block(middle, end, depth)

    def choice(self, begin, end, depth):
        rule, one, other = self.rule(), self.state(), self.state()
        self.flows.append(self.add((begin,), (one,)).guard(rule))
        last = self.add((begin,), (other,))
        self.flows.append(last.guard(~rule) if self.chance.random() < 0.6 else last.priority(-1000))
        self.block(one, end, depth)
        self.block(other, end, depth)

    def split(self, begin, end, depth):
        begins = [self.state() for _ in range(self.chance.choice((2, 2, 3)))]
        ends = [self.state() for _ in begins]
        self.flows.append(self.add((begin,), begins))
        for one, other in zip(begins, ends, strict=True):
            self.block(one, other, depth)
        self.flows.append(self.join(self.add(ends, (end,)), begin))

    def join(self, made, begin):
        if self.chance.random() < 0.3:
            made = made.merge(LAST)
        if self.chance.random() < 0.3:
            made = made.guard(self.rule())
        elif self.chance.random() < 0.15:
            made = made.policy(rules=self.rule()).otherwise(begin)
        if self.chance.random() < 0.15:
            made = made.counts("n")
        return made.execute(Answering, result=self.chance.choice("pq")) if self.chance.random() < 0.15 else made

    def narrow(self, begin, end, depth):
        self.flows.append(self.add((begin,), (end,)).guard(self.rule()))

    def step(self, begin, end, depth):
        made, kind = self.add((begin,), (end,)), self.chance.random()
        if kind < 0.25:
            made = made.restarts("n") if kind < 0.1 else made.counts(self.chance.choice("nm"))
        elif kind < 0.8:
            made = self.acting(made, begin, end)
        self.flows.append(self.waiting(made) if self.chance.random() < 0.2 else made)

    def waiting(self, made):
        """The flow with a person, who brings data, and can do again what was refused."""
        if self.chance.random() < 0.5:
            made = made.guard(self.between() if self.chance.random() < 0.5 else self.rule())
        if made.steps and made.checked is None and self.chance.random() < 0.5:
            made = made.policy(rules=self.rule())
        return made.manual()

    def between(self) -> Rule:
        """A rule on what is brought and what is there."""
        where, other, value = (
            field(self.chance.choice(DATA)),
            field(self.chance.choice(OTHERS)),
            self.chance.randint(0, 2),
        )
        return self.chance.choice((where > other, where == other, all_of(where >= other, where < value)))

    def acting(self, made, begin, end):
        made = made.execute(Answering, result=self.chance.choice("pq"))
        if self.chance.random() < 0.05:
            elsewhere = State(f"s{self.chance.randint(1, self.states)}")
            made = self.chance.choice((made.unless, made.reads))(elsewhere) if elsewhere != begin else made
        if self.chance.random() < 0.3:
            made = made.counts("n")
        if self.chance.random() < 0.3:
            made = made.on_failure(self.aside(end))
        if self.chance.random() < 0.4:
            made = made.policy(rules=self.rule()).otherwise(self.aside(end))
        return made

    def aside(self, end):
        """Another way to the end."""
        state = self.state()
        number = len(self.flows) + 1
        self.flows.append(flow(state >> end).transition(f"aside{number}"))
        return state


def block_workflow(seed: int) -> Workflow | None:
    """A workflow that is sound as far as its rules let it be; None where it is none."""
    made = Blocks(random.Random(seed))  # noqa: S311 - no secret
    begin, end = State("begin"), State("end")
    one, other, ready = made.state(), made.state(), made.state()
    made.flows += [made.add((begin,), (one,)).restarts("n", "m")]
    made.flows += [made.add((one,), (other,)).execute(Answering, result="p")]
    made.flows += [made.add((other,), (ready,)).execute(Answering, result="q")]
    made.block(ready, end, made.chance.choice((2, 3)))
    try:
        return Workflow(f"blocks{seed}", *made.flows, initial="begin")
    except CircuitBreakerError:
        return None


def unjudged(workflow: Workflow, case: Case) -> bool:
    """Whether a rule cannot judge some token, which is assumed not to be."""
    rules = [
        (rule, token)
        for token in case.marking
        for transition in workflow.leaving[token.state]
        for rule in (transition.gate, transition.rules)
        if rule is not None
    ]
    return any(answer_of(rule.tree.holds, rule.tree.fails, token) == UNKNOWN for rule, token in rules)


def played(workflow: Workflow, chance: random.Random) -> Case:
    """A case played with answers and failures at random, until nothing happens any more; actions take any time."""
    case = workflow.start("c", at=AT, data={"x": chance.randint(-1, 3), "y": chance.randint(-1, 3)})
    for _ in range(MOST):
        if case.closed or len(case.marking) > MOST_TOKENS:
            break
        choice = choosing.next_automatic(workflow, case)
        if case.pending and (choice is None or chance.random() < 0.5):
            case = ended(workflow, case, chance)
            continue
        choice = choice or person(workflow, case, chance)
        if choice is None:
            break
        case = gone_on(workflow, case, choice)
    return case


def person(workflow: Workflow, case: Case, chance: random.Random):
    """Something that a person can do now, and that can succeed."""
    ways = people(workflow, case)
    return chance.choice(ways) if ways else None


def people(workflow: Workflow, case: Case) -> list[Choice]:
    """What people can do now, with any data, so that it can succeed, or leads elsewhere."""
    manual = [each for each in workflow.transitions if not each.automatic and not case.closed]
    ways = [way for each in manual for data in BROUGHT for way in choosing.choices(workflow, case, each, data=data)]
    return [way for way in ways if choosing.admitted(workflow, way) and can_succeed(way)]


def can_succeed(way: Choice) -> bool:
    """Whether an action has an answer that is let pass, or can lead elsewhere."""
    transition = way.transition
    if not transition.steps or transition.rules is None or {transition.otherwise, transition.on_failure} != {None}:
        return True
    (step,) = transition.steps
    answers = (way.view.updated(results={step.result: number}) for number in NUMBERS)
    return any(transition.rules.test(answer) for answer in answers)


def gone_on(workflow: Workflow, case: Case, choice: Choice) -> Case:
    """The case after a choice; an action only begins."""
    transition = choice.transition
    if not choosing.admitted(workflow, choice):
        return standing.apply(workflow, case, firing.refusal(workflow, case, choice, at=AT))
    if not transition.steps:
        return standing.apply(workflow, case, firing.fired(case, choice, at=AT))
    return standing.apply(workflow, case, firing.begin(case, choice, at=AT, worker="w"))


def ended(workflow: Workflow, case: Case, chance: random.Random) -> Case:
    """The case after the end of one of its actions."""
    pending = chance.choice(case.pending)
    transition = workflow.by_id[pending.transition]
    if transition.on_failure is not None and chance.random() < 0.3:
        error = {"number": chance.randint(0, 2)}
        return standing.apply(workflow, case, firing.fail(workflow, case, pending, at=AT, error=error))
    change = Change(results={step.result: chance.randint(-1, 3) for step in transition.steps})
    event, _ = firing.finish(workflow, case, pending, at=AT, change=change)
    return standing.apply(workflow, case, event)
