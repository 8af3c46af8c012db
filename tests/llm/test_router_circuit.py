"""Circuits: who fails too often is left alone for a while."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import (
    APIError,
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    NoProviderAvailable,
    ProviderNotFound,
    ProviderOverloaded,
    RateLimitExceeded,
    ResponseInvalid,
    ResponseTimeout,
)
from circuit_breaker.llm.router import Access, CircuitPolicy
from circuit_breaker.llm.router.circuit import Circuit, counts
from circuit_breaker.testing.model_turns import ModelTurn
from tests.llm.routing import Provider, Time, asked, asking, routed

POLICY = CircuitPolicy(failures=3, cooldown=10.0)


@pytest.fixture
def time():
    return Time()


def failed(circuit, times=3):
    for _ in range(times):
        circuit.failed(circuit.enter())


def test_it_opens_after_enough_failures(time):
    """G24: three failures open it, and it tells so with the time."""
    told = []
    circuit = Circuit(POLICY, now=time.now, told=lambda *change: told.append(change))
    failed(circuit, 2)
    assert ("closed", True) == (circuit.state, circuit.admits)
    failed(circuit, 1)

    assert ("open", None, 10.0) == (circuit.state, circuit.enter(), circuit.seconds)
    assert [("open", "closed", 10.0)] == told


def test_it_stays_closed_while_most_calls_succeed(time):
    """G24: failures count by their part of the calls of late."""
    circuit = Circuit(POLICY, now=time.now)
    for _ in range(8):
        circuit.succeeded(circuit.enter())
    failed(circuit, 4)

    assert "closed" == circuit.state


def test_old_failures_count_less(time):
    """G24: what failed long ago does not open it."""
    circuit = Circuit(POLICY, now=time.now)
    failed(circuit, 2)
    time.seconds = 120.0
    failed(circuit, 2)

    assert ("closed", pytest.approx(2.125)) == (circuit.state, circuit.failures)


def test_a_probe_that_succeeds_closes_it(time):
    """G24: when the time is over one call goes through, no second beside it, and its success closes it."""
    circuit = Circuit(POLICY, now=time.now)
    failed(circuit)
    time.seconds = 10.0
    permit = circuit.enter()

    assert ("half_open", None) == (circuit.state, circuit.enter())
    circuit.succeeded(permit)
    assert ("closed", 0.0) == (circuit.state, circuit.failures)


def test_a_probe_that_fails_opens_it_for_longer(time):
    """G24: each probe that fails doubles the time, up to a bound."""
    circuit = Circuit(CircuitPolicy(failures=1, cooldown=10.0, max_cooldown=30.0), now=time.now)
    failed(circuit, 1)
    waits = []
    for _ in range(3):
        time.seconds += circuit.seconds
        failed(circuit, 1)
        waits.append(circuit.seconds)

    assert [20.0, 30.0, 30.0] == waits


def test_a_probe_that_says_nothing_makes_room_for_another(time):
    """G24: a cancelled probe neither closes nor opens it."""
    circuit = Circuit(POLICY, now=time.now)
    failed(circuit)
    time.seconds = 10.0
    circuit.released(circuit.enter())

    assert ("half_open", True) == (circuit.state, circuit.admits)


def test_a_call_from_before_the_change_says_nothing(time):
    """G24: a slow call that began before the circuit opened does not close it, and takes no probe's place."""
    circuit = Circuit(POLICY, now=time.now)
    early = circuit.enter()
    failed(circuit)
    time.seconds = 10.0
    circuit.enter()
    circuit.succeeded(early)
    circuit.failed(early)
    circuit.released(early)

    assert ("half_open", False) == (circuit.state, circuit.admits)


@given(st.lists(st.sampled_from(["enter", "succeeded", "failed", "released", "wait"]), max_size=60))
def test_probes_are_bounded(actions):
    """G24: whatever happens, a half-open circuit never has more calls than its probes."""
    time = Time()
    circuit = Circuit(CircuitPolicy(failures=1, cooldown=5.0, probes=2), now=time.now)
    permits = []
    for action in actions:
        if action == "wait":
            time.seconds += 3.0
        elif action == "enter":
            half_open = circuit.state == "half_open"
            if (permit := circuit.enter()) is not None:
                permits.append(permit)
                assert not half_open or permits.count(permit) <= 2 + actions.count("released")
        elif permits:
            getattr(circuit, action)(permits.pop())
        assert circuit.failures >= 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProviderOverloaded("x"), True),
        (ResponseTimeout("x"), True),
        (AuthenticationFailed("x"), True),
        (APIError("x", status=503), True),
        (APIError("x", status=400), False),
        (RateLimitExceeded("x", status=429), False),
        (ContextTooLong("x"), False),
        (ContentFiltered("x"), False),
        (ValueError("x"), False),
    ],
)
def test_only_faults_of_the_provider_count(error, expected):
    """G24: the caller's own faults and limits do not open a circuit."""
    assert expected is counts(error)


async def test_a_broken_provider_is_left_alone(time):
    """G24: after enough failures the provider is not asked, the state is told, and the others serve."""
    told = []
    broken, other = Provider(always=ProviderOverloaded("no"), name="a"), Provider(always="yes", name="b")
    async with routed(broken, other, time=time, circuit=POLICY, told=told.append) as router:
        for _ in range(5):
            await router.chat_completion(asking())
        assert "its circuit is open for 10.0 s" in str(router.explain(asking()))
        assert ["open", "closed"] == [status.state for status in router.circuits()]

    assert ([3, 5], [("a", "m", "open")]) == (
        asked(broken, other),
        [(change.provider, change.model, change.state) for change in told],
    )


async def test_each_model_and_key_has_a_circuit_of_its_own(time):
    """G25: one model's circuit is open, another model of the same key and another key go on."""
    one = Access(Provider(*[ProviderOverloaded("no")] * 3, always="yes", name="p"), key="1", models=("m", "n"))
    two = Access(Provider(always="yes", name="p"), key="2", models=("m", "n"))
    async with routed(one, two, time=time, circuit=POLICY) as router:
        for _ in range(3):
            await router.chat_completion(asking("m"))
        assert "2" == router.explain(asking("m")).candidates[0].key
        assert "1" == router.explain(asking("n")).candidates[0].key


async def test_a_circuit_can_be_closed_by_hand(time):
    """G24: a reset lets the provider be asked at once."""
    broken = Provider(*[ProviderOverloaded("no")] * 3, always="yes", name="a")
    async with routed(broken, time=time, circuit=CircuitPolicy(failures=3, cooldown=99.0), failover=False) as router:
        for _ in range(3):
            with pytest.raises(ProviderOverloaded):
                await router.chat_completion(asking())
        with pytest.raises(NoProviderAvailable, match="circuit is open"):
            await router.chat_completion(asking())
        assert 1 == router.reset_circuits("a", model="m")
        assert "yes" == (await router.chat_completion(asking())).content
        with pytest.raises(ProviderNotFound):
            router.reset_circuits("b")


async def test_a_second_request_does_not_crowd_a_probe(time):
    """G24: while a probe is under way others go elsewhere."""
    broken = Provider(*[ProviderOverloaded("no")] * 3, always=ModelTurn(says="probed", after=0.02), name="a")
    other = Provider(always="yes", name="b")
    async with routed(broken, other, time=time, circuit=POLICY) as router:
        for _ in range(3):
            await router.chat_completion(asking())
        time.seconds = 10.0
        answers = await asyncio.gather(*(router.chat_completion(asking()) for _ in range(3)))

    assert ["probed", "yes", "yes"] == [answer.content for answer in answers]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_circuit_that_opens_meanwhile_is_not_passed(stream, time):
    """G24: who was to be asked again is not, when the circuit has opened by then; its error is told."""
    broken = Provider(always=ProviderOverloaded("no"), name="a")
    async with routed(broken, time=time, circuit=CircuitPolicy(failures=1)) as router:
        call = anext(router.chat_completion_stream(asking())) if stream else router.chat_completion(asking())
        with pytest.raises(ProviderOverloaded):
            await call

    assert [1] == asked(broken)


async def test_a_cancelled_call_says_nothing_about_the_provider(time):
    """G24: a call that its caller gives up counts neither way."""
    slow = Provider(always=ModelTurn(says="late", after=5.0), name="a")
    async with routed(slow, time=time) as router:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await router.chat_completion(asking())
        assert [("closed", 0.0)] == [(status.state, status.failures) for status in router.circuits()]


def test_a_wrong_policy_is_told():
    """G24: every number of a policy that makes no sense is a fault."""
    assert 3 == len(CircuitPolicy(failures=0, rate=2.0, probes=-1).faults())


def test_an_answer_of_another_form_does_not_count():
    """One caller's impossible form does not shut the provider for all others; an answer that cannot be read does."""
    misfit, unreadable = ResponseInvalid("no JSON"), ResponseInvalid("no HTTP")
    misfit.misfit = True

    assert (False, True) == (counts(misfit), counts(unreadable))
