"""WorkflowBuilder: a workflow written one step after the other.

A builder is a frozen value; every step returns a new one, and :meth:`WorkflowBuilder.build` reports all faults at once.
A pattern (a branch, a loop, ...) begins where the builder stands: where the last transition led, or at the state that
was added last, unless ``at`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import attrs

from circuit_breaker.errors import Fault, WorkflowInvalid, nearest
from circuit_breaker.rules import Rule, Rulebook, RuleOperator, as_rule, create_rule
from circuit_breaker.workflow.activities import WorkflowDefinition
from circuit_breaker.workflow.branches import BranchBuilder, TryBuilder, drafted
from circuit_breaker.workflow.checks import Declared, check
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.draft import Draft, Edge, Requirement
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.patterns import loop, parallel
from circuit_breaker.workflow.plain import described, draft_definition
from circuit_breaker.workflow.signature import spelled
from circuit_breaker.workflow.state import State

__all__ = ["RuleSource", "WorkflowBuilder", "declare"]


class RuleSource(Protocol):
    """A rules engine, as far as a builder needs one."""

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Its rules by name."""

    def validate_workflow(self, workflow: Any) -> Any:
        """A result with ``valid``, ``errors`` and ``warnings`` for a :class:`WorkflowDefinition`."""


@attrs.frozen
class WorkflowBuilder:
    """Builds a workflow from states, activities and rules.

    An activity waits until somebody fires it, unless :meth:`automatic` says otherwise; the same activity may lead from
    several states to one. Its rules are judged before it fires.

    Attributes:
        name: The name of the workflow.
        rules: Rules that activities may name: whatever a Rulebook takes.
        draft: What was gathered so far.
        engine: The rules engine that checks what is built, or None.
    """

    name: str
    rules: Any = attrs.field(default=None, kw_only=True)
    draft: Draft = attrs.field(factory=Draft, kw_only=True)
    engine: RuleSource | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def new(cls, name: str) -> WorkflowBuilder:
        """A builder of a workflow that has nothing but its name."""
        return cls(name)

    @classmethod
    def of(cls, definition: WorkflowDefinition) -> WorkflowBuilder:
        """The builder of what the plain form says."""
        builder = cls(definition.name).add_states(*definition.states)
        for activity in definition.activities:
            for source in activity.from_states:
                builder = builder.add_transition(source, activity.to_state, activity.id)
            if activity.rules:
                builder = builder.add_rules(activity.id, activity.rules, activity.requires_all_rules)
            builder = builder.refine(activity.id, described(activity))
        first = definition.initial_state or next(iter(definition.states), None)
        return builder if first is None else builder.set_initial_state(first)

    def _with(self, **changes: Any) -> WorkflowBuilder:
        return attrs.evolve(self, draft=attrs.evolve(self.draft, **changes))

    def add_state(self, name: str, **facts: Any) -> WorkflowBuilder:
        """Adds a state; ``message``, ``timestamp`` and ``final`` are those of :class:`State`."""
        return self._with(states=(*self.draft.states, spelled(State)(name, **facts)), at=name)

    def add_states(self, *names: str) -> WorkflowBuilder:
        """Adds several states."""
        return self._with(states=(*self.draft.states, *map(State, names)), at=names[-1] if names else self.draft.at)

    def add_transition(self, source: str, target: str, activity: str) -> WorkflowBuilder:
        """Adds an activity that leads from one state to another, or another state from which it does."""
        return self._with(edges=(*self.draft.edges, Edge(activity, str(source), str(target))), at=str(target))

    def add_rule(self, activity: str, rule: Any) -> WorkflowBuilder:
        """The activity requires this rule: a Rule, the name of one, CEL text, or a function."""
        return self.add_rules(activity, [rule])

    def add_rules(self, activity: str, rules: Iterable[Any], require_all: bool | None = None) -> WorkflowBuilder:
        """The activity requires these rules: all that it has, or one of them where ``require_all`` is False."""
        added = Requirement(activity, tuple(rules), require_all)
        return self._with(requirements=(*self.draft.requirements, added))

    def add_simple_rule(
        self, activity: str, field: str, operator: RuleOperator | str, value: Any = None
    ) -> WorkflowBuilder:
        """The activity requires that the field compares so with the value; the rule is called ``<field>_rule``."""
        return self.add_rule(activity, create_rule(f"{field}_rule").field_condition(field, operator, value).build())

    def refine(self, activity: str, change: Callable[[Flow], Flow]) -> WorkflowBuilder:
        """Says more about an activity: ``.refine("bill", lambda flow: flow.execute(Invoice).timeout("1m"))``."""
        return self._with(changes=(*self.draft.changes, (activity, change)))

    def automatic(self, *activities: str) -> WorkflowBuilder:
        """These activities fire by themselves as soon as their rules hold."""
        changes = tuple((activity, Flow.automatic) for activity in activities)
        return self._with(changes=(*self.draft.changes, *changes))

    def set_initial_state(self, state: str) -> WorkflowBuilder:
        """Cases start in this state."""
        return self._with(initial=str(state))

    def branch(self, condition: Any = None, *, at: str | None = None) -> BranchBuilder:
        """Ways of which one is taken: ``.branch().when("rule", part).otherwise(part)``.

        Args:
            condition: What must hold for every way but the last, beside its own condition.
            at: Where they begin.
        """
        return BranchBuilder(self, self._place(at, "branch"), None if condition is None else as_rule(condition))

    def parallel(self, *branches: Any, join_at: str, at: str | None = None) -> WorkflowBuilder:
        """Parts that run at once; when each has ended, it goes on at ``join_at``.

        Args:
            *branches: Builders, or names of states.
            join_at: The state where they join; added if it is new.
            at: Where they begin.
        """
        parts = [drafted(branch) for branch in branches]
        start = self._place(at, "parallel")
        names = [name for part in parts for name in part.names]
        if shared := sorted({name for name in names if names.count(name) > 1}):
            raise WorkflowInvalid(
                f"parallel branches share the state {', '.join(map(repr, shared))}", remedy="give each its own states"
            )
        ends = [(State(part.entry), State(part.exit)) for part in parts]
        return self._pattern(parallel(State(start), *ends, into=State(join_at)), *parts, at=join_at)

    def loop_while(
        self, condition: Any, body: Any, *, max_iterations: int | None = None, exit_to: str, at: str | None = None
    ) -> WorkflowBuilder:
        """A part that is repeated while the condition holds; see :func:`circuit_breaker.workflow.patterns.loop`.

        Args:
            condition: A rule, the name of one, or CEL text; judged before each round.
            body: A builder, or the name of a state.
            max_iterations: How many rounds there are at most, whatever the condition says.
            exit_to: The state where it goes on; added if it is new.
            at: Where the condition is judged.
        """
        part, head = drafted(body), self._place(at, "loop_while")
        begin, end, out = State(part.entry), State(part.exit), State(exit_to)
        flows = loop(State(head), begin, end, condition=condition, exit_to=out, max_iterations=max_iterations)
        return self._pattern(flows, part, at=exit_to)

    def try_(self, body: Any, *, at: str | None = None) -> TryBuilder:
        """A part whose failures are caught: ``.try_(body).catch(handler)``."""
        return TryBuilder(self, self._place(at, "try_"), drafted(body))

    def _place(self, at: str | None, step: str) -> str:
        place = at or self.draft.at
        if place is None:
            raise WorkflowInvalid(f"workflow '{self.name}': .{step}() begins nowhere", remedy="say where with at=")
        return place

    def _pattern(self, flows: tuple[Flow, ...], *parts: Draft, at: str) -> WorkflowBuilder:
        draft = self.draft
        for part in parts:
            draft = draft.plus(part)
        draft = draft.with_states(at)
        return attrs.evolve(self, draft=attrs.evolve(draft, flows=(*draft.flows, *flows), at=at))

    def with_rules_engine(self, engine: RuleSource) -> WorkflowBuilder:
        """Activities may name the rules of the engine, and :meth:`build` lets it check the workflow."""
        return attrs.evolve(self, engine=engine)

    def validate_rules(self, engine: RuleSource) -> Any:
        """What the engine says about the rules of the workflow: ``valid``, ``errors`` and ``warnings``."""
        return engine.validate_workflow(self.definition())

    def definition(self) -> WorkflowDefinition:
        """The states and activities in the plain form; what patterns added has no place in it.

        Raises:
            RuleInvalid: A rule of an activity is none.
        """
        return draft_definition(self.name, self.draft, Rulebook.of(self.rules))

    def build(self) -> Workflow:
        """The workflow.

        Raises:
            WorkflowInvalid: It has no states or no initial state, names unknown states, activities or rules, or has
                any other fault; all of them are reported.
        """
        faults = list(self.draft.faults())
        flows = self.draft.compiled(faults)
        rulebook = self._rulebook(flows)
        faults += self.draft.lonely(flows)
        faults += _unknown_rules(flows, rulebook)
        faults = faults or self._engine_faults()
        if faults:
            faults += check(flows, Declared(name=self.name, rulebook=None), whole=False)
            raise WorkflowInvalid(f"Workflow '{self.name}' has {len(faults)} fault(s)", faults=faults)
        return Workflow(self.name, *flows, rules=rulebook, initial=self.draft.initial)

    def _rulebook(self, flows: Iterable[Flow]) -> Rulebook:
        """Its own rules, and of those of the engine the ones that are named."""
        own = Rulebook.of(self.rules)
        known = {} if self.engine is None else self.engine.rules
        wanted = {
            name for rule in (*own.values(), *(rule for each in flows for rule in each.rules)) for name in rule.names
        }
        return Rulebook.of(own, [known[name] for name in sorted(wanted) if name in known and name not in own])

    def _engine_faults(self) -> list[Fault]:
        if self.engine is None:
            return []
        return [Fault("rules", error) for error in self.validate_rules(self.engine).errors]


def _unknown_rules(flows: Iterable[Flow], rulebook: Rulebook) -> list[Fault]:
    return [
        Fault(f"activity '{each.name}'", f"names a rule '{name}' that is in no rulebook", nearest(name, rulebook))
        for each in flows
        for name in dict.fromkeys(name for rule in each.rules for name in rule.resolve(rulebook, strict=False).names)
    ]


def declare(
    name: str,
    *,
    initial_state: str,
    states: Iterable[str],
    transitions: Iterable[tuple[str, str, str]],
    rules: Mapping[str, Any] | None = None,
    rulebook: Any = None,
) -> Workflow:
    """The workflow that one block says.

    ::

        declare(
            "order",
            initial_state="pending",
            states=["pending", "processing", "completed", "cancelled"],
            transitions=[
                ("pending", "processing", "start_processing"),
                ("processing", "completed", "complete_order"),
                ("pending", "cancelled", "cancel_order"),
                ("processing", "cancelled", "cancel_order"),
            ],
            rules={"start_processing": field("payment_verified") == True},
        )

    Args:
        name: What it is called.
        initial_state: Where cases start.
        states: All states.
        transitions: From a state, to a state, by an activity.
        rules: For an activity what it requires: a rule, or a list of rules that must all hold.
        rulebook: Rules that may be named.

    Raises:
        WorkflowInvalid: It has faults; all of them are reported.
    """
    builder = WorkflowBuilder(name, rules=rulebook).add_states(*states).set_initial_state(initial_state)
    for source, target, activity in transitions:
        builder = builder.add_transition(source, target, activity)
    for activity, required in (rules or {}).items():
        given = required if isinstance(required, (list, tuple)) else [required]
        builder = builder.add_rules(activity, given)
    return builder.build()
