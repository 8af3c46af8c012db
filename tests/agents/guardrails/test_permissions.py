"""Permissions narrow the tools of an agent, whatever its definition says."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.guardrails import Guardrails, Permissions, PersonalData
from circuit_breaker.errors import AgentInvalid
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.tools import Toolset, tool
from circuit_breaker.storage import connect
from circuit_breaker.testing import ScriptedProvider
from tests.agents.work import Ledger, agent, at_work, call


@tool
def delete_all() -> str:
    """Deletes everything."""
    return "deleted"


async def run(permissions, *turns, roles=(), context=None):
    """How an execution stands after these turns of its model, with its ledger and its model."""
    ledger, model = Ledger(), ScriptedProvider(*turns)
    definition = agent(tools=("enter", "delete_all"), guardrails=("allowed",))
    settings = ModelSettings(providers=[model], tools=Toolset(ledger.tool, delete_all), roles=roles)
    guards = {"allowed": permissions}
    async with connect("memory://") as storage, AgentEngine(storage, settings=settings, guardrails=guards) as engine:
        await engine.register(definition)
        return await engine.run("helper", {"q": "x"}, context=context), ledger, model


@pytest.mark.parametrize("permissions", [Permissions(allow="enter"), Permissions(deny="delete_*")])
async def test_a_tool_that_is_not_allowed_is_not_there(permissions):
    """The model is not told of it, and a call of it all the same is refused without being made."""
    execution, _, model = await run(permissions, call("delete_all"), "sorry")

    assert ["enter"] == [one.name for one in model.requests[0].tools]
    assert "there is no tool 'delete_all'" in model.requests[1].messages[-1].tool_results[0].content
    assert "completed" == execution.status


async def test_a_person_is_asked_for_what_needs_approval():
    """A tool of which a person must approve each call makes the execution wait with that call."""
    execution, ledger, _ = await run(Permissions(approve="ent*"), call("enter", text="a"))

    assert ("approval", []) == (execution.waiting_for, ledger.entries)
    assert ["enter"] == [one["name"] for one in execution.approval["calls"]]


@pytest.mark.parametrize(("roles", "names"), [((), ["enter"]), (("admin",), ["enter", "delete_all"])])
async def test_a_tool_can_be_for_some_roles_only(roles, names):
    """Whoever has none of the roles of a tool has not got the tool."""
    _, _, model = await run(Permissions(roles={"delete_*": "admin"}), "ok", roles=roles)

    assert names == [one.name for one in model.requests[0].tools]


@pytest.mark.parametrize(
    ("held", "names"),
    [("admin", ["enter", "delete_all"]), (["clerk", "admin"], ["enter", "delete_all"]), (["clerk"], ["enter"]),
     (None, ["enter"]), ({"admin": True}, ["enter"])],
)  # fmt: skip
async def test_the_roles_of_a_person_come_with_the_context(held, names):
    """Where the guardrail says where roles stand in the context, those count, and no others."""
    permissions = Permissions(roles={"delete_*": "admin"}, held="user_context.roles")
    _, _, model = await run(permissions, "ok", context={"user_context": {"roles": held}})

    assert names == [one.name for one in model.requests[0].tools]


async def test_an_unknown_guardrail_is_refused_when_the_agent_is_registered():
    """A name that nobody has given is a fault with the nearest one that there is."""
    async with at_work(model=ScriptedProvider()) as engine:
        with pytest.raises(AgentInvalid, match=r"no guardrail 'untrustd'.*untrusted"):
            await engine.register(agent(guardrails=("untrustd",)))


def test_what_is_no_guardrail_is_refused_with_its_name():
    """Guardrails that make no sense are named together; what is built in can be replaced."""
    with pytest.raises(AgentInvalid) as refused:
        Guardrails({"one": 7, "two": None})
    mine = PersonalData(kinds="email")

    assert ["one", "two"] == [fault.place for fault in refused.value.faults]
    assert mine is Guardrails({"personal_data": mine})["personal_data"]
    assert ["personal_data", "untrusted", "untrusted_tools"] == list(Guardrails())


def test_an_execution_whose_guardrail_is_gone_is_not_carried_out():
    """A guardrail that was there when an execution began, and is not any more, is an error and no open door."""
    with pytest.raises(AgentInvalid, match="cannot be watched over"):
        Guardrails()(agent(guardrails=("mine",)), None)


PATTERNS = Permissions(roles={"delete_*": "admin", "*": "anyone"})


@pytest.mark.parametrize(
    ("roles", "names"),
    [(("admin",), []), (("anyone",), ["enter"]), (("admin", "anyone"), ["enter", "delete_all"])],
)
@pytest.mark.parametrize("held", ["", "user_context.roles"])
async def test_every_pattern_that_names_a_tool_wants_its_role(roles, names, held):
    """Where several patterns name a tool, a role of each is needed, wherever the roles come from."""
    permissions = attrs.evolve(PATTERNS, held=held)
    context = {"user_context": {"roles": list(roles)}} if held else None
    _, _, model = await run(permissions, "ok", roles=() if held else roles, context=context)

    assert names == [one.name for one in model.requests[0].tools]


@pytest.mark.parametrize("guardrails", [("allowed", "personal_data"), ("personal_data", "allowed")])
async def test_a_guardrail_does_not_open_what_a_tool_is_closed_for(guardrails):
    """A tool that wants a role of its own wants it still, together with that of the guardrail and behind others."""

    @tool(roles="owner")
    def sell() -> str:
        """Sells."""
        return "sold"

    for roles, names in ((["staff"], []), (["owner"], []), (["owner", "staff"], ["sell"])):
        model = ScriptedProvider("ok")
        settings = ModelSettings(providers=[model], tools=Toolset(sell), roles=roles)
        guards = {"allowed": Permissions(roles={"s*": "staff"})}
        async with (
            connect("memory://") as storage,
            AgentEngine(storage, settings=settings, guardrails=guards) as engine,
        ):
            await engine.register(agent(tools=("sell",), guardrails=guardrails))
            await engine.run("helper", {"q": "x"})
        assert names == [one.name for one in model.requests[0].tools]
