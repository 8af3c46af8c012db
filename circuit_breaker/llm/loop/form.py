"""The form of an answer: whether it is as it was asked for, and how the model is asked to mend it."""

from __future__ import annotations

from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.request import ResponseFormat
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.structured import Plan, Reading, reading

__all__ = ["mending", "read"]


def read(form: ResponseFormat | None, response: ChatCompletionResponse) -> Reading:
    """The value of an answer, checked; that of the provider where it has read it already."""
    if form is None or form.kind == "text" or response.parsed is not None:
        return Reading(response.parsed)
    return reading(Plan(how="prompt", form=form, schema=form.schema), response)


def mending(faults: tuple[str, ...]) -> ChatMessage:
    """What the user says of an answer that does not fit."""
    told = "\n".join(f"- {fault}" for fault in faults)
    return user(f"That does not fit:\n{told}\nGive the whole answer again, as JSON only.")
