"""From a way through the net to a counterexample: which data, brought when, make a case go that way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from circuit_breaker.rules import Rule
from circuit_breaker.rules.analysis import Domain, Undecided, Witness
from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.path import spelled_step
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.timing import in_words
from circuit_breaker.workflow.verification.decisions import Answers, Decisions, touches
from circuit_breaker.workflow.verification.findings import Counterexample, Step
from circuit_breaker.workflow.verification.model import Act, Model
from circuit_breaker.workflow.verification.passage import Epoch, Passage
from circuit_breaker.workflow.verification.replay import Brought, Replay

__all__ = ["Expectation", "Telling"]

MOST_TOKENS = 1_000
"""With how many tokens at once a way is still gone through."""
SAMPLES: Mapping[str, Any] = {"text": "a", "number": 0, "integer": 0, "boolean": False, "list": (), "object": {}}


@attrs.frozen
class Expectation:
    """What a replay must end in.

    Attributes:
        stuck: Whether nothing can happen to the case.
        repeats: How many of the last steps are repeated to show that they can be.
        demands: What the rules must say of the data at the end, beside what the way itself asks for.
    """

    stuck: bool = False
    repeats: int = 0
    demands: tuple[Demand, ...] = ()


class Telling:
    """Tells ways through a model as counterexamples.

    Args:
        model: The model.
        workflow: What it is a model of; None for a net.
        quick: Whether no data are looked for, and nothing is confirmed.
        known: What was found out about the rules before.
    """

    def __init__(
        self, model: Model, workflow: Workflow | None, *, quick: bool = False, known: Answers | None = None
    ) -> None:
        self.model, self.workflow, self.quick = model, workflow, quick
        self.known = known or Answers(workflow)
        self.decisions = Decisions(self.known)

    def told(self, labels: Sequence[int], expected: Expectation = Expectation()) -> tuple[Counterexample, bool]:
        """The counterexample, and whether it could be real: False where no data go that way.

        Args:
            labels: The numbers of the transitions of the net.
            expected: What it leads to.
        """
        if self.quick:
            return Counterexample({}), True
        walk = Passage(self.model, labels, self._lasts)
        walk.go(expected.demands)
        brought = [self._data(epoch, () if epoch is None else epoch.changed) for epoch in walk.brought]
        begins = self._data(walk.first, ("data", "metadata"))
        possible = begins is not None and None not in brought
        steps = [
            Step(each.label, each.way, _by(each), _shown(data), states)
            for each, data, states in zip(walk.acts, brought, walk.states, strict=True)
        ]
        initial = self.model.states(self.model.start)
        told = Counterexample(initial, _shown(begins) or {}, tuple(steps), expected.repeats)
        if self.workflow is None:
            return attrs.evolve(told, confirmed=True), True
        unknown = isinstance(begins, Undecided) or any(isinstance(data, Undecided) for data in brought)
        if not possible or unknown or any(sum(states.values()) > MOST_TOKENS for states in walk.states):
            return told, possible
        data = [Brought(each, _filled(one, {})) for each, one in zip(walk.acts, brought, strict=True)]
        starts = (_filled(begins, domains) for domains in (self._required(), self.decisions.domains))
        return attrs.evolve(told, confirmed=any(self._replayed(one, data, told, expected) for one in starts)), True

    def _required(self) -> Mapping[str, Domain]:
        """The domains of declared data, those of fields left out that have a value without being given one."""
        schema = None if self.workflow is None else self.workflow.schema
        given = () if schema is None else attrs.fields(schema)
        free = {f"data.{each.name}" for each in given if each.default is not attrs.NOTHING}
        return {path: domain for path, domain in self.decisions.domains.items() if path not in free}

    def _replayed(
        self, start: Witness, brought: Sequence[Brought], told: Counterexample, expected: Expectation
    ) -> bool:
        if self.workflow is None:
            return True
        replay = Replay(self.workflow)
        done = replay.run(start, brought, again=brought[len(brought) - expected.repeats :] if expected.repeats else ())
        if not done or (expected.stuck and replay.case.status not in ("stuck", "failed")):
            return False
        return bool(expected.repeats) or replay.states() == dict(told.states)

    def _lasts(self, rule: Rule) -> bool:
        """Whether a rule says the same as long as nothing changes what it reads."""
        opaque = self.decisions.opaque(self.decisions.number(rule))
        return bool(rule.paths) and "state" not in rule.paths and not opaque

    def _data(self, epoch: Epoch | None, changed: Sequence[str]) -> Witness | Undecided | None:
        """Data that are as demanded, of which only those at some paths are brought."""
        if epoch is None or not epoch.demands:
            return Witness()
        found = self.decisions.solved(epoch.demands)
        return _part(found, changed) if isinstance(found, Witness) else found


def _by(act: Act) -> str:
    """What makes it happen, in words."""
    transition = act.transition
    if transition is None or act.automatic:
        return "itself"
    if transition.signal:
        return f"signal '{transition.signal}'"
    if transition.delay is not None:
        return f"after {in_words(transition.delay)}"
    return " or ".join(transition.roles) or "a person"


def _part(found: Witness, changed: Sequence[str]) -> Witness:
    """The keys of it that changes at some paths can set."""

    def kept(part: str, values: Mapping[str, Any]) -> dict[str, Any]:
        places = {key: f"{part}.{spelled_step(key)}" for key in values}
        return {key: values[key] for key, path in places.items() if any(touches(path, each) for each in changed)}

    return Witness(kept("data", found.data), kept("metadata", found.metadata), kept("results", found.results))


def _shown(found: Witness | Undecided | None) -> Mapping[str, Any] | None:
    """The data that matter; None where none do."""
    if not isinstance(found, Witness):
        return None
    document = {part: value for part, value in found.to_document().items() if value}
    return (document if set(document) != {"data"} else document["data"]) or None


def _filled(found: Witness | Undecided | None, domains: Mapping[str, Domain]) -> Witness:
    """The data with some value for every declared field that has none."""
    if not isinstance(found, Witness):
        return Witness()
    data: dict[str, Any] = dict(found.data)
    for path, domain in domains.items():
        *above, name = path.split(".")[1:]
        here: Any = data
        for step in above:
            here = here.get(step) if isinstance(here, dict) else None
        if isinstance(here, dict) and name not in here and (domain.held or "missing" not in domain.kinds):
            here[name] = _sample(domain)
    return attrs.evolve(found, data=data)


def _sample(domain: Domain) -> Any:
    if domain.values:
        return domain.values[0]
    kinds = domain.kinds - {"object"} if "null" in domain.kinds else domain.kinds
    value = next((SAMPLES[kind] for kind in SAMPLES if kind in kinds), None)
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value
