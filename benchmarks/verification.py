"""What is proved of a workflow before it runs: guards that compete, joins, people; 200 transitions."""

from __future__ import annotations

from benchmarks.registry import benchmark
from benchmarks.timing import microseconds
from circuit_breaker import State, Workflow, field, flow
from circuit_breaker.workflow.flow import Flow

SIZE = 200


def block(number: int, source: State, target: State) -> list[Flow]:
    """A part of the workflow: every fifth splits and joins, the others choose by a field of their own."""
    left, right = State(f"left{number}"), State(f"right{number}")
    if number % 5 == 4:
        return [
            flow(source >> (left, right)).transition(f"split{number}"),
            flow((left, right) >> target).transition(f"join{number}"),
        ]
    score = field(f"score{number}")
    return [
        flow(source >> left).transition(f"high{number}").guard(score >= 8),
        flow(source >> right).transition(f"low{number}").guard(score < 8),
        flow(left >> target).transition(f"accept{number}").manual(),
        flow(right >> target).transition(f"return{number}").manual(),
    ]


def large() -> Workflow:
    """A workflow of 200 transitions, one block after the other."""
    flows: list[Flow] = []
    number = 0
    while len(flows) < SIZE:
        flows += block(number, State(f"state{number}"), State(f"state{number + 1}"))
        number += 1
    return Workflow("large", *flows[:SIZE], initial="state0")


@benchmark("µs")
def verify_200_transitions() -> float:
    """Every marking, with the data told apart, and every kind of finding looked for."""
    workflow = large()
    return microseconds(lambda: workflow.verify(mend=False))
