"""SNAKES: the state graph of the dining philosophers."""

from __future__ import annotations

from snakes.nets import PetriNet, Place, StateGraph, Transition, Value, dot

from benchmarks.philosophers import SEATS, arcs, marked, places
from benchmarks.timing import per_second, report


def explore() -> int:
    net = PetriNet("philosophers")
    for place in places(SEATS):
        net.add_place(Place(place, [dot] if place in marked(SEATS) else []))
    for name, takes, gives in arcs(SEATS):
        net.add_transition(Transition(name))
        for place in takes:
            net.add_input(place, name, Value(dot))
        for place in gives:
            net.add_output(place, name, Value(dot))
    graph = StateGraph(net)
    graph.build()
    return len(graph)


if __name__ == "__main__":
    report("snakes", {"statespace": ("markings/s", lambda: per_second(explore))})
