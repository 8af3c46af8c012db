"""What counts in a budget, and what is told of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

from circuit_breaker.agents.bridge.composition import AgentComposer, Budget, Part, chain, map_reduce
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing import ModelTurn, ScriptedProvider
from tests.agents.composition.crew import FAILS, agent, at_work

LITTLE, MUCH = Usage(input_tokens=5, output_tokens=5), Usage(input_tokens=5000, output_tokens=5000)


class Ask(Tool):
    """Has another agent do the work, in an execution of the one that asks."""

    def __init__(self) -> None:
        super().__init__("ask", "Asks another", {})
        self.agents = None

    async def execute(self, context) -> str:
        """What the other one says."""
        asking = await self.agents.execution(context.work.split("/")[0])
        return (await self.agents.run("child", {"q": "x"}, parent=asking)).final_response


def asks(request) -> ModelTurn:
    """The turn of an agent that has the child do the work, and of the child."""
    if request.messages[0].content == "child":
        return ModelTurn(says="done", usage=MUCH)
    if not request.messages[-1].tool_results:
        return ModelTurn(calls=(("ask", {}),), usage=LITTLE)
    return ModelTurn(says=str(request.messages[0].content), usage=LITTLE)


@asynccontextmanager
async def team():
    """A composer whose agents a and b have a child do their work."""
    ask, price = Ask(), ModelProfile(price=Price(input=Decimal(1), output=Decimal(1)))
    journal = connect("memory://")
    agents = AgentEngine(journal, providers=[ScriptedProvider(always=asks, profile=price)], tools=[ask])
    async with AgentComposer(agents, journal) as composer, agents:
        ask.agents = agents
        for definition in (agent("a", tools=("ask",)), agent("b", tools=("ask",)), agent("child")):
            await agents.register(definition)
        yield composer


async def test_what_an_agent_has_others_do_counts_in_the_budget():
    """R1: tokens and dollars of the executions that a part wants are those of the composition."""
    async with team() as composer:
        tokens = await composer.run(chain("a", "b", budget=Budget(tokens=1000)))
        dollars = await composer.run(chain("a", "b", name="two", budget=Budget(dollars="0.005")))

    assert (tokens.completed, tokens.outputs) == (False, {"a": "a"})
    assert "10020 of 1000 tokens" in tokens.error["message"]
    assert (dollars.completed, "of 0.005 dollars" in dollars.error["message"]) == (False, True)


async def test_what_an_agent_has_others_do_is_no_execution_of_the_composition():
    """R1: the number of executions is that of the parts."""
    async with team() as composer:
        done = await composer.run(chain("a", "b", budget=Budget(executions=2)))

    assert done.completed


async def test_what_an_agent_has_others_do_is_in_the_transcript():
    """R2: the audit trail has each execution, also one that a tool wanted, with its part of the cost."""
    async with team() as composer:
        done = await composer.run(chain("a", "b"))
        told = await composer.transcript(done.case)

    assert [(one.sender, one.to) for one in told.entries] == [
        (("asker",), "a"),
        (("a",), "child"),
        (("a",), "b"),
        (("b",), "child"),
    ]
    assert told.tokens == 20_040
    assert told.dollars == Decimal("0.02004")


async def test_the_children_are_not_what_the_parts_have_said():
    """R2: who shares the conversation is told what the parts have said, and not what went on in them."""
    async with team() as composer:
        done = await composer.run(chain("a", Part("b", shares=True)))
        entries = (await composer.transcript(done.case)).entries

    [shared] = next(one for one in entries if one.to == "b").said["conversation"]
    assert (shared["from"], shared["said"]) == ("a", "a")


async def test_a_budget_of_dollars_is_for_models_with_a_price():
    """R1: where nobody knows what was spent, nothing more begins under a limit of dollars."""
    async with at_work(a="one", b="two") as (composer, crew):
        done = await composer.run(chain("a", "b", budget=Budget(dollars="100")))

    assert (done.completed, crew.names) == (False, ["a"])
    assert "nobody knows" in done.error["message"]


async def test_trying_again_beyond_the_budget_is_told():
    """R1: a budget that is used up is an outcome, and no exception, also when something is tried again."""
    async with at_work(a=FAILS, b="two") as (composer, crew):
        failed = await composer.run(chain("a", "b", budget=Budget(executions=1)))
        again = await composer.try_again(failed.case)

    assert (again.completed, crew.names) == (False, ["a"])
    assert again.error["code"] == "budget_exceeded"
    assert "used up" in again.error["message"]


async def test_an_error_has_its_code():
    """R1: what went wrong is told by a code, the transition and words."""
    async with at_work(a="one", b=FAILS) as (composer, _):
        failed = await composer.run(chain("a", "b"))
        beyond = await composer.run(chain("a", "b", name="short", budget=Budget(executions=1)))

    assert {"code": "content_filtered", "transition": "b"}.items() <= failed.error.items()
    assert "budget_exceeded" == beyond.error["code"]


async def test_the_error_of_a_long_case_has_its_code_too():
    """R1: what went wrong is told also where only the end of the case is in memory."""
    async with at_work(a="one", b=FAILS) as (composer, _):
        failed = await composer.run(map_reduce("a", "b", over="items"), {"items": list(range(100))})

    assert failed.case.history.offset > 0
    assert failed.error["code"] == "content_filtered"


async def test_what_has_begun_goes_on_when_the_budget_is_used_up():
    """R1: an execution that waited for a person is the same one after that, and not one more."""
    careful = agent("a", tools=("summarize",), approve=("summarize",))
    calls = ModelTurn(calls=(("summarize", {"text": "Nets are sound."}),))
    async with at_work(careful, a=[calls, "one"]) as (composer, _):
        asked = await composer.run(chain("a", budget=Budget(executions=1)))
        [waiting] = asked.waiting
        await composer.agents.approve(waiting.id, waiting.approval["digest"])
        done = await composer.go_on(asked.case)

    assert (done.completed, done.output) == (True, "one")
