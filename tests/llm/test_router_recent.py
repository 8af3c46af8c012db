"""What a router remembers of names that clients choose."""

from __future__ import annotations

from circuit_breaker.llm.router.recent import MOST, Recent
from tests.llm.routing import Provider, asking, routed


def test_the_names_that_were_used_last_are_kept():
    """Of too many names that is forgotten which was not used for the longest time."""
    recent = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.of("c", int)

    assert [("a", 1), ("c", 0)] == list(recent.items())


async def test_clients_cannot_fill_the_memory_with_names_of_models():
    """Whoever asks for a new model each time has a circuit and a turn for the last thousand, and everybody answered."""
    async with routed(Provider(always="hi", name="a"), load_balancing="round_robin") as router:
        for number in range(MOST + 50):
            await router.chat_completion(asking(f"a/m{number}"))
        circuits = list(router.circuits())

    assert MOST == len(circuits)
    assert f"m{MOST + 49}" == circuits[-1].model
