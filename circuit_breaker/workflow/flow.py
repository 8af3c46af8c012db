"""The fluent way to write a transition: ``flow(a >> b).transition("x").policy(...)``.

A flow is a frozen value; every step returns a new one. A step that can be given only once raises when
it is given again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, overload

import attrs

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.net.structure import Arc
from circuit_breaker.rules import Field, Policy, Rule, as_rule
from circuit_breaker.workflow.agent_step import agent_step
from circuit_breaker.workflow.dealing import Deal
from circuit_breaker.workflow.signature import spelled
from circuit_breaker.workflow.state import Bundle, Path, State, checked_name
from circuit_breaker.workflow.steps import Action, Call, Execution, Step
from circuit_breaker.workflow.timing import (
    After,
    Automatic,
    Duration,
    Every,
    Manual,
    OnSignal,
    RetryPolicy,
    Trigger,
    seconds,
)

__all__ = ["Call", "Execution", "Flow", "Step", "flow"]

Effect = Literal["idempotent", "at_most_once"]


@attrs.frozen
class Flow:
    """A transition in the making. See :func:`flow`."""

    path: Path
    name: str | None = None
    trigger: Trigger | None = None
    condition: Rule | None = None
    checked: Policy | None = None
    steps: tuple[Step, ...] = ()
    read: tuple[Bundle, ...] = ()
    inhibited: tuple[Bundle, ...] = ()
    cleared: tuple[State, ...] = ()
    awaited: tuple[State, ...] = ()
    limit: float | None = None
    retrying: RetryPolicy | None = None
    rank: int | None = None
    refused_to: State | None = None
    failed_to: State | None = None
    compensation: Call | None = None
    effected: Effect | None = None
    again_if: Rule | None = None
    allowed: tuple[str, ...] | None = None
    description: str | None = None
    merging: Callable[..., Any] | None = None
    correlation: Field | None = attrs.field(default=None, eq=repr)
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    counted: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    dealt: Deal | None = None
    of_one_split: bool = False

    def _once(self, step: str, attribute: str, value: Any) -> Flow:
        if getattr(self, attribute) is not None:
            if attribute == "trigger" and type(self.trigger) is not type(value):
                kinds = f"{type(self.trigger).__name__} and {type(value).__name__}"
                raise WorkflowInvalid(f"{self.title} fires in two ways: {kinds}", remedy="write a flow for each")
            raise WorkflowInvalid(f"{self.title}: .{step}() is given twice", remedy="give it once")
        return attrs.evolve(self, **{attribute: value})

    @property
    def title(self) -> str:
        """What to call this flow in a message."""
        return f"transition '{self.name}'" if self.name else f"flow({self.path})"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that it is judged by, as written: names in them are not looked up."""
        policy = self.checked or Policy()
        given = (self.condition, policy.before, policy.after, self.again_if)
        return tuple(rule for rule in given if rule is not None)

    @property
    def targets(self) -> tuple[State, ...]:
        """The states that it leads to, also by a refusal or a failure."""
        others = (state for state in (self.refused_to, self.failed_to) if state is not None)
        return (*self.path.targets.states, *others)

    @spelled
    def transition(self, name: str) -> Flow:
        """Names the transition."""
        return self._once("transition", "name", checked_name(name, what="transition"))

    @spelled
    def guard(self, rule: Any) -> Flow:
        """The transition is possible only while the rule holds: a Rule, the name of one, or an expression."""
        return self._once("guard", "condition", as_rule(rule))

    @spelled
    def policy(self, *, validations: Any = None, rules: Any = None) -> Flow:
        """What must hold before the action (validations) and after it, on its result (rules).

        Each is a Rule, a name, a list of these (all must hold), or ``{"all": [], "any": [], "none": []}``.
        """
        return self._once("policy", "checked", Policy(validations=validations, rules=rules))

    @overload
    def action(self, action: Action, *, name: str | None = None) -> Flow: ...
    @overload
    def action(self, action: None = None, *, name: str | None = None) -> Callable[[Action], Flow]: ...
    @spelled
    def action(self, action: Action | None = None, *, name: str | None = None) -> Flow | Callable[[Action], Flow]:
        """Calls a function (plain or async) with the token; what it returns is added to the data.

        Also a decorator: the decorated name is then the finished flow. A function that requires two arguments, or has
        one called ``context``, is given a context too; any other number of them is a fault of the workflow.
        """
        if action is None:
            return lambda decorated: self.action(decorated, name=name)
        if isinstance(action, type) and hasattr(action, "execute"):
            remedy = f"write .execute({action.__name__}, ...), with its parameters as keywords"
            raise WorkflowInvalid(f"{self.title}: .action({action.__name__}) is given an executor", remedy=remedy)
        return attrs.evolve(self, steps=(*self.steps, Call.of(action, name)))

    @spelled
    def execute(self, executor: Any, *, result: str | None = None, **parameters: Any) -> Flow:
        """Runs an executor with these parameters; may be given any number of times, one after the other."""
        if not isinstance(executor, (str, type)) or (isinstance(executor, type) and not hasattr(executor, "execute")):
            raise WorkflowInvalid(
                f"{self.title}: {executor!r} is no executor", remedy="give the class, with parameters as keywords"
            )
        return self.executed(executor, parameters, result=result)

    @spelled
    def executed(self, executor: Any, parameters: Mapping[str, Any], *, result: str | None = None) -> Flow:
        """Like :meth:`execute`, with the parameters as a mapping, so that one of them may be called ``result``."""
        return attrs.evolve(self, steps=(*self.steps, Execution(executor, parameters, result)))

    @spelled
    def agent(
        self,
        agent: str,
        *,
        input_mapping: Mapping[str, Any] | None = None,
        output_mapping: Mapping[str, str] | None = None,
        required: bool = True,
        timeout: Duration | None = None,
        retry: RetryPolicy | Mapping[str, Any] | int | None = None,
        llm_config: Mapping[str, Any] | None = None,
        result: str | None = None,
    ) -> Flow:
        """Asks an agent; the engine is given those that there are by ``executors=agent_executors(agents)``.

        Args:
            agent: Its id.
            input_mapping: For each input of the agent where on the token it comes from, such as ``"data.content"``.
            output_mapping: Where on the token each output goes, such as ``{"data.score": "confidence"}``. Beside the
                fields of its answer there are ``agent_id``, ``execution_id``, ``timestamp`` and ``final_response``.
                Without it all of the answer is added to the data, unless ``result`` keeps it.
            required: Whether the transition needs it. Otherwise it goes on without the output when the agent fails,
                and the metadata says so under ``agent_failures``.
            timeout: The longest that one of its executions may take.
            retry: When it is asked again after a failure: a policy, a number of attempts, or the settings of one;
                ``retry_on_errors`` names failures such as ``"timeout"`` and ``"rate_limit"``.
            llm_config: What takes the place of members of its ``llm_config`` here.
            result: The name in the token's results under which the answer, and who gave it, is kept for rules.
        """
        try:
            step = agent_step(
                agent, input_mapping=input_mapping, output_mapping=output_mapping, required=required,
                timeout=timeout, retry=retry, llm_config=llm_config, result=result,
            )  # fmt: skip
        except WorkflowInvalid as error:
            raise WorkflowInvalid(f"{self.title}: .agent({agent!r:.60}) is not valid", faults=error.faults) from error
        return attrs.evolve(self, steps=(*self.steps, step))

    @spelled
    def manual(self) -> Flow:
        """Fires only when somebody fires it."""
        return self._once("manual", "trigger", Manual())

    @spelled
    def automatic(self) -> Flow:
        """Fires by itself as soon as it is enabled; this is so unless something else is said."""
        return self._once("automatic", "trigger", Automatic())

    @spelled
    def on_signal(self, name: str, *, transient: bool = False) -> Flow:
        """Fires when this signal is there; its data is added to the token."""
        return self._once("on_signal", "trigger", OnSignal(checked_name(name, what="signal"), transient))

    @spelled
    def after(self, delay: Duration) -> Flow:
        """Fires this long after the token entered its state: seconds, a timedelta, or a text such as ``"2h 30m"``."""
        return self._once("after", "trigger", After(delay))

    @spelled
    def every(self, interval: Duration) -> Flow:
        """Fires again and again at this interval, as long as the token comes back to the same state."""
        return self._once("every", "trigger", Every(interval))

    @spelled
    def timeout(self, duration: Duration) -> Flow:
        """The longest that one attempt of the action may take."""
        limit = seconds(duration, what="timeout")
        if not limit:
            raise WorkflowInvalid(f"{self.title}: .timeout({duration!r}) leaves no time", remedy="give more than zero")
        return self._once("timeout", "limit", limit)

    @spelled
    def retry(self, policy: RetryPolicy | int | None = None, **settings: Any) -> Flow:
        """Tries a failed action again: a RetryPolicy, a number of attempts, or the settings of a policy."""
        if policy is not None and settings:
            raise WorkflowInvalid(
                f"{self.title}: .retry() takes a policy or settings, not both",
                remedy="write .retry(max_attempts=..., ...)",
            )
        if not isinstance(policy, RetryPolicy):
            try:
                policy = RetryPolicy.of(settings if policy is None else {"max_attempts": policy})
            except WorkflowInvalid as error:
                message = error.message.partition("\n")[0]
                raise WorkflowInvalid(f"{self.title}: {message}", faults=error.faults, remedy=error.remedy) from error
        return self._once("retry", "retrying", policy)

    @spelled
    def priority(self, rank: int) -> Flow:
        """Of several automatic transitions the one with the highest priority fires first; 0 unless given."""
        if type(rank) is not int:
            raise WorkflowInvalid(f"{self.title}: .priority({rank!r}) is no whole number")
        return self._once("priority", "rank", rank)

    @spelled
    def otherwise(self, state: State) -> Flow:
        """Where the tokens go if the policy refuses."""
        return self._once("otherwise", "refused_to", _state(state))

    @spelled
    def on_failure(self, state: State) -> Flow:
        """Where the tokens go if the action fails for good."""
        return self._once("on_failure", "failed_to", _state(state))

    @spelled
    def compensate(self, action: Action, *, name: str | None = None) -> Flow:
        """What undoes the action, called with the token when the case is rolled back."""
        return self._once("compensate", "compensation", Call.of(action, name))

    @spelled
    def effect(self, effect: Effect, *, again_if: Any = None) -> Flow:
        """What a repetition of the action does after a crash.

        ``"idempotent"`` (the default): it runs again, with the same idempotency key. ``"at_most_once"``: the case is in
        doubt until somebody resolves it, or until the rule ``again_if`` says that it may run again. Such an action may
        have :meth:`retry` only with ``retry_on``: the failures after which nothing was done.
        """
        if effect not in ("idempotent", "at_most_once"):
            raise WorkflowInvalid(f"{self.title}: no effect {effect!r}", remedy='"idempotent" or "at_most_once"')
        rule = None if again_if is None else as_rule(again_if)
        return attrs.evolve(self._once("effect", "effected", effect), again_if=rule)

    @spelled
    def roles(self, *names: str) -> Flow:
        """Only somebody with one of these roles may fire it; it then waits to be fired, as after :meth:`manual`."""
        if not names:
            raise WorkflowInvalid(f"{self.title}: .roles() needs at least one role")
        for name in names:
            checked_name(name, what="role")
        return self._once("roles", "allowed", tuple(sorted(set(names))))

    @spelled
    def describe(self, text: str) -> Flow:
        """Says what the transition is for."""
        if not isinstance(text, str):
            raise WorkflowInvalid(f"{self.title}: .describe({text!r:.60}) is no text", remedy="say it in words")
        return self._once("describe", "description", text)

    @spelled
    def reads(self, *states: Any) -> Flow:
        """Needs a token in these states as well, and leaves it there."""
        return attrs.evolve(self, read=(*self.read, *map(Bundle.of, states)))

    @spelled
    def unless(self, *states: Any) -> Flow:
        """Not while there is a token in one of these states (with a weight: that many tokens).

        A transition that leads into one of them has it for itself as soon as its action begins: no other that asks for
        the same goes ahead meanwhile.
        """
        return attrs.evolve(self, inhibited=(*self.inhibited, *map(Bundle.of, states)))

    @spelled
    def clears(self, *states: State) -> Flow:
        """Withdraws every token from these states, and cancels the actions that hold them."""
        return attrs.evolve(self, cleared=(*self.cleared, *map(_state, states)))

    @spelled
    def awaits(self, *states: State) -> Flow:
        """Not while there is a token in one of these states, or one could still come there without this transition.

        States that it takes tokens from are left out, so that ``flow((a | b | (a & b)) >> c).awaits(a, b)`` joins
        whichever of the branches are under way. Whether a token can come is judged by the paths alone: every rule might
        come to hold, everybody might fire, every signal might come. Transitions that await states, and of which each
        could only go on if another one did, go on.
        """
        return attrs.evolve(self, awaited=(*self.awaited, *map(_state, states)))

    @spelled
    def counts(self, *keys: str) -> Flow:
        """Every firing adds one to these keys of the metadata, so that a rule can bound how often it happens."""
        return attrs.evolve(self, counted=(*self.counted, *map(_key, keys)))

    @spelled
    def restarts(self, *keys: str) -> Flow:
        """Every firing sets these keys of the metadata to 0."""
        return attrs.evolve(self, restarted=(*self.restarted, *map(_key, keys)))

    @spelled
    def deals(self, items: str, *, to: State, item: str, by: str) -> Flow:
        """Every firing gives the token that it puts into a state the next one of a list; the others do not get it.

        Args:
            items: Where the list is, such as ``"data.orders"``.
            to: The state.
            item: The key of the data under which it is given.
            by: The metadata key that tells how many were dealt before: one of those that :meth:`counts` adds to.
        """
        return self._once("deals", "dealt", Deal(items, to.name, item, by))

    @spelled
    def together(self) -> Flow:
        """Joins only tokens that come from the same split, and from no split of one of them since."""
        return attrs.evolve(self, of_one_split=True)

    @spelled
    def merge(self, function: Callable[..., Any]) -> Flow:
        """How the data of joining tokens becomes one: called with the tokens, returns the data.

        :data:`~circuit_breaker.workflow.merging.LAST` and :class:`~circuit_breaker.workflow.merging.Collect` are such
        functions that a document can say.

        Metadata and results are united as without it; of different changes of one key that of the last token counts.
        """
        if not callable(function):
            raise WorkflowInvalid(f"{self.title}: .merge({function!r:.60}) is no function", remedy="give a function")
        return self._once("merge", "merging", function)

    @spelled
    def correlate(self, key: Field) -> Flow:
        """Joins only tokens that agree on this field, such as ``field("order_id")``."""
        if not isinstance(key, Field):
            raise WorkflowInvalid(
                f"{self.title}: .correlate({key!r:.60}) is no field", remedy='write field("order_id")'
            )
        return self._once("correlate", "correlation", key)

    def metadata(self, **facts: Any) -> Flow:
        """Anything else worth keeping with the transition; JSON."""
        return attrs.evolve(self, facts={**self.facts, **facts})

    def arcs(self, bundles: Iterable[Bundle]) -> tuple[Arc, ...]:
        """The arcs of these bundles, one for each state."""
        return Bundle(tuple(part for bundle in bundles for part in bundle.parts)).arcs()


def _state(value: Any) -> State:
    if not isinstance(value, State):
        raise WorkflowInvalid(f"{value!r} is no state", remedy="give one of those that states() made")
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise WorkflowInvalid(f"{value!r:.60} is no key of the metadata", remedy="give a text")
    return value


def flow(path: Path) -> Flow:
    """The beginning of a transition along a path, such as ``flow(draft >> review)``.

    Raises:
        WorkflowInvalid: It is no path.
    """
    if not isinstance(path, Path):
        raise WorkflowInvalid(f"flow() needs a path, not {path!r}", remedy="write flow(a >> b)")
    return Flow(path)
