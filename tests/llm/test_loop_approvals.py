"""Approvals: a yes is for exactly the calls that it was given for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.loop import Loop, LoopState, call_digest, calls_digest
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools import ToolContext, Toolset, run_tool_call, tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
CALLS = st.builds(
    ToolCall,
    id=st.text(max_size=3),
    name=st.sampled_from(["pay", "wipe"]),
    arguments=st.dictionaries(st.text(max_size=3), JSON, max_size=3).map(json.dumps) | st.text(max_size=5),
)


def meaning(call):
    """What of a call counts: two with the same meaning do the same."""
    try:
        return call.id, call.name, json.dumps(json.loads(call.arguments or "{}"), sort_keys=True)
    except ValueError:
        return call.id, call.name, call.arguments


class Till:
    """A tool that pays, what it paid, and a loop in which a person must approve that."""

    def __init__(self, *amounts):
        self.paid, self.keys = [], []

        @tool
        def pay(amount: int, context: ToolContext) -> str:
            """Pays."""
            self.paid.append(amount)
            self.keys.append(context.idempotency_key)
            return "paid"

        self.toolset = Toolset(pay).with_approval("pay")
        wanted = ModelTurn(calls=tuple(("pay", {"amount": amount}) for amount in amounts))
        self.request = ChatCompletionRequest(model="m", messages=[user("Pay.")])
        self.loop = Loop(ScriptedProvider(wanted, "done", "done", "done"), self.request, self.toolset)


@given(st.lists(CALLS, max_size=3), st.lists(CALLS, max_size=3))
def test_a_digest_is_that_of_exactly_these_calls(some, others):
    """K11: calls have the same digest when tools, arguments and ids are the same, however arguments are written."""
    same = list(map(meaning, some)) == list(map(meaning, others))

    assert same is (calls_digest(some) == calls_digest(others))


async def test_a_yes_for_other_calls_is_none():
    """K11: an approval that was given for one call lets no other run: the person is asked again, and shown that one."""
    till, other = Till(5), Till(5000)
    given_for_five = calls_digest((await till.loop.run()).approvals)
    waiting = (await other.loop.run()).state
    outcome = await other.loop.run(waiting, decisions=given_for_five)

    assert ("approval_needed", []) == (outcome.status, other.paid)
    assert '{"amount": 5000}' == outcome.document()["approval"]["calls"][0]["arguments"]


async def test_a_yes_to_one_call_is_none_to_the_other():
    """K11: each call can be decided on by its own digest; one that was left out is asked for, and nothing runs."""
    till = Till(1, 2)
    asked = await till.loop.run()
    first, second = map(call_digest, asked.approvals)
    for said in ({first: True}, first):
        half = await till.loop.run(asked.state, decisions=said)
        assert (asked.approvals, []) == (half.approvals, till.paid)

    await till.loop.run(half.state, decisions={first: True, second: False})
    assert [1] == till.paid


@pytest.mark.parametrize("said", [True, 1, "yes", ["sha256:0"], {"sha256:0": "yes"}, {"call_1": True}])
async def test_a_yes_that_names_no_calls_is_refused(said):
    """K11: a bare yes could be meant for anything, and is an error that says what to give."""
    till = Till(1)
    with pytest.raises(DataInvalid, match="give the digest"):
        await till.loop.run((await till.loop.run()).state, decisions=said)

    assert [] == till.paid


async def test_a_no_is_for_the_calls_that_wait():
    """K11: a no that is given where no call waits refuses none that comes later: the person is asked."""
    till = Till(1)
    outcome = await till.loop.run(decisions=False)

    assert "approval_needed" == outcome.status


async def test_a_conversation_that_was_changed_needs_another_yes():
    """K11: arguments changed between the question and the answer are not what was agreed to."""
    till = Till(1)
    asked = await till.loop.run()
    changed = json.loads(json.dumps(asked.state.to_document()).replace('\\"amount\\": 1', '\\"amount\\": 900'))
    outcome = await till.loop.run(LoopState.from_document(changed), decisions=calls_digest(asked.approvals))

    assert ("approval_needed", []) == (outcome.status, till.paid)


async def test_a_call_has_a_key_of_its_own_that_stays():
    """B10: a tool that asks has an idempotency key: one for each call, the same when the work is repeated."""
    keys = []
    for work in ("case-1", "case-1", "case-2", ""):
        till = Till()
        turn = ModelTurn(calls=tuple(ToolCall(id=f"c{n}", name="pay", arguments='{"amount": 1}') for n in range(2)))
        context = ToolContext(work=work)
        await Loop(ScriptedProvider(turn, "done"), till.request, Toolset(*till.toolset), context=context).run()
        keys.append(tuple(sorted(till.keys)))

    assert keys[0] == keys[1]
    assert 6 == len({key for pair in keys for key in pair})


async def test_a_vendor_may_count_its_calls_anew():
    """B10: calls of two answers that have the same id are two calls, and have two keys."""
    till = Till(1)
    twice = [ModelTurn(calls=(ToolCall(id="call_0", name="pay", arguments=f'{{"amount": {n}}}'),)) for n in (1, 2)]
    free = Toolset(*till.toolset)
    await Loop(ScriptedProvider(*twice, "done"), till.request, free, context=ToolContext(work="w")).run()

    assert ([1, 2], 2) == (till.paid, len(set(till.keys)))


async def test_outside_of_a_loop_every_call_is_work_of_its_own():
    """B10: without a text that stays, two calls never have the same key."""
    till = Till(1)
    call = ToolCall(id="a", name="pay", arguments='{"amount": 1}')
    for _ in range(2):
        await run_tool_call(call, Toolset(*till.toolset))

    assert 2 == len(set(till.keys))
