"""Compositions of compositions, whatever they are made of."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.agents.bridge.composition import Part, chain, choose, fallback, graph, hand_off, parallel
from tests.agents.composition.crew import FAILS, at_work

LEAVES = ("says", "fails", "is left out", "is not required")
SHAPES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.tuples(
        st.sampled_from(["chain", "parallel", "choose", "graph", "hand_off"]), st.lists(inner, min_size=2, max_size=3)
    ),
    max_leaves=5,
)


def wanted(name: str) -> str:
    """A rule that may hold whatever the others say, and does not in these cases."""
    return f"data.wanted_{name} == 'yes'"


class Making:
    """Makes a composition of a drawn shape, and knows what its agents say."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.scripts = {}

    def part(self, shape) -> Part:
        name = f"p{next(self.numbers)}"
        if isinstance(shape, tuple):
            return Part(self.composition(*shape, name=name))
        if shape == "fails":
            self.scripts |= {name: FAILS, f"{name}_instead": name}
            return Part(fallback(name, f"{name}_instead", name=f"{name}_either"))
        self.scripts[name] = FAILS if shape == "is not required" else name
        when = wanted(name) if shape == "is left out" else None
        return Part(name, required=shape != "is not required", when=when)

    def composition(self, kind: str, inner, name: str):
        if kind == "hand_off":
            names = [f"{name}_{number}" for number, _ in enumerate(inner)]
            self.scripts |= {one: one for one in names}
            return hand_off(names, name=name)
        parts = [self.part(shape) for shape in inner]
        if kind == "choose":
            ways = [(wanted(one.name), one) for one in parts[1:] if one.when is None]
            return choose(ways, otherwise=parts[0], name=name)
        if kind == "graph":
            *first, last = parts
            then = Part(last.work, name=last.name, needs=[one.name for one in first], required=last.required)
            return graph(*first, then, name=name)
        return (chain if kind == "chain" else parallel)(*parts, name=name)


@settings(max_examples=30)
@given(SHAPES)
def test_whatever_is_composed_is_sound(shape):
    """R1: every nesting of shapes is a workflow of which every case can end cleanly, as far as that can be decided."""
    workflow = chain(Making().part(shape), "last")
    found = workflow.verify(limit=5_000, mend=False)

    assert not found.errors
    assert found.verdict in ("sound", "not decided")


@settings(max_examples=25)
@given(SHAPES)
async def test_whatever_is_composed_comes_to_its_end(shape):
    """R1: every nesting runs to its end, and the last agent hears somebody who has spoken, if anybody has."""
    making = Making()
    workflow = chain(making.part(shape), "last")
    async with at_work(last="the end", **making.scripts) as (composer, crew):
        done = await composer.run(workflow, {"topic": "nets"})
        entries = (await composer.transcript(done.case)).entries
    spoke = {entry.to for entry in entries[:-1] if entry.status == "completed"}

    assert (done.completed, done.output, crew.names[-1]) == (True, "the end", "last")
    assert set(entries[-1].sender) <= (spoke or {"asker"})
