"""Questions about rules and all tokens there can be."""

from __future__ import annotations

from collections.abc import Mapping

from circuit_breaker.rules.analysis.answers import Answer, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import keyed
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.analysis.search import BUDGET, Demand, Space
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.rules.rule import Rule

__all__ = ["disjoint", "equivalent", "implies", "satisfiable"]

Domains = Mapping[str, Domain]


def satisfiable(
    rule: Rule, *, given: Rule | None = None, domains: Domains | None = None, budget: int = BUDGET
) -> Witness | Undecided | None:
    """A token for which the rule holds; None where it is proved that there is none.

    Args:
        rule: The rule, with its names looked up (a name that is not never holds).
        given: A rule that holds anyway, such as a validation.
        domains: What can stand at paths, such as ``{"data.score": Domain.of("number")}``; see :func:`domains_of`.
        budget: Values that the search tries before it gives up.

    Raises:
        RuleInvalid: A path of the domains is none.
    """
    return _found([(rule, TRUE)], given, domains, budget)


def implies(
    rule: Rule, other: Rule, *, given: Rule | None = None, domains: Domains | None = None, budget: int = BUDGET
) -> Answer:
    """Whether the other rule holds wherever the rule does; takes what :func:`satisfiable` takes."""
    return _refuted(_found([(rule, TRUE), (other, FALSE | UNKNOWN)], given, domains, budget))


def disjoint(
    rule: Rule, other: Rule, *, given: Rule | None = None, domains: Domains | None = None, budget: int = BUDGET
) -> Answer:
    """Whether the two never hold together; takes what :func:`satisfiable` takes."""
    return _refuted(_found([(rule, TRUE), (other, TRUE)], given, domains, budget))


def equivalent(
    rule: Rule, other: Rule, *, given: Rule | None = None, domains: Domains | None = None, budget: int = BUDGET
) -> Answer:
    """Whether both let the same tokens pass; takes what :func:`satisfiable` takes.

    Rules that let the same tokens pass may still differ in what their negations let pass, where they cannot judge.
    """
    there = implies(rule, other, given=given, domains=domains, budget=budget)
    if there.holds is False:
        return there
    back = implies(other, rule, given=given, domains=domains, budget=budget)
    return back if back.holds is False or there.holds else there


def _found(
    demands: list[Demand], given: Rule | None, domains: Domains | None, budget: int
) -> Witness | Undecided | None:
    wanted = demands if given is None else [*demands, (given, TRUE)]
    return Space.of([rule for rule, _ in wanted], domains=keyed(domains or {}), budget=budget).find(*wanted)


def _refuted(found: Witness | Undecided | None) -> Answer:
    """The answer, where a witness is an example against it."""
    if isinstance(found, Undecided):
        return Answer(None, reason=found.reason)
    return Answer(found is None, found)
