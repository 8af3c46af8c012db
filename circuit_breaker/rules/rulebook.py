"""Rulebook: rules by name, as a frozen mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from circuit_breaker.errors import Fault, RuleInvalid, RuleNotFound, nearest
from circuit_breaker.rules.combine import as_rule
from circuit_breaker.rules.rule import Rule

__all__ = ["Rulebook"]


class Rulebook(Mapping[str, Rule]):
    """Rules by name; names that rules of it use are looked up in it.

    Args:
        *rules: Rules that have a name.
        **named: Rules (or functions, texts, documents) that get the name of their keyword.

    Raises:
        RuleInvalid: A rule has no name, two different ones have the same, or one is made of itself; all faults
            together.
    """

    __slots__ = ("_rules",)

    def __init__(self, *rules: Any, **named: Any) -> None:
        faults: list[Fault] = []
        gathered: dict[str, Rule] = {}
        for rule in (*map(as_rule, rules), *(as_rule(value).named(name) for name, value in named.items())):
            if not rule.name:
                faults.append(Fault(f"rule '{rule}'", "has no name", "write .named('a_name')"))
            elif gathered.setdefault(rule.name, rule) != rule:
                faults.append(Fault(f"rule '{rule.name}'", "is there twice, and differs", "give one another name"))
        if faults:
            raise RuleInvalid("the rulebook is not valid", faults=faults)
        self._rules = {name: rule.resolved(gathered, (name,)) for name, rule in gathered.items()}

    @classmethod
    def of(cls, *sources: Any) -> Rulebook:
        """The rulebook of what is given: rulebooks, rules, mappings by name, lists of rules, modules or classes.

        Of a module or a class it has every public attribute that is a rule; one without a name gets that of the
        attribute.

        Raises:
            RuleInvalid: As the class; or something is none of these.
        """
        return cls(*(rule for source in sources for rule in _gathered(source)))

    def find(self, name: str) -> Rule:
        """The rule of that name.

        Raises:
            RuleNotFound: There is none; the message names the nearest.
        """
        return self[name]

    def __getitem__(self, name: str) -> Rule:
        if name not in self._rules:
            raise RuleNotFound(f"there is no rule '{name}'", remedy=nearest(name, self._rules))
        return self._rules[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The rule of that name, or the default."""
        return self._rules.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._rules

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __or__(self, other: Any) -> Rulebook:
        """Both together; a rule that is in both must be the same in both."""
        return Rulebook.of(self, other)

    def __hash__(self) -> int:
        return hash(frozenset(self._rules.items()))

    def __repr__(self) -> str:
        return f"Rulebook({', '.join(self._rules)})"

    def without(self, *names: str) -> Rulebook:
        """The rulebook without the rules of those names."""
        return Rulebook(*(rule for name, rule in self._rules.items() if name not in names))

    def to_document(self) -> dict[str, Any]:
        """Every rule as JSON, by name; functions are left out, for they are found by their name."""
        return {name: rule.to_document() for name, rule in self._rules.items() if rule.evaluator is None}


def _gathered(source: Any) -> Iterable[Rule]:
    if source is None:
        return ()
    if isinstance(source, Rulebook):
        return source.values()
    if isinstance(source, Mapping):
        return [as_rule(value).named(str(name)) for name, value in source.items()]
    if isinstance(source, (Rule, str)):
        return [as_rule(source)]
    if isinstance(source, Iterable):
        return [rule for item in source for rule in _gathered(item)]
    if not hasattr(source, "__dict__"):
        raise RuleInvalid(f"{source!r} holds no rules", remedy="give rules, a mapping, a module or a class")
    return _declared(source)


def _declared(namespace: Any) -> list[Rule]:
    """The rules among the public attributes of a module, a class or an object, inherited ones first."""
    bases = reversed(getattr(namespace, "__mro__", (namespace,)))
    found = {key: value for base in bases for key, value in vars(base).items() if not key.startswith("_")}
    found = {key: value.__func__ if isinstance(value, staticmethod) else value for key, value in found.items()}
    return [value if value.name else value.named(key) for key, value in found.items() if isinstance(value, Rule)]
