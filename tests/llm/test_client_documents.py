"""What a client's document may make a vendor do: no more than the profile of the model lets pass."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.llm.adapting import MOST_TOLD, adapted
from circuit_breaker.llm.compatible import request_document
from circuit_breaker.llm.compatible_requests import request_from
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.parts import File
from circuit_breaker.llm.profiles import Profiles
from circuit_breaker.llm.providers import AnthropicProvider, GoogleProvider, OllamaProvider, OpenAIProvider
from circuit_breaker.llm.request import ChatCompletionRequest, ToolDefinition
from circuit_breaker.llm.router.needs import needs_of

HELLO = {"role": "user", "content": "hello"}
FOREIGN = {
    "max_output_tokens": 9, "options": {"num_predict": -1}, "generationConfig": {"maxOutputTokens": 9},
    "system": "EVIL", "systemInstruction": {"parts": [{"text": "EVIL"}]}, "contents": ["EVIL"], "input": "EVIL",
    "previous_response_id": "resp_of_another", "cachedContent": "cachedContents/of_another", "prompt": {"id": "p"},
    "mcp_servers": [{"type": "url", "url": "http://evil"}], "container": "c", "store": True, "background": True,
    "web_search_options": {}, "service_tier": "priority", "thinking": {"type": "enabled", "budget_tokens": 9},
    "keep_alive": -1, "safetySettings": [], "prediction": {"content": "z"}, "include": ["x"], "guided_regex": "(a+)+b",
}  # fmt: skip
"""Members of all vendors' own documents."""

MODELS = [
    (OpenAIProvider(api_key="k"), "gpt-4o"),
    (OpenAIProvider(api_key="k"), "gpt-5-pro"),
    (AnthropicProvider(api_key="k"), "claude-opus-5"),
    (GoogleProvider(api_key="k"), "gemini-2.5-pro"),
    (OllamaProvider(), "llama3.1"),
]


def sent(provider, request):
    """The document that goes to the vendor, and what was lost."""
    draft = adapted(request, provider.profile(request.model), kind=provider.kind)
    return provider.dialect(request.model).body(draft), draft.losses


def asked(provider, model, **members):
    return sent(provider, request_from({"model": model, "messages": [HELLO], **members}))


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=[model for _, model in MODELS])
def test_members_of_a_vendors_own_documents_do_not_reach_it(provider, model):
    """G23: whatever a client writes beside what we know, the vendor gets what it would get without, and we say so."""
    plain, _ = asked(provider, model, max_tokens=10)
    body, losses = asked(provider, model, max_tokens=10, **FOREIGN)

    assert plain == body
    assert set(list(FOREIGN)[:MOST_TOLD]) == {loss.what for loss in losses if loss.how == "dropped"} - {"the request"}


def test_what_a_profile_lists_passes():
    """ZB5: members that change neither the price nor whose data is seen reach the vendor."""
    body, losses = asked(*MODELS[0], logit_bias={"1": 2}, logprobs=True)

    assert ({"1": 2}, True, []) == (body["logit_bias"], body["logprobs"], losses)


def test_the_operator_may_list_more():
    """A profile of one's own lets pass what one has decided."""
    profile = Profiles.of_family("anthropic").of("claude-opus-5")
    provider = AnthropicProvider(api_key="k", profiles=[type(profile)(pattern="mine", passes=["service_tier"])])
    body, losses = asked(provider, "mine", service_tier="flex", store=True)

    assert "flex" == body["service_tier"]
    assert ["store"] == [loss.what for loss in losses]


def test_what_the_operators_own_code_adds_passes():
    """ZB5: ``extra`` is the operator's, and goes to the vendor whatever it is; it beats what a client says."""
    request = ChatCompletionRequest(
        model="gpt-4o",
        messages=[user("?")],
        extra={"service_tier": "flex", "logprobs": False},
        unknown={"logprobs": True},
    )
    body, losses = sent(MODELS[0][0], request)

    assert ("flex", False, []) == (body["service_tier"], body["logprobs"], losses)


def test_many_unknown_members_are_told_in_few_words():
    """A document of nothing but unknown members does not make a response of nothing but losses."""
    _, losses = asked(*MODELS[0], **{f"x{number}": 1 for number in range(1000)})

    assert MOST_TOLD + 1 == len(losses)
    assert "980 more" in losses[-1].why


def test_unknown_members_inside_are_told_with_their_place():
    """Members of messages, parts, calls and tools are named where they stand; those that say nothing are not."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "evil": 1}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "a", "evil": 1}], "audio": None},
        {"role": "assistant", "tool_calls": [call], "annotations": [], "audio": {"id": "z"}},
        {"role": "tool", "tool_call_id": "c", "content": "r", "evil": 1},
    ]
    tool = {"type": "function", "function": {"name": "f"}, "evil": 1}
    body, losses = asked(*MODELS[0], messages=messages, tools=[tool])

    assert {
        "messages[0].content[0].evil", "messages[1].tool_calls[0].evil", "messages[1].audio", "messages[2].evil",
        "tools[0].evil",
    } == {loss.what for loss in losses}  # fmt: skip
    assert "evil" not in str(body)


def test_of_two_limits_the_smaller_holds():
    """Nobody lifts a limit that was put on a request by adding its other spelling."""
    for members in ({"max_tokens": 10, "max_completion_tokens": 99}, {"max_tokens": 99, "max_completion_tokens": 10}):
        assert 10 == request_from({"model": "m", "messages": [HELLO], **members}).max_tokens


def test_unknown_members_survive_a_document():
    """A client of ours tells a server of ours what it does not know either."""
    document = {"model": "m", "messages": [HELLO], "vendor": {"q": 1}}

    assert document == request_document(request_from(document))


# forms that OpenAI had before, and those that others have


def test_functions_are_tools():
    """G3: calls as they were before there were several at once: functions, function_call and the role function."""
    document = {
        "model": "gpt-4o",
        "messages": [
            HELLO,
            {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": '{"a": 1}'}},
            {"role": "function", "name": "g", "content": "r"},
            {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": ""}},
            {"role": "function", "name": "g", "content": "s"},
        ],
        "functions": [{"name": "g", "parameters": {"type": "object"}}],
        "function_call": {"name": "g"},
    }
    request = request_from(document)
    calls = [message.tool_calls[0].id for message in request.messages if message.tool_calls]

    assert ("g", "g") == (request.tools[0].name, request.tool_choice)
    assert calls == [result.call_id for message in request.messages for result in message.tool_results]
    assert 2 == len(set(calls))


def test_sound_goes_where_it_can_be_heard():
    """ZB5: a recording reaches OpenAI's and Google's models that hear; others do without, and the response says so."""
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}
    messages = [{"role": "user", "content": ["Listen:", sound]}]
    request = request_from({"model": "m", "messages": messages})
    heard, _ = asked(MODELS[0][0], "gpt-audio", messages=messages)
    google, _ = asked(*MODELS[3], messages=messages)
    _, losses = asked(*MODELS[2], messages=messages)

    assert File(data="AAAA", media_type="audio/mpeg") == request.messages[0].parts[1]
    assert sound == heard["messages"][0]["content"][1]
    assert {"mimeType": "audio/mpeg", "data": "AAAA"} == google["contents"][0]["parts"][1]["inlineData"]
    assert [("messages[0].audio", "changed")] == [(loss.what, loss.how) for loss in losses]


@pytest.mark.parametrize("tool", [{"type": "web_search"}, {"type": "custom", "custom": {"name": "k"}}, "f"])
def test_tools_that_a_vendor_runs_by_itself_are_refused(tool):
    """They reach and cost what nobody has allowed, so the request is refused, and not answered without them."""
    with pytest.raises(DocumentInvalid, match=r"tools\[0\].* is not a tool of type function"):
        request_from({"model": "m", "messages": [HELLO], "tools": [tool]})


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"functions": "f"}, "functions"),
        ({"messages": [{"role": "assistant", "function_call": "f"}]}, r"messages\[0\].function_call"),
    ],
)
def test_faults_in_old_forms_are_named(members, place):
    """A wrong value is told with its place."""
    with pytest.raises(DocumentInvalid, match=place):
        request_from({"model": "m", "messages": [HELLO], **members})


# what is kept in a vendor's cache

CACHED = {"cache_control": {"type": "ephemeral"}}


def test_marks_for_the_cache_reach_the_vendor_that_knows_them():
    """Marks of tools, messages, parts, calls and results are where Anthropic wants them."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, **CACHED}
    messages = [
        {"role": "system", "content": "Be brief.", **CACHED},
        {"role": "user", "content": [{"type": "text", "text": "a", **CACHED}, "b"]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "r", **CACHED},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}], **CACHED},
    ]
    body, losses = asked(
        *MODELS[2], messages=messages, tools=[{"type": "function", "function": {"name": "f"}, **CACHED}]
    )
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    marked = [*body["tools"], *body["system"], *blocks]

    assert [True, True, True, False, True, True, True] == ["cache_control" in one for one in marked]
    assert [] == losses


def test_marks_for_the_cache_are_taken_from_what_goes_elsewhere():
    """OpenAI refuses members that it does not know: they are left out, and the response says so."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "a", **CACHED}], **CACHED}]
    for at in (0, 1, 3, 4):
        body, losses = asked(
            *MODELS[at], messages=messages, tools=[{"type": "function", "function": {"name": "f"}, **CACHED}]
        )

        assert "cache_control" not in str(body)
        assert {"messages[0].cache_control", "tools.f.cache_control"} == {loss.what for loss in losses}


def test_nobody_else_decides_to_keep_something_for_an_hour():
    """It costs more than what is reserved for a call: a client's mark for that is left out."""
    mark = {"type": "ephemeral", "ttl": "1h"}
    messages = [{"role": "user", "content": "a", "cache_control": mark}]
    body, losses = asked(*MODELS[2], messages=messages)

    assert "cache_control" not in str(body)
    assert ["messages[0].cache_control"] == [loss.what for loss in losses]


def test_a_recording_needs_a_model_that_hears():
    """The router asks nobody who would have to leave it out."""
    sound = user(File(data="AAAA", media_type="audio/wav"), File(data="AAAA"))

    assert {"audio", "files"} == needs_of(ChatCompletionRequest(model="m", messages=[sound])).capabilities


def test_a_server_that_passes_on_gets_the_marks():
    """Servers that speak as OpenAI does and ask Anthropic take them in OpenAI's documents."""
    document = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "a", **CACHED}]}]}

    assert document == request_document(request_from(document))


def test_the_operators_own_members_of_tools_reach_the_vendor():
    """What only a vendor knows of a tool passes through, as it does in a request."""
    tool = ToolDefinition(name="f", extra={"defer_loading": True})
    for provider, model in MODELS:
        body, _ = sent(provider, ChatCompletionRequest(model=model, messages=[user("?")], tools=[tool]))
        assert "defer_loading" in str(body["tools"])


def test_members_of_messages_that_a_vendor_does_not_have_are_told():
    """What cannot be said is a loss."""
    message = user("?")
    request = ChatCompletionRequest(model="llama3.1", messages=[type(message)("user", "?", extra={"prefix": True})])
    _, losses = sent(MODELS[4][0], request)

    assert [("messages[0].prefix", "dropped")] == [(loss.what, loss.how) for loss in losses]
