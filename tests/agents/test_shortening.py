"""Answers that are cut to what is left of a budget: all together, however many there are and whoever limits them."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker.agents.metered import Metered, most_of
from circuit_breaker.agents.purse import Purse
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.usage import Usage
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import script

SHORT = ModelTurn(says="Yes.", usage=Usage(input_tokens=5, output_tokens=4))
REQUEST = ChatCompletionRequest(model="m", messages=(user("How many are there?"),))


async def cut(left: int = 30, **members) -> ChatCompletionRequest:
    """What a model is asked where so many tokens are left."""
    model = script(always=SHORT)
    await Metered(model, Purse("a", tokens=left), print).complete(attrs.evolve(REQUEST, **members))
    return model.requests[0]


MANY = {"n": {"n": 3}, "its own words": {"extra": {"n": 3}}, "inside": {"extra": {"options": {"candidate_count": 3}}}}


@pytest.mark.parametrize("members", MANY.values(), ids=MANY)
async def test_several_answers_share_what_is_left(members):
    """Answers that are asked for at once have together what is left, and each an equal part."""
    assert 10 == (await cut(**members)).max_tokens


async def test_every_answer_may_say_something():
    """Where less is left than there are answers, each has one token."""
    assert 1 == (await cut(left=2, n=3)).max_tokens


async def test_the_limit_of_a_vendor_is_not_left_beside_a_smaller_one():
    """What an operator says in a vendor's words is left out where the answer is cut; all else of his stays."""
    extra = {"max_completion_tokens": 90, "options": {"num_predict": 80, "seed": 1}, "top_a": 2}
    asked = await cut(extra=extra)
    assert (30, {"options": {"seed": 1}, "top_a": 2}) == (asked.max_tokens, dict(asked.extra))


async def test_a_limit_that_is_smaller_than_what_is_left_stays():
    """An answer that two limits bound is cut where the greater is too much, and never to more than the smaller."""
    asked = await cut(max_tokens=8, extra={"max_completion_tokens": 90})
    assert (8, {}) == (asked.max_tokens, dict(asked.extra))


async def test_an_answer_that_fits_keeps_the_words_of_the_vendor():
    """Where there is enough for the longest answer, the request goes out as it is."""
    members = {"extra": {"max_completion_tokens": 10, "n": 2}}
    assert attrs.evolve(REQUEST, **members) == await cut(left=1000, **members)


def test_the_worst_counts_answers_in_the_words_of_a_vendor():
    """The longest answer of a profile is counted as often as the request asks for one, in whichever words."""
    model = script(profile=ModelProfile(max_output_tokens=50))
    several = [most_of(model, attrs.evolve(REQUEST, **members)).answer for members in MANY.values()]
    assert [150] * 3 == several
