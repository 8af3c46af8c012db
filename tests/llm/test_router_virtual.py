"""Virtual models: names, and what stands for them."""

from __future__ import annotations

import json

import attrs
import pytest

from circuit_breaker.errors import DefinitionError, ModelNotFound, NoProviderAvailable
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import File, Image, Thinking, ToolCall
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.request import ResponseFormat, ToolDefinition
from circuit_breaker.llm.router import BUILT_IN, Access, Candidate, LLMConfig, LLMRouter, VirtualModel
from circuit_breaker.llm.router.needs import needs_of
from circuit_breaker.wire import structure, unstructure
from tests.llm.routing import CHEAP, DEAR, Provider, asking


def router(*models, profiles=None, **config):
    provider = Access(Provider(name="p", profiles=profiles), models=("small", "large", "huge"))
    return LLMRouter(LLMConfig(providers=[provider], virtual_models=models, **config))


def order(router, model="v", **options):
    return [way.model for way in router.explain(asking(model, **options)).candidates]


@pytest.mark.parametrize(
    "name",
    [
        "auto",
        "cb:smart-chat",
        "cb:cost-optimal",
        "cb:fastest",
        "cb:coding",
        "cb:analysis",
        "cb:creative",
        "cb:reasoning",
    ],
)
def test_the_built_in_names_lead_to_a_model(name):
    """H1, H6: every built-in name finds a model, also where only models of one's own are served."""
    assert name in BUILT_IN
    assert ["small", "large", "huge"] == order(router(), name)


def test_candidates_are_tried_in_their_order():
    """H1, H3: a virtual model of one's own stands for its candidates, the best first; unknown ones are left out."""
    told = router(VirtualModel("v", ["large", "unheard-of", "small"])).explain(asking("v"))

    assert ["large", "small"] == [way.model for way in told.candidates]
    assert ["unheard-of: no provider is known to serve it"] == [str(out) for out in told.left_out]


def test_a_model_of_tags_comes_first():
    """H4: of all models that a provider serves, those with the wanted tags come first."""
    profiles = {"huge": ModelProfile(tags={"coding"})}

    assert ["huge", "small", "large"] == order(router(profiles=profiles), "cb:coding")


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        ({"tools": [ToolDefinition(name="t")]}, "tools"),
        ({"response_format": ResponseFormat(kind="json_schema", schema={})}, "json_schema"),
        ({"reasoning_effort": "high"}, "thinking"),
    ],
)
def test_what_the_request_needs_must_be_there(options, lacking):
    """H4: a candidate that lacks what the request needs is left out, with the reason."""
    told = router(VirtualModel("v", ["small", "large"]), profiles={"small": ModelProfile()}).explain(
        asking("v", **options)
    )

    assert ["large"] == [way.model for way in told.candidates]
    assert [f"cannot do {lacking}"] == [out.why for out in told.left_out]


def test_images_and_length_are_needs():
    """H4: a model without images, and one that reads too little, are left out."""
    profiles = {"small": ModelProfile(), "large": ModelProfile(capabilities={"images"}, context_tokens=2_000)}
    told = router(VirtualModel("v", ["small", "large", "huge"]), profiles=profiles).explain(
        asking("v", Image(url="https://example.org/a.png"), "x" * 8_000, max_tokens=500)
    )

    assert ["huge"] == [way.model for way in told.candidates]
    assert "reads 2,000 tokens" in str(told)


def test_what_a_provider_tells_of_itself_is_believed():
    """H3: a candidate is not expected of a provider of its kind that says what it serves, and this is not among it."""
    own = Access(Provider(name="a", kind="openai"), models=("gpt-4",))
    told = LLMRouter(LLMConfig(providers=[own])).explain(asking("cb:smart-chat"))

    assert ["gpt-4"] == [way.model for way in told.candidates]
    assert "gpt-4o: no provider of openai is known to serve it" in str(told)


@pytest.mark.parametrize(("kind", "expected"), [("ollama", ["installed"]), ("openai", [])])
async def test_only_what_was_chosen_is_chosen_from(kind, expected):
    """H3: of all models that were found those are used unnamed that the user installed, and no vendor's whole list."""
    provider = Provider(name="a", kind=kind, models=("installed",))
    async with LLMRouter(LLMConfig(providers=[provider])) as found:
        await found.find_models()
        told = found.explain(asking("auto"))

    assert expected == [way.model for way in told.candidates]


async def test_a_model_that_is_named_is_never_left_out_for_what_it_lacks():
    """H4: who names a model gets it; the loss is the provider's to report."""
    provider = Provider("yes", name="p", profile=ModelProfile())
    async with LLMRouter(LLMConfig(providers=[provider])) as open_router:
        await open_router.chat_completion(asking("p/m", tools=[ToolDefinition(name="t")]))

    assert 1 == len(provider.requests)


def test_everything_in_a_conversation_takes_room():
    """H4: files, calls of tools, their results and schemas count when the length of a conversation is weighed."""
    call = ToolCall(id="1", name="t", arguments='{"a": "é"}')
    messages = [user(File(data="x" * 400)), assistant(Thinking(text="hm"), call), tool_result(call, "y" * 400)]
    request = attrs.evolve(
        asking("v", tools=[ToolDefinition(name="t")], response_format=ResponseFormat(kind="json_schema", schema={})),
        messages=messages,
    )
    needs = needs_of(request)

    assert {"files", "tools", "json_schema"} == needs.capabilities
    assert 200 < needs.likely_tokens < needs.most_tokens < 1_500


def test_what_a_virtual_model_requires():
    """H4: its own requirements hold for each request."""
    needy = VirtualModel("v", ["small", "large"], requires={"images"})

    assert ["large"] == order(router(needy, profiles={"small": ModelProfile()}))


def test_its_own_strategy_holds_unless_the_request_says_otherwise():
    """H1, ZB4: a virtual model orders by its own strategy, a request by the one it names."""
    cheapest = VirtualModel("v", ["large", "small"], strategy="lowest_cost")
    profiles = {"large": ModelProfile(price=DEAR), "small": ModelProfile(price=CHEAP)}

    assert ["small", "large"] == order(router(cheapest, profiles=profiles))
    assert ["large", "small"] == order(router(cheapest, profiles=profiles), routing_strategy="priority")


def test_a_tenant_has_models_of_its_own():
    """H2: a tenant's mapping counts for that tenant alone."""
    own = router(VirtualModel("v", ["small"]), tenants={"acme": [VirtualModel("v", ["huge"])]})

    assert ["huge"] == [way.model for way in own.explain(asking("v"), tenant="acme").candidates]
    assert ["small"] == [way.model for way in own.explain(asking("v"), tenant="other").candidates]


def test_mappings_change_while_it_runs():
    """H5: a mapping is added, replaced and removed; the next request sees it."""
    changing = router()
    changing.set_virtual_models([VirtualModel("v", ["small"]), VirtualModel("w", ["large"])])
    changing.set_virtual_models([VirtualModel("v", ["huge"])], removed=["w"])

    assert ["huge"] == order(changing)
    assert "w" not in changing.virtual_models()


def test_mappings_can_be_carried_elsewhere():
    """H8: a mapping is a plain document and comes back the same, so that a client can keep it and resolve names."""
    own = VirtualModel("v", ["small", Candidate("large", weight=2.0)], requires={"tools"}, tags={"fast"})
    document = json.loads(json.dumps(unstructure(own)))

    assert own == structure(document, VirtualModel)
    assert own == router(own).virtual_models()["v"]
    assert VirtualModel("v", ["small"]) == VirtualModel("v", "small")


def test_a_wrong_change_changes_nothing_and_tells_all():
    """H5: every fault of a change is told at once, and the mappings stay as they were."""
    changing = router(VirtualModel("v", ["small"]))
    with pytest.raises(DefinitionError) as wrong:
        changing.set_virtual_models(
            [
                VirtualModel("v", ["huge"]),
                VirtualModel("a/b", [], strategy="best", requires={"tool"}),
                VirtualModel("c", ["v", "q/m", "", Candidate("small", weight=0)]),
            ],
            removed=["w"],
        )

    assert 9 == len(wrong.value.faults)
    assert ["small"] == order(changing)


def test_an_unknown_virtual_name_is_told():
    """H1: a name with 'cb:' that nobody knows never reaches a provider."""
    with pytest.raises(ModelNotFound, match=r"cb:smart-chad.*did you mean 'cb:smart-chat'"):
        router().explain(asking("cb:smart-chad"))


def test_the_kind_of_the_task_chooses_where_the_request_says_auto():
    """H1: task_type picks the virtual model of that kind; an unknown kind stays with 'auto'."""
    named = router(VirtualModel("cb:poetry", ["huge"]))

    assert ["huge"] == order(named, "auto", task_type="poetry")
    assert 3 == len(order(named, "auto", task_type="unheard-of"))
    assert ["large"] == order(named, "p/large", task_type="poetry")


def test_limits_of_cost_leave_out_what_is_dearer():
    """ZB4: dearer models and those of unknown price are left out, whoever named them."""
    profiles = {"large": ModelProfile(price=DEAR), "small": ModelProfile(price=CHEAP)}
    told = router(VirtualModel("v", ["large", "small", "huge"]), profiles=profiles).explain(
        asking("v", max_cost_per_1k_tokens=0.01)
    )

    assert ["small"] == [way.model for way in told.candidates]
    assert "costs $0.02 for 1,000 tokens" in told.left_out[0].why
    assert "unpriced" in told.left_out[1].why


async def test_nobody_left_says_why():
    """H3: when every candidate is left out, the error holds the reasons."""
    free = {
        name: ModelProfile(price=Price(input=DEAR.input, output=DEAR.output)) for name in ("small", "large", "huge")
    }
    async with router(VirtualModel("v", ["small"]), profiles=free) as open_router:
        with pytest.raises(NoProviderAvailable, match="at most"):
            await open_router.chat_completion(asking("v", max_cost_per_1k_tokens=0.001))
