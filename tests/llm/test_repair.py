"""Conversations that anybody began are repaired so that a vendor takes them."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuit_breaker.llm.adapting import adapted
from circuit_breaker.llm.messages import ChatMessage, assistant, system, tool_result, user
from circuit_breaker.llm.pairing import INTERRUPTED
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.profiles import Profiles
from circuit_breaker.llm.providers.anthropic_messages import MessagesDialect
from circuit_breaker.llm.providers.google_contents import ContentsDialect
from circuit_breaker.llm.providers.ollama import OllamaDialect
from circuit_breaker.llm.providers.openai_chat import ChatDialect
from circuit_breaker.llm.repair import HISTORIES, repaired
from circuit_breaker.llm.request import ChatCompletionRequest
from tests.llm.vendor_rules import FAULTS

DIALECTS = {
    "openai": ChatDialect("openai"),
    "custom": ChatDialect("custom"),
    "ollama": OllamaDialect(),
    "anthropic": MessagesDialect(),
    "google": ContentsDialect(),
}
KINDS = sorted(DIALECTS)

texts = st.sampled_from(["Hello", "", "  ", "Grüße 🦊", "ends with blanks \n"])
ids = st.sampled_from(["", "a", "b", "call_1", "functions.search:0", "x" * 70, "ü"])
names = st.sampled_from(["search", "weather.now", "n" * 80, "search "])
arguments = st.sampled_from(["{}", "", '{"city": "Rom"}', "[1]", "{broken"])
marks = [{"thoughtSignature": "abc"}, {"functionCallId": "f1"}, {"cache_control": {"type": "x"}}]
extras = st.sampled_from([{}, {}, *marks])
vendors = st.sampled_from([*KINDS, ""])
parts = st.one_of(
    st.builds(Text, texts, extras),
    st.just(Image(data="aW1n")),
    st.just(File(data="cGRm")),
    st.builds(Thinking, text=texts, signature=st.sampled_from([None, "sig"]), provider=vendors),
    st.builds(ToolCall, id=ids, name=names, arguments=arguments, extra=extras),
    st.builds(ToolResult, call_id=ids, name=st.sampled_from(["", "search"]), content=texts, is_error=st.booleans()),
)
messages = st.builds(
    ChatMessage,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.lists(parts, max_size=4),
    name=st.sampled_from([None, None, "ann"]),
)
conversations = st.lists(messages, min_size=1, max_size=8)
abilities = st.sets(st.sampled_from(["tools", "images", "files", "system"]))


def profile_of(kind, **changes):
    return attrs.evolve(Profiles.of_family(kind).other, **changes)


def mended(kind, *conversation, **changes):
    """The conversation as the vendor takes it, and what is lost of it."""
    losses = []
    return repaired(conversation, HISTORIES[kind], profile_of(kind, **changes), losses), losses


@pytest.mark.parametrize("kind", KINDS)
@given(conversation=conversations, able=abilities, thoughts=st.sampled_from(["dropped", "text"]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_after_repair_every_vendors_rules_hold(kind, conversation, able, thoughts):
    """Pains 10, 42, 44: whatever a conversation is made of, what goes out breaks no rule of the vendor's."""
    profile = profile_of(kind, capabilities={"streaming", *able}, foreign_thinking=thoughts)
    request = ChatCompletionRequest(model="m", messages=conversation)
    draft = adapted(request, profile, kind=kind)
    if kind in ("openai", "custom", "ollama") and not draft.request.messages:
        return  # nothing was said at all, and these vendors do not mind

    assert [] == list(FAULTS[kind](DIALECTS[kind].body(draft)))


@pytest.mark.parametrize("kind", KINDS)
@given(conversation=conversations, able=abilities, thoughts=st.sampled_from(["dropped", "text"]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_repair_is_idempotent(kind, conversation, able, thoughts):
    """What was repaired is repaired: the second time nothing changes and nothing is lost."""
    changes = {"capabilities": {"streaming", *able}, "foreign_thinking": thoughts}
    once, _ = mended(kind, *conversation, **changes)

    assert (once, []) == mended(kind, *once, **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_conversation_stays_as_it_is(kind):
    """A conversation that needs no repair goes out as it was given."""
    call = ToolCall(id="call_1", name="search", arguments='{"q": "x"}')
    asked = (system("Be brief."), user("?"))
    sound = (*asked, assistant("I look.", call), tool_result(call, "found"), assistant("Here."), user("!"))

    assert (sound, []) == mended(kind, *sound)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_without_a_result_is_told_to_be_interrupted(kind):
    """Pains 10: an interrupted call does not poison the conversation, and the model learns that its effect is open."""
    lost, kept = ToolCall(id="a", name="pay"), ToolCall(id="b", name="search")
    found, losses = mended(kind, user("?"), assistant(lost, kept), tool_result(kept, "found"), user("And?"))

    results = {result.call_id: result for message in found for result in message.tool_results}
    assert (INTERRUPTED, True) == (results["a"].content, results["a"].is_error)
    assert "found" == results["b"].content
    assert ["messages[1].tool_calls"] == [loss.what for loss in losses]
    assert "'pay'" in losses[0].why


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_without_a_call_is_left_out(kind):
    """Pains 44: an orphan result is dropped, and the response says so; what else was said stays."""
    orphan = ChatMessage("tool", ToolResult(call_id="gone", name="search", content="found"))
    found, losses = mended(kind, user("?"), orphan, user("And?"))

    assert "found" not in str(found)
    assert [("messages[1].tool_results", "dropped")] == [(loss.what, loss.how) for loss in losses]


def test_results_move_to_their_calls():
    """A result that stands later, or in the user's own message, comes right after its call; the rest stays in order."""
    call = ToolCall(id="a", name="search")
    late = ChatMessage("user", ["And?", ToolResult(call_id="a", content="found")])
    found, _ = mended("openai", user("?"), assistant(call), user("Quick!"), late)

    assert ["user", "assistant", "tool", "user", "user"] == [message.role for message in found]
    assert ToolResult(call_id="a", name="search", content="found") == found[2].parts[0]


def test_results_stand_in_the_order_of_their_calls():
    """Vendors without ids go by the order alone."""
    one, two = ToolCall(id="a", name="search"), ToolCall(id="b", name="search")
    found, _ = mended("google", user("?"), assistant(one, two), tool_result(two, "2"), tool_result(one, "1"))

    assert ["1", "2"] == [result.content for message in found for result in message.tool_results]


def test_ids_that_a_vendor_does_not_take_are_translated_alike():
    """A call and its result keep belonging together, no id stands twice, and the next request gives the same ids."""
    one, two = ToolCall(id="functions.search:0", name="search"), ToolCall(id="functions.search:0", name="search")
    history = (user("?"), assistant(one), tool_result(one, "1"), assistant(two), tool_result(two, "2"))
    found, _ = mended("anthropic", *history)
    longer, _ = mended("anthropic", *history, user("And?"))

    calls = [call.id for message in found for call in message.tool_calls]
    results = [result.call_id for message in found for result in message.tool_results]
    assert calls == results
    assert 2 == len(set(calls))
    assert found == longer[: len(found)]


def test_results_without_ids_are_known_by_their_names():
    """A vendor that gives no ids is understood all the same."""
    rain, sun = ToolCall(id="", name="rain"), ToolCall(id="", name="sun")
    results = [ToolResult(call_id="", name="sun", content="dry"), ToolResult(call_id="", name="rain", content="wet")]
    found, losses = mended("openai", user("?"), assistant(rain, sun), ChatMessage("tool", results))

    assert ["wet", "dry"] == [result.content for message in found for result in message.tool_results]
    assert 2 == len({call.id for message in found for call in message.tool_calls})
    assert [] == losses


@pytest.mark.parametrize("kind", KINDS)
def test_thoughts_go_back_to_their_own_vendor_only(kind):
    """Pains 42: a signed thought goes back unchanged to whom it is from, and to nobody else."""
    own = Thinking(text="hm", signature="sig", provider=kind)
    other = Thinking(text="ho", signature="sig", provider="ollama" if kind != "ollama" else "google")
    found, losses = mended(kind, user("?"), assistant(own, other, "Yes."), user("!"))

    assert (own, Text("Yes.")) == found[1].parts
    assert [("messages[1].thinking", "dropped")] == [(loss.what, loss.how) for loss in losses]


def test_thoughts_of_others_can_be_told_as_text():
    """A profile may want to know what another model thought."""
    thought = Thinking(text="It is 4.", provider="ollama")
    found, losses = mended("openai", user("?"), assistant(thought, "4"), foreign_thinking="text")

    assert "It is 4." in found[1].content
    assert ["changed"] == [loss.how for loss in losses]


def test_a_thought_that_was_never_signed_does_not_go_back():
    """Anthropic refuses its own thoughts without their signature; hidden ones carry it in themselves."""
    hidden = Thinking(redacted="xyz", provider="anthropic")
    found, _ = mended("anthropic", user("?"), assistant(Thinking(text="hm", provider="anthropic"), hidden, "Yes."))

    assert (hidden, Text("Yes.")) == found[1].parts


def test_thoughts_stand_before_calls():
    """Pains 42: a thought that stands behind a call is moved before it."""
    call, thought = ToolCall(id="a", name="x"), Thinking(text="hm", signature="s", provider="anthropic")
    found, _ = mended("anthropic", user("?"), assistant("Well.", call, thought), tool_result(call, "1"))

    assert (Text("Well."), thought, call) == found[1].parts


@pytest.mark.parametrize("kind", ["anthropic", "google"])
def test_instructions_in_the_middle_move_to_the_front(kind):
    """A later instruction keeps its weight: it is not said by the user."""
    found, losses = mended(kind, system("A"), user("?"), system("B"), assistant("Yes."), user("!"))

    assert ["A", "B", "?", "Yes.", "!"] == [message.content for message in found]
    assert ["messages[2].role"] == [loss.what for loss in losses]


@pytest.mark.parametrize("kind", ["openai", "custom", "ollama"])
def test_instructions_may_stand_anywhere_where_the_vendor_takes_them(kind):
    """Nothing is moved that need not be."""
    given_ = (system("A"), user("?"), system("B"), assistant("Yes."))

    assert (given_, []) == mended(kind, *given_)


@pytest.mark.parametrize("kind", ["anthropic", "google"])
def test_turns_are_taken(kind):
    """One who speaks several times in a row says it in one message, empty ones are left out, and the user begins."""
    found, losses = mended(kind, assistant("Hi."), user("A"), user(""), user("B"), assistant("C"), assistant("D"))

    assert ["user", "assistant", "user", "assistant"] == [message.role for message in found][:4]
    assert (Text("A"), Text("B")) == found[2].parts
    assert "messages[0].role" in [loss.what for loss in losses]


@pytest.mark.parametrize("kind", ["anthropic", "google"])
def test_instructions_alone_are_a_conversation_that_the_user_begins(kind):
    """These vendors want at least one message of the user's."""
    found, losses = mended(kind, system("Be brief."))

    assert ["system", "user"] == [message.role for message in found]
    assert 1 == len(losses)


def test_a_model_that_goes_on_with_no_words_of_its_own_is_asked_to():
    """A model that does not complete what it began is asked to go on."""
    found, losses = mended("anthropic", user("?"), assistant("Once upon"), refused={"prefill"})

    assert "user" == found[-1].role
    assert [loss.what for loss in losses] == ["messages[1].role"]
    assert "assistant" == mended("anthropic", user("?"), assistant("Once upon"), refused=set())[0][-1].role


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_cannot_see_is_told_in_words(kind):
    """An image or a file leaves a note behind, and a loss."""
    found, losses = mended(kind, user("What?", Image(data="aW1n"), File(data="cGRm")), capabilities={"tools"})

    assert "[image: not shown" in found[0].content
    assert {"messages[0].image", "messages[0].file"} == {loss.what for loss in losses}


def test_a_model_without_tools_is_told_what_happened():
    """Calls and results become words."""
    call = ToolCall(id="a", name="search", arguments='{"q": 1}')
    found, losses = mended("openai", user("?"), assistant(call), tool_result(call, "found"), capabilities=set())

    assert ["user", "assistant", "user"] == [message.role for message in found]
    assert "search" in found[1].content
    assert "found" in found[2].content
    assert [("messages[1,2].tool_calls", "changed")] == [(loss.what, loss.how) for loss in losses]


def test_members_of_other_vendors_stay_behind():
    """A signature of Google's means nothing to OpenAI, which would refuse it; what is unknown passes."""
    call = ToolCall(id="a", name="x", extra={"thoughtSignature": "s", "functionCallId": "f", "own": 1})
    text = Text("Hi", {"cache_control": {"type": "ephemeral"}})
    found, losses = mended("openai", user(text), assistant(call), tool_result(call, "1"))

    assert {"own": 1} == found[1].tool_calls[0].extra
    assert {} == found[0].parts[0].extra
    assert [("messages[0].cache_control", "dropped")] == [(loss.what, loss.how) for loss in losses]


@pytest.mark.parametrize("kind", KINDS)
def test_thoughts_alone_are_no_message(kind):
    """A model that was cut off while it thought has said nothing that could go back."""
    thought = Thinking(text="hm", signature="s", provider=kind)

    found, _ = mended(kind, user("?"), assistant(thought), user("!"))

    assert {"user"} == {message.role for message in found}
    assert "?!" == "".join(message.content for message in found)


def test_members_of_messages_that_nobody_knows_stay_with_vendors_that_have_them():
    """OpenAI's messages may have more members; Anthropic refuses any that it does not know."""
    said = attrs.evolve(assistant("No."), extra={"refusal": "No."})

    assert {"refusal": "No."} == mended("openai", user("?"), said)[0][1].extra
    assert {} == mended("anthropic", user("?"), said)[0][1].extra


def test_the_same_loss_at_many_places_is_told_once():
    """A long conversation does not drown the response in losses."""
    many = [message for n in range(20) for message in (user(f"{n}?"), assistant(Thinking(text="hm"), "Yes."))]
    _, losses = mended("openai", *many)

    assert ["messages[1,3,5,7,9,…].thinking"] == [loss.what for loss in losses]


def test_names_of_users_are_told_where_the_vendor_takes_them():
    """OpenAI is told who says something; Anthropic has no member for it."""
    assert "ann" == mended("openai", user("Hi", name="ann"))[0][0].name
    found, losses = mended("anthropic", user("Hi", name="ann"))

    assert found[0].name is None
    assert ["messages[0].name"] == [loss.what for loss in losses]
