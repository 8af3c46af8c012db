"""RulesEngine: a registry of rules, and what they say about resources and activities."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from circuit_breaker.engine.activity_checks import Activity, condition_of, faults_of, oddities_of
from circuit_breaker.engine.evaluation import (
    CachedEvaluation,
    EvaluationCache,
    RuleEvaluationResult,
    RuleResult,
    RulesConfig,
    RuleValidationResult,
    content_hash,
    in_thread,
)
from circuit_breaker.errors import EvaluationTimeout, RuleNotFound, nearest
from circuit_breaker.rules import (
    COMMON,
    CallableCondition,
    Condition,
    JavascriptCondition,
    Rule,
    RuleBuilder,
    RuleContext,
    RuleName,
    Verdict,
    all_of,
    any_of,
    as_rule,
    create_rule,
)
from circuit_breaker.rules.context import Subject

__all__ = ["RuleContext", "RulesConfig", "RulesEngine"]


class RulesEngine:
    """Keeps rules by name, and evaluates rules; safe to use from several threads.

    It starts with the common rules and those of its config. Rules that hold a Python function or JavaScript are
    evaluated in a thread of their own, so that one that hangs does not hold the event loop; the others are bounded by
    themselves.

    Args:
        config: How it works; the default when None.

    Raises:
        RuleInvalid: A custom rule is no rule.
    """

    def __init__(self, config: RulesConfig | None = None) -> None:
        self.config = config or RulesConfig()
        self._lock = threading.Lock()
        self._rules: dict[str, Rule] = dict(COMMON)
        self._cache = EvaluationCache(self.config.cache_size if self.config.enable_cache else 0)
        for name, rule in (self.config.custom_rules or {}).items():
            self.register_rule(name, rule)

    def register_rule(self, name: str, rule: Any) -> Rule:
        """Keeps the rule under the name, in place of one that has it already; gives the rule as it is kept.

        Raises:
            RuleInvalid: It is no rule, or the name is empty.
        """
        kept = as_rule(rule).named(name)
        with self._lock:
            self._rules[name] = kept
        return kept

    def get_rule(self, name: str) -> Rule | None:
        """The rule of that name, or None."""
        with self._lock:
            return self._rules.get(name)

    def remove_rule(self, name: str) -> bool:
        """Whether there was a rule of that name; now there is none."""
        with self._lock:
            return self._rules.pop(name, None) is not None

    @property
    def rules(self) -> Mapping[str, Rule]:
        """All rules by name, as they are now."""
        with self._lock:
            return dict(self._rules)

    @property
    def cached(self) -> int:
        """How many verdicts are remembered."""
        return len(self._cache)

    def create_rule(self, name: str) -> RuleBuilder[Rule]:
        """A builder of a rule of that name."""
        return create_rule(name)

    def and_(self, *rules: Any) -> Rule:
        """The rule ``composite_and``: every one of these holds. Takes rules, names, or one list of them."""
        return all_of(*_listed(rules)).named("composite_and")

    def or_(self, *rules: Any) -> Rule:
        """The rule ``composite_or``: at least one of these holds. Takes rules, names, or one list of them."""
        return any_of(*_listed(rules)).named("composite_or")

    def not_(self, rule: Any) -> Rule:
        """The rule ``composite_not``: this does not hold."""
        return (~as_rule(rule)).named("composite_not")

    async def evaluate_rules(self, rules: Iterable[Any], context: RuleContext) -> RuleEvaluationResult:
        """What every rule (or rule of that name) says about the resource of the context.

        Where the resource is a case, its tokens in the ``from_states`` of the activity are judged (all of them if
        there is no activity), and the answers about the first that passes everything count, otherwise those about the
        first.

        Raises:
            RuleNotFound: There is no rule of a name.
            EvaluationTimeout: It took longer than the timeout of the config.
        """
        started = time.perf_counter()
        found = self._looked_up(rules)
        results = await self._judged(found, context)
        errors = tuple(f"rule '{result.rule}': {result.error}" for result in results if result.error)
        passed = len(results) == len(found) and all(result.passed for result in results)
        return RuleEvaluationResult(passed, results, errors, time.perf_counter() - started)

    async def can_transition(
        self, resource: Any, activity: Activity, *, metadata: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether the rules of the activity and all its conditions hold for the resource.

        All rules must hold, or one of them where ``requires_all_rules`` is False. The state is not looked at.

        Raises:
            RuleNotFound: A rule is a name that is not registered.
            ConditionParsingError: A condition is no expression.
            EvaluationTimeout: It took longer than the timeout of the config.
        """
        demands = [condition_of(text) for text in activity.conditions]
        if activity.rules:
            demands.insert(0, (any_of if activity.requires_all_rules is False else all_of)(*activity.rules))
        return (await self.evaluate_rules(demands, RuleContext(resource, activity, metadata or {}))).passed

    async def get_available_transitions(self, resource: Any, workflow: Any) -> list[Any]:
        """The activities of the workflow that begin where the resource is, and whose rules and conditions hold.

        Raises:
            RulesError: As :meth:`can_transition`.
        """
        states = {str(token.state) for token in _tokens(resource)}
        return [
            activity
            for activity in workflow.activities
            if states & set(activity.from_states) and await self.can_transition(resource, activity)
        ]

    def validate_workflow(self, workflow: Any) -> RuleValidationResult:
        """Whether the rules, conditions and states of every activity are in order."""
        known = self.rules
        errors = tuple(
            f"Activity '{activity.id}': {error}"
            for activity in workflow.activities
            for error in faults_of(activity, list(workflow.states), known)
        )
        warnings = tuple(
            f"Activity '{activity.id}': {warning}"
            for activity in workflow.activities
            for warning in oddities_of(activity)
        )
        return RuleValidationResult(not errors, errors, warnings)

    def _looked_up(self, rules: Iterable[Any]) -> list[Rule]:
        known = self.rules
        found = [as_rule(rule).resolve(known, strict=False) for rule in rules]
        for rule in found:
            for name in rule.names:
                raise RuleNotFound(f"there is no rule '{name}'", remedy=nearest(name, known))
        return found

    async def _judged(self, rules: list[Rule], context: RuleContext) -> tuple[RuleResult, ...]:
        subjects = [Subject(token, context) for token in _candidates(context)]
        doing: list[str] = []

        def work() -> tuple[RuleResult, ...]:
            answers = (tuple(self._result(rule, subject, doing) for rule in rules) for subject in subjects)
            return _first_passing(answers)

        if not any(_is_foreign(rule.tree) for rule in rules):
            return work()
        timeout = self.config.evaluation_timeout
        try:
            return await in_thread(work, seconds=timeout)
        except TimeoutError as error:
            raise EvaluationTimeout(
                f"the rule '{doing[-1] if doing else ''}' was not done after {timeout:g} s",
                remedy="let an action find the fact, and judge that; or raise evaluation_timeout",
            ) from error

    def _result(self, rule: Rule, subject: Subject, doing: list[str]) -> RuleResult:
        doing.append(str(rule))
        verdict = self._verdict(rule, subject)
        errors = [leaf.reason for leaf in verdict.leaves() if not leaf.known and leaf.reason not in _EXPECTED]
        return RuleResult(rule, verdict.passed, "; ".join(errors) or None, verdict.to_document(), verdict)

    def _verdict(self, rule: Rule, subject: Subject) -> Verdict:
        if not self.config.enable_cache or _reads_more(rule.tree):
            return rule.judge(subject)
        key = content_hash(subject)
        if key is None:
            return rule.judge(subject)
        found = self._cache.find(rule, key)
        if found is None:
            found = CachedEvaluation(rule.judge(subject), time.monotonic(), key)
            self._cache.keep(rule, found)
        return found.result


_EXPECTED = frozenset({"", "missing", "not comparable"})


def _listed(rules: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(rules[0]) if len(rules) == 1 and isinstance(rules[0], (list, tuple)) else rules


def _tokens(resource: Any) -> tuple[Any, ...]:
    return tuple(getattr(resource, "tokens", (resource,)))


def _candidates(context: RuleContext) -> tuple[Any, ...]:
    """The tokens to judge: those where the activity begins, or all where none is there."""
    tokens = _tokens(context.resource)
    states = set(getattr(context.activity, "from_states", ()))
    return tuple(token for token in tokens if str(token.state) in states) or tokens


def _first_passing(answers: Iterator[tuple[RuleResult, ...]]) -> tuple[RuleResult, ...]:
    first: tuple[RuleResult, ...] | None = None
    for results in answers:
        if all(result.passed for result in results):
            return results
        first = first or results
    return first or ()


def _holds_any(tree: Condition, kinds: tuple[type[Condition], ...]) -> bool:
    return isinstance(tree, kinds) or any(_holds_any(part.tree, kinds) for part in tree.parts)


def _is_foreign(tree: Condition) -> bool:
    """Whether it runs code of users, which may take any time."""
    return _holds_any(tree, (CallableCondition, JavascriptCondition))


def _reads_more(tree: Condition) -> bool:
    """Whether its answer may depend on more than the content of the token."""
    return _holds_any(tree, (CallableCondition, RuleName))
