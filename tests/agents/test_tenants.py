"""Tenants: for whom an agent works, and for whom not."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import AgentForbidden, AgentInvalid
from tests.agents.bridge.office import office, reviewer, reviewing, said
from tests.agents.work import agent, at_work, script


async def test_an_agent_works_for_its_tenants_only():
    """M9: what a definition says of tenants holds for each execution; nothing is kept of one that is refused."""
    async with at_work(agent(allowed_tenants=["acme"]), model=script("Yes.")) as engine:
        for wrong, words in (("other", "for tenant 'other'"), ("", "where no tenant is named")):
            with pytest.raises(AgentForbidden, match=words):
                await engine.start("helper", {"q": "?"}, context={"tenant_id": wrong})
        done = await engine.run("helper", {"q": "?"}, context={"tenant_id": "acme"})
        assert ("completed", [done]) == (done.status, await engine.executions())


async def test_a_conversation_is_for_its_tenant():
    """M9: without a context of its own an execution works for the tenant of its conversation."""
    async with at_work(agent(allowed_tenants=["acme"]), model=script("Yes.")) as engine:
        for tenant in ("acme", "other"):
            await engine.conversations.create("helper", id=tenant, context={"tenant_id": tenant})
        assert "completed" == (await engine.run("helper", {"q": "?"}, conversation="acme")).status
        with pytest.raises(AgentForbidden, match="'other'"):
            await engine.start("helper", {"q": "?"}, conversation="other")


@pytest.mark.parametrize(("tenant", "state"), [("acme", "reviewed"), ("other", "submitted")])
async def test_a_case_has_agents_of_its_tenant(tenant, state):
    """M9: the tenant of a case is that of what agents do for it, also where the transition could go on without."""
    async with office(reviewing(required=False), agents=[reviewer(allowed_tenants=["acme"])], always=said()) as at:
        case = await at.run(tenant_id=tenant)
        assert (state, tenant == "acme") == (case.state, bool(at.model.requests))


def test_tenants_are_names():
    """M6, M9: what is no name of a tenant or of a workflow is a fault at its place."""
    with pytest.raises(AgentInvalid) as wrong:
        agent(allowed_tenants=["acme", 3], allowed_workflows=[""]).check()
    assert {"allowed_tenants", "allowed_workflows"} == {fault.place for fault in wrong.value.faults}
