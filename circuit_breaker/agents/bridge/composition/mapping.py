"""Map and reduce: an agent for each item of a list, and one that makes one answer of theirs."""

from __future__ import annotations

from typing import Any, Final

from circuit_breaker.agents.bridge.composition.budget import Budget
from circuit_breaker.agents.bridge.composition.heard import ASKER, Heard
from circuit_breaker.agents.bridge.composition.part import part_of
from circuit_breaker.agents.bridge.composition.shapes import checked
from circuit_breaker.agents.bridge.composition.weaving import ANSWERED, ASKED, DEAD_END, heard_after, made, woven
from circuit_breaker.errors import Fault
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.patterns import Batch
from circuit_breaker.workflow.patterns.basics import LAST, key_of, step
from circuit_breaker.workflow.state import State

__all__ = ["UNMAPPED", "map_reduce"]

UNMAPPED: Final = State("not mapped", final=True)
"""Where a case ends that has no such list, or one with too many items."""


def map_reduce(
    mapper: Any,
    reducer: Any,
    *,
    over: str,
    item: str = "item",
    most: int | None = 100,
    name: str = "map_reduce",
    budget: Budget | None = None,
    rules: Any = None,
) -> Workflow:
    """A workflow in which an agent works on each item of a list, all at once, and another on what came of it.

    The reducer, and who comes after it, finds the outputs under the name of the mapper: a list in the order of the
    items, without those that failed where the mapper is not required.

    Args:
        mapper: Who works on an item; it finds it under ``item``.
        reducer: Who works on the outputs.
        over: Where the list is, such as ``"items"`` or ``"data.order.lines"``.
        item: The name under which the mapper finds its item.
        most: How many items there may be; None for no bound. A case with more, or without a list, ends without an
            answer in the state ``not mapped``; a composition around it fails.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    maps, reduces = part_of(mapper), part_of(reducer)
    faults = [
        Fault(f"map_reduce.{maps.name}", what, remedy)
        for wrong, what, remedy in (
            (maps.workflow is not None, "is a workflow", "map with an agent"),
            (maps.when is not None, "may be left out", "choose the items before"),
        )
        if wrong
    ]
    checked("map_reduce", (maps, reduces), *faults)
    begin, end, gathered = State(f"{maps.name}/waiting"), State(f"{maps.name}/ready"), State(f"{maps.name}/all")
    mapped: Heard = ((maps.name,),)
    says_why = {"name": maps.name, "agent": maps.agent, "refuses": _unmapped(name, over, most)}
    batch = Batch(begin, end, into=gathered, most=most, results=maps.name, value=f"results.{maps.name}")
    flows = (
        *batch.for_each(ASKED, over, item=item),
        *woven(maps, begin, end, ASKER, numbered=key_of(gathered, "dealt")),
        *batch.gathered(),
        *woven(reduces, gathered, ANSWERED, mapped, collected=[maps.name]),
        step(ASKED, UNMAPPED, name="refuses").priority(LAST).metadata(**{DEAD_END: says_why}),
    )
    heard = heard_after(reduces, mapped)
    return made("map_reduce", name, (maps, reduces), flows, heard, budget=budget, alone=False, rules=rules)


def _unmapped(name: str, over: str, most: int | None) -> str:
    long = "" if most is None else f", or it has more than {most} items"
    return f"'{name}' maps nothing: there is no list '{over}'{long}"
