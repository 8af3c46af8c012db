"""Small random workflows and cases of them, the same for the same seed; and what changes to a case do, told apart."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import msgspec

from circuit_breaker import Workflow, cel, field, flow
from circuit_breaker.data import Data, freeze_mapping
from circuit_breaker.errors import CircuitBreakerError, WorkflowInvalid
from circuit_breaker.net import missing
from circuit_breaker.workflow import Case, Path, State, Token, Transition, choosing, firing, standing
from circuit_breaker.workflow.events import ActionFailed, SignalReceived, TokenAdded
from circuit_breaker.workflow.evolution import evolve

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
PLACES = tuple(State(name) for name in "abcd")
SIGNALS = ("pay", "ship")
ROLES = ("clerk", "boss")
KEYS = ("x", "y", "n.z")
VALUES = (0, 1, 5, 9, None, "q", True)


def work(token: Any) -> dict[str, Any]:
    """An action."""
    return {"done": True}


def rules(dice: random.Random) -> Any:
    """A rule about a few fields, or None."""
    leaves = [
        lambda: field(dice.choice(KEYS)) >= dice.choice((1, 5)),
        lambda: field(dice.choice(KEYS)) < dice.choice((1, 5)),
        lambda: field(dice.choice(KEYS)) == dice.choice((1, "q", True)),
        lambda: field(dice.choice(KEYS)).one_of(5, "q"),
        lambda: field(dice.choice(KEYS)).exists(),
        lambda: field("metadata.m") >= 1,
        lambda: ~(field(dice.choice(KEYS)) == dice.choice((1, 5))),
        lambda: cel(f"data.{dice.choice('xy')} > {dice.choice((0, 4))}"),
        lambda: cel(f"size(data) > {dice.choice((0, 1))}"),
    ]
    shape = dice.random()
    made = [dice.choice(leaves)() for _ in range(3)]
    if shape < 0.3:
        return None
    if shape < 0.6:
        return made[0]
    return made[0] & made[1] if shape < 0.75 else made[0] | made[1] if shape < 0.9 else made[0] & (made[1] | made[2])


def random_flow(dice: random.Random, number: int) -> Any:
    """One transition with everything that can keep it from firing."""
    takes = tuple(dice.sample(PLACES, dice.choice((1, 1, 1, 2))))
    others = [place for place in PLACES if place not in takes]
    step = flow(Path.between(takes, tuple(dice.sample(PLACES, dice.choice((1, 1, 2)))))).transition(f"t{number}")
    triggers = [
        lambda: step, step.manual, lambda: step.on_signal(dice.choice(SIGNALS)),
        lambda: step.after("1h"), lambda: step.every("2h"), lambda: step.roles(dice.choice(ROLES)),
    ]  # fmt: skip
    step = dice.choice(triggers)()
    rule = rules(dice)
    step = step if rule is None else step.guard(rule)
    step = step.action(work) if dice.random() < 0.3 else step
    step = step.reads(dice.choice(others)) if dice.random() < 0.15 else step
    step = step.unless(dice.choice(others)) if dice.random() < 0.15 else step
    return step.correlate(field(dice.choice(("x", "n.z")))) if len(takes) > 1 and dice.random() < 0.4 else step


def random_workflow(dice: random.Random) -> Workflow:
    """A workflow of two to four transitions that its checks accept."""
    while True:
        flows = [random_flow(dice, number) for number in range(dice.choice((2, 3, 4)))]
        try:
            return Workflow("w", *flows, initial=flows[0].path.sources[0].states[0])
        except WorkflowInvalid:
            continue


def random_data(dice: random.Random) -> dict[str, Any]:
    """Some of the fields, with values of every kind."""
    data: dict[str, Any] = {key: dice.choice(VALUES) for key in "xy" if dice.random() < 0.6}
    kept = dice.random()
    return data | ({"n": {"z": dice.choice(VALUES), "kept": 1}} if kept < 0.4 else {"n": "q"} if kept < 0.5 else {})


def random_case(dice: random.Random, workflow: Workflow) -> Case:
    """A case with tokens in several states, signals, actions in progress or in doubt, and refusals."""
    case = workflow.start("c", at=START, data=random_data(dice))
    known = [state.name for state in workflow.states]
    for _ in range(dice.choice((0, 0, 1, 2))):
        token = Token(f"c.{case.minted + 1}", dice.choice(known), freeze_mapping(random_data(dice)))
        case = evolve(case, TokenAdded("c", case.sequence + 1, START, "", token))
    for _ in range(dice.choice((0, 0, 1))):
        data = freeze_mapping(random_data(dice))
        case = evolve(case, SignalReceived("c", case.sequence + 1, START, "", dice.choice(SIGNALS), data))
    case = standing.settle(workflow, msgspec.structs.replace(case, status="running"))
    return case if case.closed else _lived(dice, workflow, case)


def _lived(dice: random.Random, workflow: Workflow, case: Case) -> Case:
    """The case with an action that began, and perhaps failed."""
    for transition in workflow.transitions:
        choice = next(iter(choosing.tried(workflow, case, transition)), None)
        if not transition.steps or choice is None or choice.conflict or dice.random() < 0.5:
            continue
        case = evolve(case, firing.begin(case, choice, at=START, worker="here"))
        key = case.pending[-1].key
        if dice.random() < 0.4:
            case = evolve(case, ActionFailed("c", case.sequence + 1, START, "", transition.id, choice.moves, key=key))
        elif dice.random() < 0.3:
            doubted = tuple(msgspec.structs.replace(p, doubt=p.key == key) for p in case.pending)
            case = msgspec.structs.replace(case, pending=doubted)
    return standing.settle(workflow, case)


@attrs.frozen
class World:
    """A case, who asks, and when.

    Attributes:
        by_hand: The ids of transitions that somebody fires by hand.
    """

    case: Case
    at: datetime
    roles: frozenset[str]
    by_hand: frozenset[str] = frozenset()

    def with_case(self, **changes: Any) -> World:
        """The world with another case."""
        return attrs.evolve(self, case=msgspec.structs.replace(self.case, **changes))

    def can_fire(self, workflow: Workflow, transition: Transition) -> bool:
        """Whether the transition would fire now: by hand if somebody would, otherwise as its trigger says."""
        try:
            _, refusal = firing.select(
                workflow, self.case, transition.name, roles=self.roles, at=self.at, by="somebody"
            )
        except CircuitBreakerError:
            return False
        if refusal is not None:
            return False
        if isinstance(transition.trigger, type(flow(PLACES[0] >> PLACES[1]).manual().trigger)):
            return True
        return transition.id in self.by_hand or any(
            choosing.admitted(workflow, each)
            and not choosing.blocked(self.case, each)
            and (bool(each.used) or not transition.signal)
            and (transition.delay is None or choosing.due(each, self.case) <= self.at)
            for each in choosing.tried(workflow, self.case, transition)
        )

    def after(self, need: dict[str, Any]) -> World:
        """The world after a change that is told as a document."""
        return getattr(self, f"_{need['kind']}")(need)

    def _token(self, need: dict[str, Any]) -> World:
        case = self.case
        model = next((token for token in case.marking if token.id == need["like"]), Token("", ""))
        data = freeze_mapping({**model.data, **need["data"]})
        token = msgspec.structs.replace(model, id=f"c.{case.minted + 1}", state=need["state"], data=data)
        return attrs.evolve(self, case=evolve(case, TokenAdded("c", case.sequence + 1, self.at, "", token)))

    def _empty(self, need: dict[str, Any]) -> World:
        gone = [(need["state"], token) for token in self.case.marking.at(need["state"]) if token.id == need["token"]]
        return self.with_case(marking=self.case.marking.change(gone, ()))

    def _action(self, need: dict[str, Any]) -> World:
        case = self.case
        (consumed,) = [pending.consumed for pending in case.pending if pending.key == need["key"]]
        ended = ActionFailed("c", case.sequence + 1, self.at, "", need["transition"], consumed, key=need["key"])
        return attrs.evolve(self, case=evolve(case, ended))

    _doubt = _action

    def _value(self, need: dict[str, Any]) -> World:
        case = self.case
        part, key, *_ = need["path"].split(".")
        marking = case.marking
        for token in [token for token in case.marking if token.id in need["tokens"]]:
            values = Data({**getattr(token, part), **freeze_mapping({key: need["whole"]})})
            new = msgspec.structs.replace(token, sequence=case.sequence + 1, **{part: values})
            marking = marking.change([(token.state, token)], [(token.state, new)])
        return self.with_case(marking=marking, sequence=case.sequence + 1)

    def _signal(self, need: dict[str, Any]) -> World:
        came = SignalReceived("c", self.case.sequence + 1, self.at, "", need["name"], freeze_mapping(need["data"]))
        return attrs.evolve(self, case=evolve(self.case, came))

    def _time(self, need: dict[str, Any]) -> World:
        due = datetime.fromisoformat(need["due"]) if need["due"] else self.at + timedelta(seconds=need["delay"])
        return attrs.evolve(self, at=due)

    def _role(self, need: dict[str, Any]) -> World:
        return attrs.evolve(self, roles=self.roles | {need["roles"][0]})

    def _again(self, need: dict[str, Any]) -> World:
        return attrs.evolve(self, by_hand=self.by_hand | {need["transition"]})


def weight(needs: Any) -> int:
    """How many changes some needs are: each value that comes with a signal is one as well."""
    return sum(1 + (len(need["data"]) if need["kind"] == "signal" else 0) for need in needs)


def _paths(transition: Transition) -> list[str]:
    """The paths of values that matter to a transition."""
    paths = sorted(transition.gate.paths if transition.gate is not None else ())
    if transition.correlate is not None:
        paths.append(transition.correlate.path)
    if "data" in paths:
        paths += [f"data.{key}" for key in KEYS]
    return [path for path in dict.fromkeys(paths) if path != "data"]


def atoms(world: World, workflow: Workflow, transition: Transition, *, likes: Any) -> Iterator[dict[str, Any]]:
    """Every single change that could matter; a token comes only where one is lacking, like the one named."""
    case = world.case
    ids = [token.id for token in case.marking] + [f"c.{case.minted + 1}", f"c.{case.minted + 2}"]
    for path in _paths(transition):
        for value, tokens in itertools.product((*VALUES, 4, 6), [ids, *([each] for each in ids)]):
            whole = {"z": value, "kept": 1} if path == "data.n.z" else value
            yield {"kind": "value", "path": path, "whole": whole, "tokens": tokens}
    lacking = {place for _, place, _ in missing(transition.net, case.marking, reserved=case.reserved)}
    for state in [state for state in workflow.states if state.name in lacking]:
        key = "" if transition.correlate is None else transition.correlate.path.split(".")[1]
        keyed = [token.data[key] for token in case.marking if key in token.data]
        for data in [{}, *({key: value} for value in keyed)]:
            yield {"kind": "token", "state": state.name, "like": likes.get(state.name, ""), "data": data}
    for token in case.marking:
        yield {"kind": "empty", "state": token.state, "token": token.id}
    for pending in case.pending:
        yield {"kind": "action", "key": pending.key, "transition": pending.transition}
    if transition.signal:
        for data in ({}, *({key: value} for key in "xy" for value in VALUES)):
            yield {"kind": "signal", "name": transition.signal, "data": data}
    yield {"kind": "time", "due": None, "delay": 10_000_000}
    yield from ({"kind": "role", "roles": [role]} for role in transition.roles)
    yield {"kind": "again", "transition": transition.id}
