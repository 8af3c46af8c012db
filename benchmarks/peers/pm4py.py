"""pm4py: the reachability graph of the dining philosophers."""

from __future__ import annotations

from pm4py.objects.petri_net.obj import Marking, PetriNet
from pm4py.objects.petri_net.utils.petri_utils import add_arc_from_to
from pm4py.objects.petri_net.utils.reachability_graph import marking_flow_petri

from benchmarks.philosophers import SEATS, arcs, marked, places
from benchmarks.timing import per_second, report


def explore() -> int:
    net = PetriNet("philosophers")
    known = {name: PetriNet.Place(name) for name in places(SEATS)}
    net.places.update(known.values())
    for name, takes, gives in arcs(SEATS):
        transition = PetriNet.Transition(name, name)
        net.transitions.add(transition)
        for place in takes:
            add_arc_from_to(known[place], transition, net)
        for place in gives:
            add_arc_from_to(transition, known[place], net)
    initial = Marking({known[place]: 1 for place in marked(SEATS)})
    incoming, _, _ = marking_flow_petri(net, initial)
    return len(incoming)


if __name__ == "__main__":
    report("pm4py", {"statespace": ("markings/s", lambda: per_second(explore))})
