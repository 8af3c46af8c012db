"""The assistant: a model that answers, with tools and a memory, as an executor."""

from __future__ import annotations

import asyncio
import json

import pytest

from circuit_breaker.errors import (
    ActionError,
    ConnectionFailed,
    ExecutorInvalid,
    ParameterInvalid,
    RequestRefused,
    ToolNotFound,
)
from circuit_breaker.executors import AssistantExecutor, ModelSettings, StepExecutor
from circuit_breaker.executors.models.settings import UnknownProvider
from circuit_breaker.llm.loop import AnswerDelta, LoopLimits
from circuit_breaker.llm.memory import ConversationMemory
from circuit_breaker.llm.patience import Retries
from circuit_breaker.llm.router import Access, LLMConfig, LLMRouter
from circuit_breaker.llm.toolbox import (
    AgentTools,
    CalculatorTool,
    ContentAnalysisTool,
    DataAnalysisTool,
    ImprovementTool,
    SentimentAnalysisTool,
)
from circuit_breaker.llm.tools import Toolset, tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

SUM = ModelTurn(calls=(("calculator", {"expression": "2+3"}),))


def under(*turns, name="openai", **settings):
    """The executor over a scripted model, and that."""
    model = ScriptedProvider(*turns, name=name)
    return AssistantExecutor.under(providers=[model], **settings), model


async def fault_of(executor):
    with pytest.raises(ParameterInvalid) as caught:
        await executor.execute()
    return str(caught.value)


# -- parameters -------------------------------------------------------------------------------------------------------


def test_its_parameters_are_those_of_the_documents():
    """B3: model, model_provider, ollama_base_url, system_prompt, tools, parameters and input have these defaults."""
    schema = AssistantExecutor.describe()["properties"]
    wanted = {"model": "gpt-4", "model_provider": None, "ollama_base_url": "http://localhost:11434", "tools": []}
    wanted |= {"system_prompt": None, "parameters": {}, "input": None}

    assert wanted == {name: schema[name]["default"] for name in wanted}


async def test_it_answers():
    """B3: made with model, system_prompt, input and tools, it asks the model and gives its answer."""
    kind, model = under("It is small.")
    outcome = await kind(
        model="gpt-4", system_prompt="You analyse data.", input="Analyze this data set", tools=[DataAnalysisTool()]
    ).execute()
    asked = model.requests[0]

    assert ("completed", "It is small.", "stop") == tuple(
        outcome[name] for name in ("status", "output", "finish_reason")
    )
    assert ["You analyse data.", "Analyze this data set"] == [message.content for message in asked.messages]
    assert ["data_analysis"] == [offered.name for offered in asked.tools]
    assert outcome == json.loads(json.dumps(outcome))


@pytest.mark.parametrize("given", ["input", "prompt"])
async def test_prompt_is_another_word_for_input(given):
    """ZA24: input is canonical and prompt accepted; two different ones are refused."""
    kind, model = under("yes")
    await kind(**{given: "Analyze the data"}).execute()

    assert "Analyze the data" == model.requests[0].messages[-1].content
    assert "give one of them" in await fault_of(kind(input="a", prompt="b"))


async def test_a_missing_model_is_told():
    """B7: without a model, the error says which parameter is missing."""
    kind, _ = under("x")

    assert "missing required parameter: model" in await fault_of(kind(model=None, input="x"))
    assert "missing required parameter: input" in await fault_of(kind())


@pytest.mark.parametrize("value", [-0.1, 2.1, "warm", True])
async def test_an_invalid_temperature_is_told(value):
    """B7: a temperature out of its range, or of another type, is refused before the model is asked."""
    kind, model = under("x")
    told = await fault_of(kind(input="x").with_parameters(temperature=value))

    assert "parameters.temperature" in told
    assert "invalid" in told
    assert [] == model.requests


async def test_everything_that_is_wrong_is_told_at_once():
    """Tools, parameters, limits, forms and documents that are wrong are named together."""
    kind, _ = under("x")
    told = await fault_of(
        kind(
            tools=["nothing", 4, DataAnalysisTool(), DataAnalysisTool()],
            parameters={"temprature": 1},
            budget={"dollars": -1, "euros": 2},
            output_schema={"type": "nonsense"},
            resume={"version": 9},
        )
    )

    for place in (
        "tools[0]",
        "tools[1]",
        "tools[3]",
        "temprature",
        "budget.dollars",
        "budget.euros",
        "schema",
        "resume",
    ):
        assert place in told, place
    assert "there is no tool 'x*'" in await fault_of(kind(input="x", approve=["x*"]))


async def test_all_sampling_parameters_are_passed_on():
    """ZA34, G31: temperature, top_p and top_k reach the request, and the outcome says what was lost."""
    kind, model = under("x")
    outcome = await kind(input="x").with_parameters(temperature=0.7, top_p=0.9, top_k=40).execute()
    asked = model.requests[0]

    assert (0.7, 0.9, 40) == (asked.temperature, asked.top_p, asked.top_k)
    assert [] == outcome["losses"]


# -- who answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("llama3", "ollama"),
        ("codellama:7b", "ollama"),
        ("mistral", "ollama"),
        ("gpt-4", "openai"),
        ("some-model", "openai"),
        ("claude-3-opus", "anthropic"),
        ("ollama/some-model", "ollama"),
    ],
)
def test_the_provider_is_found_out(model, provider):
    """B4, ZA15: without model_provider the name of the model says who serves it, and else it is OpenAI."""
    assert (provider, model.removeprefix("ollama/")) == ModelSettings().detected(model)


async def test_the_provider_that_is_found_out_is_used():
    """B4: the parameter model_provider is filled in, and that provider is asked."""
    models = [ScriptedProvider("from ollama", name="ollama"), ScriptedProvider(name="openai")]
    assistant = AssistantExecutor.under(providers=models)(model="llama3", input="x")

    assert "from ollama" == (await assistant.execute())["output"]
    assert "ollama" == assistant.model_provider


async def test_the_only_provider_answers():
    """ZA14: where there is one provider only, it is the one that is asked; one that is named must be there."""
    kind, _ = under("me", name="mine")

    assert "me" == (await kind(input="x").execute())["output"]
    assert "there is no provider 'other'" in await fault_of(kind(input="x", model_provider="other"))


async def test_without_a_provider_the_operator_is_told():
    """Nobody is asked whom the operator did not give; the error says how to."""
    told = await fault_of(AssistantExecutor(input="x"))

    assert "there is no provider 'openai'" in told
    assert ".under(providers=" in told


async def test_a_definition_cannot_choose_an_address():
    """G30: Ollama is asked where the operator allows it, and nowhere else that a definition says."""
    told = await fault_of(AssistantExecutor(model="llama3", input="x", ollama_base_url="http://169.254.169.254"))
    settings = ModelSettings(ollama="http://gpu:11434/")

    assert "does not allow" in told
    assert "ollama" == settings.provider("ollama", ollama="http://gpu:11434").kind
    with pytest.raises(UnknownProvider):
        settings.provider("ollama", ollama="http://localhost:11434")


async def test_a_key_comes_from_the_secrets_of_the_operator():
    """A provider whose key is among the operator's secrets is made, and the key is in no repr."""
    settings = ModelSettings(secrets={"OPENAI_API_KEY": "sk-very-secret"})
    provider = settings.provider("openai", ollama="")

    assert "openai" == provider.kind
    assert "sk-very-secret" not in f"{provider!r} {settings!r}"
    assert "sk-very-secret" == await settings._key("openai")()


@pytest.mark.parametrize("wrong", [{"providers": [3]}, {"providers": {"a": 3}}, {"router": 3}])
def test_settings_that_are_wrong_are_refused(wrong):
    """What is no provider and no router is told where it is given."""
    with pytest.raises(ExecutorInvalid):
        AssistantExecutor.under(**wrong)


async def test_a_router_answers():
    """H6: with a router, virtual models can be named, and a provider too."""
    serving = [Access(ScriptedProvider("smart", "named", name="main"), models=["gpt-4o"])]
    async with LLMRouter(LLMConfig(providers=serving)) as router:
        kind = AssistantExecutor.under(router=router)
        smart = await kind(model="cb:smart-chat", input="x").execute()
        named = await kind(model="gpt-4o", model_provider="main", input="x").execute()

    assert [("smart", "gpt-4o"), ("named", "gpt-4o")] == [(one["output"], one["model"]) for one in (smart, named)]


# -- failures ---------------------------------------------------------------------------------------------------------


async def test_a_connection_that_fails_is_tried_again():
    """B16, G30: up to three more tries with a pause, then one typed error."""
    soon = Retries(pause=0.0)
    kind, model = under(ConnectionFailed("down"), ConnectionFailed("down"), "here", retries=soon)
    assert "here" == (await kind(input="x").execute())["output"]

    kind, model = under(*[ConnectionFailed("down", provider="openai")] * 9, retries=soon)
    with pytest.raises(ActionError) as caught:
        await kind(input="x").execute()
    assert ("connection_failed", 4) == (caught.value.code, len(model.requests))


def test_the_tries_are_those_of_the_documents():
    """B16: three retries with two seconds between them, unless the operator says otherwise."""
    assert (3, 2.0) == (ModelSettings().retries.most, ModelSettings().retries.pause)


async def test_an_error_names_who_was_asked():
    """The error of the executor says the provider and the model, and is caused by that of the model."""
    kind, _ = under(RequestRefused("it is refused", provider="openai", model="gpt-4", remedy="ask less"))
    with pytest.raises(ActionError, match=r"openai.*gpt-4") as caught:
        await kind(input="x").execute()

    assert ("request_refused", "ask less") == (caught.value.code, caught.value.remedy)
    assert isinstance(caught.value.__cause__, RequestRefused)


# -- step by step -----------------------------------------------------------------------------------------------------


async def test_it_is_built_step_by_step():
    """B5, B14: define, use_model, with_system_prompt, with_parameters, add_tools, update_context, execute."""
    kind, model = under("It reads well.", name="ollama")
    assistant = (
        kind.define()
        .use_model("qwen2.5-coder")
        .with_system_prompt("You are a document analysis assistant.")
        .with_parameters(temperature=0.7, top_p=0.9)
        .with_parameters(top_k=40)
        .add_tools([ContentAnalysisTool(), SentimentAnalysisTool(), ImprovementTool()])
    )
    outcome = await assistant.update_context(input="Analyze this document...").execute()
    asked = model.requests[0]

    assert "It reads well." == outcome["output"]
    assert ("qwen2.5-coder", 0.7, 0.9, 40) == (asked.model, asked.temperature, asked.top_p, asked.top_k)
    assert ["content_analysis", "sentiment_analysis", "improvement"] == [offered.name for offered in asked.tools]


async def test_tools_are_managed():
    """B6, ZA25: tools are added one by one or several, removed by name and cleared, in both spellings."""
    kind, model = under(*"abcd")
    assistant = kind(input="x").add_tool(CalculatorTool()).add_tool([DataAnalysisTool(), "sentiment"])
    await assistant.execute()
    await assistant.remove_tool("data_analysis").execute()
    with pytest.raises(ToolNotFound):
        assistant.remove_tool("data_analysis")
    await assistant.clear_tools().execute()
    await assistant.with_tools(AgentTools.default_toolset()).add_tools(Toolset()).execute()
    offered = [[tool.name for tool in request.tools] for request in model.requests]

    assert [["calculator", "data_analysis", "sentiment"], ["calculator", "sentiment"], []] == offered[:3]
    assert len(offered[3]) == len(AgentTools.names())


async def test_a_definition_names_the_tools_of_the_operator():
    """A tool that the operator gives can be named, beside those of the toolbox."""

    @tool
    def lookup(name: str) -> str:
        """Looks a customer up.

        Args:
            name: Who.
        """
        return f"{name} is known"

    kind, _ = under(ModelTurn(calls=(("lookup", {"name": "Ann"}),)), "Known.", tools=[lookup])
    outcome = await kind(input="x", tools=["lookup", "calculator"]).execute()

    assert "Ann is known" == outcome["tool_calls"][0]["result"]


async def test_it_remembers_from_call_to_call():
    """B6, J3: an instance keeps the conversation, its tool calls included; clear forgets all but the prompt."""
    kind, model = under(SUM, "5", "Still 5.", "What?")
    assistant = kind(system_prompt="Be brief.", tools=["calculator"])
    await assistant.update_context(input="2+3?").execute()
    await assistant.update_context(input="Sure?").execute()
    roles = [message.role for message in model.requests[2].messages]
    assert ["system", "user", "assistant", "tool", "assistant", "user"] == roles

    assistant.memory.clear()
    await assistant.execute()
    assert ["Be brief.", "Sure?"] == [message.content for message in model.requests[3].messages]


async def test_what_failed_is_not_remembered():
    """A call that fails or is cancelled leaves nothing half said in the memory."""
    kind, _ = under(SUM, RequestRefused("no"), "fine")
    assistant = kind(input="x", tools=["calculator"])
    with pytest.raises(ActionError):
        await assistant.execute()

    assert () == assistant.memory.history
    assert "fine" == (await assistant.execute())["output"]


async def test_the_memory_is_limited():
    """J3, ZA33: messages and tokens limit what the model is shown; what is to be done is always shown."""
    turns = [ModelTurn(calls=(("calculator", {"expression": f"1+{n}"}),)) for n in range(4)]
    kind, model = under(*turns, "done", "again")
    assistant = kind(input="Add up.", system_prompt="S", tools=["calculator"]).with_memory_size(3)
    await assistant.execute()
    shown = model.requests[4].messages

    assert ["S", "Add up."] == [message.content for message in shown[:2]]
    assert len(shown) <= 1 + 1 + 3
    assert (2, 4000) == (assistant.with_memory_size(2).memory.max_messages, assistant.memory.max_tokens)


async def test_a_memory_can_be_given():
    """J3: another memory can be put in, such as one that was kept in a file."""
    memory = ConversationMemory("From before.", 500)
    memory.add_message("user", "My name is Ann.")
    kind, model = under("Ann.")
    await kind(input="Who am I?").with_memory(memory).execute()

    told = [message.content for message in model.requests[0].messages]
    assert ["From before.", "My name is Ann.", "Who am I?"] == told
    assert "Ann." == memory.history[-1].content


async def test_whoever_watches_sees_the_answer_being_made():
    """K11: the pieces of the answer are told while they come."""
    kind, _ = under("a long answer in several pieces")
    pieces = []
    await kind(input="x").watch(pieces.append).execute()

    assert "a long answer in several pieces" == "".join(one.text for one in pieces if isinstance(one, AnswerDelta))


# -- limits -----------------------------------------------------------------------------------------------------------


async def test_the_operator_has_the_last_word_on_limits():
    """What a definition may take is no more than the operator allows."""
    kind, model = under(*[SUM] * 9, most=LoopLimits(iterations=2))
    outcome = await kind(input="x", tools=["calculator"], max_iterations=5).execute()

    assert ("stopped", "max_iterations", 2) == (outcome["status"], outcome["finish_reason"], len(model.requests))


async def test_a_tool_can_end_the_work():
    """After a tool that is named so, the model is not asked again."""
    kind, model = under(SUM, "never")
    outcome = await kind(input="x", tools=["calculator"], stop_after=["calculator"]).execute()

    assert ("stop_condition", 1) == (outcome["finish_reason"], len(model.requests))


async def test_the_answer_has_a_form():
    """ZB11: with an output_schema the answer is parsed and checked, and mended once if need be."""
    schema = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}
    kind, _ = under('{"scor": 1}', '{"score": 0.9}')

    assert {"score": 0.9} == (await kind(input="x", output_schema=schema).execute())["parsed"]


async def test_a_call_is_approved_by_a_person():
    """K11: the outcome says what is to be approved; with the decision the work goes on, and is remembered once."""
    kind, model = under(SUM, "5")
    assistant = kind(input="2+3?", tools=["calculator"], approve=["calc*"])
    asked = await assistant.execute()
    assert "approval_needed" == asked["status"]
    assert () == assistant.memory.history

    document = asked["approval"]["document"]
    outcome = await assistant.update_context(resume=document, approvals=asked["approval"]["digest"]).execute()
    assert ("completed", "5", 2) == (outcome["status"], outcome["output"], len(model.requests))
    assert ["user", "assistant", "tool", "assistant"] == [message.role for message in assistant.memory.history]


async def test_it_is_a_step_among_others():
    """B3, B13: an assistant runs as a step, with prompt as the documents have it."""
    kind, _ = under("Analysed.")
    steps = [{"executor": kind, "name": "ask", "context": {"prompt": "Analyze the data"}}]
    outcome = await StepExecutor(steps=steps).execute()

    assert "Analysed." == outcome["results"]["ask"]["output"]


def test_plain_scripts_can_use_it():
    """B3: a script without an event loop has the outcome of execute_sync()."""
    kind, _ = under("hello")

    assert "hello" == kind(input="x").execute_sync()["output"]


async def test_providers_are_open_while_they_are_asked():
    """A provider is opened for the execution, and closed after it, also when it fails."""
    seen = []

    class Opened(ScriptedProvider):
        async def __aenter__(self):
            seen.append("open")
            return self

        async def __aexit__(self, *_):
            seen.append("closed")

    kind = AssistantExecutor.under(providers=[Opened("x", RequestRefused("no"), name="openai")])
    await kind(input="x").execute()
    with pytest.raises(ActionError):
        await kind(input="x").execute()

    assert ["open", "closed"] * 2 == seen
    assert {asyncio.current_task()} == asyncio.all_tasks()
