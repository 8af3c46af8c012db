"""An oracle for small workflows without data: every case is played with the functions of the engine themselves.

Actions begin when their turn comes, and end whenever they do: in between everything else may happen.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import attrs

from circuit_breaker import State, Workflow, field, flow
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow import Case, choosing, firing, standing
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.patterns.basics import LAST
from circuit_breaker.workflow.state import Bundle, Path
from circuit_breaker.workflow.token import Token

__all__ = ["Truth", "guarded_workflow", "outcome", "random_workflow", "truth"]

AT = datetime(2024, 5, 1, tzinfo=UTC)
MOST = 400
MOST_TOKENS = 6


@attrs.frozen
class Truth:
    """What is true of a workflow.

    Attributes:
        whole: Whether everything was looked at.
        stuck: The states of the tokens where a case is stuck.
        dead: The transitions that never fire.
        ends: Whether a case can end from everywhere.
        rests: Whether what happens by itself always comes to a rest.
        most: The most tokens in one state.
    """

    whole: bool
    stuck: set[frozenset[tuple[str, int]]]
    dead: set[str]
    ends: bool
    rests: bool
    most: int

    @property
    def sound(self) -> bool:
        return self.ends and self.rests and not self.dead


def truth(workflow: Workflow) -> Truth:
    """What is true, found by playing everything that can happen."""
    begun = workflow.start("c", at=AT)
    known = {moment(begun): begun}
    after: dict[frozenset, list[tuple[bool, frozenset]]] = {}
    fired: set[str] = set()
    ahead = [begun]
    while ahead:
        case = ahead.pop()
        here = moment(case)
        if len(known) > MOST or max(Counter(token.state for token in case.marking).values(), default=0) > MOST_TOKENS:
            return Truth(False, set(), set(), False, False, 0)
        after[here] = []
        for automatic, name, following in followers(workflow, case):
            fired.add(name)
            there = moment(following)
            after[here].append((automatic, there))
            if there not in known:
                known[there] = following
                ahead.append(following)
    ended = {here for here, case in known.items() if case.status == "completed"}
    rests = {here for here in known if not any(automatic for automatic, _ in after[here])}
    return Truth(
        True,
        {spot(case) for case in known.values() if case.status == "stuck"},
        {transition.name for transition in workflow.transitions} - fired,
        reaching(ended, after) == set(known),
        reaching(rests, {here: [edge for edge in edges if edge[0]] for here, edges in after.items()}) == set(known),
        max((count for case in known.values() for _, count in spot(case)), default=0),
    )


def spot(case: Case) -> frozenset[tuple[str, int]]:
    return frozenset(Counter(token.state for token in case.marking).items())


def moment(case: Case) -> tuple[frozenset[tuple[str, int]], frozenset[tuple[tuple[str, ...], int]]]:
    """Where the tokens are, and which actions hold some of them."""
    holding = Counter((each.transition, *sorted(state for _, state in each.consumed)) for each in case.pending)
    return spot(case), frozenset(holding.items())


def followers(workflow: Workflow, case: Case):
    """What can happen to a case: the next thing by itself, everything that a person may do, every end of an action.

    An action may have to wait until there is room for it, and keeps its tokens until then.
    """
    waiting: frozenset[Token] = frozenset()
    while (choice := choosing.next_automatic(workflow, case, waiting=waiting)) is not None:
        yield True, *gone_on(workflow, case, choice)
        if not choice.transition.steps:
            break
        waiting |= frozenset(choice.binding)
    for transition in () if case.closed else workflow.transitions:
        if not transition.automatic:
            for way in choosing.choices(workflow, case, transition):
                yield False, *gone_on(workflow, case, way)
                break
    for pending in case.pending:
        transition = workflow.by_id[pending.transition]
        event, _ = firing.finish(workflow, case, pending, at=AT, change=Change())
        yield True, transition.name, standing.apply(workflow, case, event)
        if transition.on_failure is not None:
            failed = firing.fail(workflow, case, pending, at=AT, error={"message": "no"})
            yield True, "", standing.apply(workflow, case, failed)


def gone_on(workflow: Workflow, case: Case, choice) -> tuple[str, Case]:
    """What fires, if anything does, and the case after it; an action only begins."""
    if choice.transition.steps:
        return "", standing.apply(workflow, case, firing.begin(case, choice, at=AT, worker="w"))
    return choice.transition.name, standing.apply(workflow, case, firing.fired(case, choice, at=AT))


def reaching(goals, after) -> set:
    good = set(goals)
    while new := {here for here, edges in after.items() if here not in good and any(to in good for _, to in edges)}:
        good |= new
    return good


def random_workflow(seed: int, *, acting: float = 0) -> Workflow | None:
    """A small workflow with splits, joins, choices, circles, arcs that read, forbid and withdraw.

    Args:
        seed: What it is made of.
        acting: How many of the transitions have an action, and how many of these may fail; then a case may also end
            where it could go on.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    places = [State(name) for name in "abcdef"[: chance.randint(3, 6)]]
    flows: list[Flow] = []
    reached = places[:1]
    for number in range(chance.randint(2, 6)):
        made = one_flow(chance, places, reached, number, asking=0.25 if acting else 0.08)
        flows.append(with_action(chance, made, places) if acting and chance.random() < acting else made)
        targets = (*made.path.targets.states, *filter(None, [flows[-1].failed_to]))
        reached += [state for state in dict.fromkeys(targets) if state not in reached]
    left = {state for made in flows for bundle in made.path.sources for state in bundle.states}
    final = {*reached} - left | {chance.choice(reached)} if acting and chance.random() < 0.2 else None
    try:
        return Workflow(f"random{seed}", *flows, initial="a", final=final)
    except WorkflowInvalid:
        return None


def one_flow(chance: random.Random, places: list[State], reached: list[State], number: int, *, asking: float) -> Flow:
    sources = tuple(chance.sample(reached, min(len(reached), chance.choice((1, 1, 1, 2)))))
    targets = tuple(chance.sample(places, chance.choice((1, 1, 1, 2))))
    made = flow(Path((Bundle.of(sources),), Bundle.of(targets))).transition(f"t{number}")
    if chance.random() < 0.5:
        made = made.manual()
    elif chance.random() < 0.2:
        made = made.priority(LAST)
    others = [place for place in reached if place not in sources]
    for step in ("reads", "unless", "clears"):
        if others and chance.random() < asking:
            made = getattr(made, step)(chance.choice(others))
    return made


def with_action(chance: random.Random, made: Flow, places: list[State]) -> Flow:
    """The flow with an action, which sometimes can fail."""
    made = made.action(lambda token: {})
    return made.on_failure(chance.choice(places)) if chance.random() < 0.3 else made


def guarded_workflow(seed: int) -> Workflow | None:
    """A small workflow in which everything happens by itself, and rules on one score decide; None if it is none."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    places = [State(name) for name in "abcdef"[: chance.randint(3, 6)]]
    flows: list[Flow] = []
    reached = places[:1]
    for number in range(chance.randint(2, 7)):
        flows.append(guarded_flow(chance, places, reached, number))
        reached += [state for state in flows[-1].path.targets.states if state not in reached]
    try:
        return Workflow(f"guarded{seed}", *flows, initial="a")
    except WorkflowInvalid:
        return None


def guarded_flow(chance: random.Random, places: list[State], reached: list[State], number: int) -> Flow:
    sources = tuple(chance.sample(reached, min(len(reached), chance.choice((1, 1, 1, 1, 2)))))
    targets = tuple(chance.sample(places, chance.choice((1, 1, 1, 2))))
    made = flow(Path((Bundle.of(sources),), Bundle.of(targets))).transition(f"t{number}")
    rule = chance.choice((field("score") >= chance.randint(1, 9), field("score") < chance.randint(1, 9), None))
    if rule is None or len(sources) > 1:
        return made
    if chance.random() < 0.3:
        return made.policy(rules=rule).otherwise(chance.choice(places))
    return made.guard(rule)


def outcome(workflow: Workflow, score: float) -> tuple[str, frozenset[str]]:
    """What becomes of a case with that score, and what fired: ``many`` where there are too many tokens to go on."""
    case = workflow.start("c", at=AT, data={"score": score})
    seen, fired = set(), set()
    while (choice := choosing.next_automatic(workflow, case)) is not None:
        if spot(case) in seen:
            return "endless", frozenset(fired)
        if len(case.marking) > MOST_TOKENS:
            return "many", frozenset(fired)
        seen.add(spot(case))
        if choosing.admitted(workflow, choice):
            event = firing.fired(case, choice, at=AT)
            fired.add(choice.transition.name)
        else:
            event = firing.refusal(workflow, case, choice, at=AT)
        case = standing.apply(workflow, case, event)
    return case.status, frozenset(fired)
