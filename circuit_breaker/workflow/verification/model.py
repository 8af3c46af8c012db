"""Model: a workflow as a plain Petri net, in which what is assumed of data has become places and transitions.

A token in a state whose ways out depend on data comes to as many places as there are sorts of data that the rules can
tell apart. Silent transitions, the *assumptions*, lead there: they stand for what the data are, not for anything that
happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from circuit_breaker.net.structure import Net
from circuit_breaker.rules import Rule
from circuit_breaker.workflow.transition import Transition

__all__ = ["Act", "Fact", "Facts", "Model", "Spot", "Way"]

Way = Literal["fires", "otherwise", "failed", "refused", "begins", "assumes"]
Fact = tuple[int, bool]
"""A rule by its number, and whether it holds."""
Facts = frozenset[Fact]


@attrs.frozen(cache_hash=True)
class Spot:
    """A place of the net.

    Attributes:
        state: The state that its tokens are in.
        facts: What is known of their data.
        open: Whether it is still to be assumed what the rules of the state say of them.
        refused: The numbers of the transitions of which a result was refused, so that they are not tried again.
        held: The id of the transition of which an action in progress holds its tokens; empty where none does.
    """

    state: str
    facts: Facts = frozenset()
    open: bool = False
    refused: frozenset[int] = frozenset()
    held: str = ""


@attrs.frozen
class Act:
    """What a transition of the net stands for.

    Attributes:
        label: The id of the transition of the workflow; empty for an assumption.
        way: How it ends.
        transition: That transition; None where the net is not of a workflow.
        automatic: Whether it happens by itself, without a person, a signal or a time.
        assumes: What is assumed of the data of the token that it takes.
        shows: What is known of the data that come with it.
        fresh: Whether other data come with it.
        sure: Whether it happens at once where its tokens are, so that nothing comes before it that is later in order;
            of an action, whether it begins at once.
        acted: Whether an action ends in it.
        apart: Whether that began in an act of its own, so that it ends whatever else could happen.
    """

    label: str
    way: Way = "fires"
    transition: Transition | None = None
    automatic: bool = False
    assumes: Facts = frozenset()
    shows: Facts = frozenset()
    fresh: bool = False
    sure: bool = False
    acted: bool = False
    apart: bool = False

    @property
    def silent(self) -> bool:
        """Whether nothing happens in it."""
        return self.way == "assumes"

    @property
    def stays(self) -> bool:
        """Whether the tokens are left in their states."""
        return self.way in ("begins", "refused")


@attrs.frozen(eq=False)
class Model:
    """The net, and what it means.

    Attributes:
        net: The net.
        start: Its initial marking.
        finals: The places in which a token has arrived.
        spots: What each place stands for.
        acts: What each transition stands for, in the order of the net.
        rules: The rules that facts speak of, by number.
        forestalled: Transitions that never get a token, for another one always comes first: (it, the other).
        overlaps: Pairs of transitions of which only the order decides, each with a spot where both could fire.
        assumptions: What else is assumed, in words.
        doubt: Why less can happen than is in the net, so that nothing wrong in it proves nothing; or an empty text.
        apart: The transitions of which the action begins and ends in acts of their own, by id.
        unsure: The joins that cannot always take their tokens, by id.
    """

    net: Net
    start: Mapping[str, int]
    finals: frozenset[str]
    spots: Mapping[str, Spot]
    acts: tuple[Act, ...]
    rules: tuple[Rule, ...] = ()
    forestalled: Mapping[str, str] = attrs.field(factory=dict)
    overlaps: Mapping[tuple[str, str], Spot] = attrs.field(factory=dict)
    assumptions: tuple[str, ...] = ()
    doubt: str = ""
    apart: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()

    def states(self, marking: Mapping[str, int]) -> dict[str, int]:
        """The tokens of each state in a marking of the net."""
        counts: dict[str, int] = {}
        for place, count in marking.items():
            state = self.spots[place].state
            counts[state] = counts.get(state, 0) + count
        return counts
