"""Assembly: the pieces of an answer, as a vendor sends them, put together to events and to the whole answer.

A whole answer goes through the same assembly as a streamed one, as one large piece; so both give the same response.
"""

from __future__ import annotations

import operator
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from circuit_breaker.errors import CircuitBreakerError, ResponseInvalid
from circuit_breaker.llm.allowance import MOST_CHARACTERS, Allowance, size_of
from circuit_breaker.llm.call_pieces import CallPieces, Growing
from circuit_breaker.llm.encoding import only_text
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.growing import GrowingAnswer, GrowingText, GrowingThought, Wording
from circuit_breaker.llm.members import Members
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.names import Names
from circuit_breaker.llm.parts import EXTRA
from circuit_breaker.llm.response import ChatCompletionResponse, FinishReason, Loss
from circuit_breaker.llm.stream import StreamEnded, StreamEvent, StreamFailed, StreamStarted
from circuit_breaker.llm.telling import Telling
from circuit_breaker.llm.tokens import estimated_usage
from circuit_breaker.llm.usage import Usage

__all__ = ["Assembly"]

_A_PART: Final = 256
"""Characters that a part, such as a call of a tool, is charged with beside its text."""


class Assembly:
    """An answer in the making. A vendor's reader tells it what has come; it tells the events.

    Args:
        asked: Who was asked.
        kind: The kind of the provider, which its thoughts are marked with.
        names: What the vendor calls our tools.
        losses: What could not be sent as it was asked for.
        answer_tool: The tool, by the vendor's name, whose arguments are the text of the answer; or an empty text.
        conversation: What was asked, to estimate its tokens where the vendor does not count them.
        most: Characters that all answers may have together.
    """

    def __init__(
        self,
        asked: Asked,
        *,
        kind: str,
        names: Names | None = None,
        losses: Iterable[Loss] = (),
        answer_tool: str = "",
        conversation: Sequence[ChatMessage] = (),
        most: int = MOST_CHARACTERS,
    ) -> None:
        self.asked = asked
        self.kind = kind
        self.usage: Usage | None = None
        self.created = 0
        self.members = Members(asked)
        self.request_id: str | None = None
        self._names = names or Names()
        self._telling = Telling(self._names, answer_tool)
        self._wording = Wording(kind, self._names, answer_tool)
        self._losses = tuple(losses)
        self._answer_tool = answer_tool
        self._conversation = conversation
        self._id = ""
        self._model = ""
        self._started = False
        self._answers: dict[int, GrowingAnswer] = {}
        self._allowance = Allowance(most, asked)

    # What a reader tells.

    def started(self, *, id: str = "", model: str = "", created: int = 0) -> None:  # noqa: A002 - the vendors' word
        """The answer begins; may be told again and again, and what was told first holds."""
        self._id = self._id or str(id)
        self._model = self._model or str(model)
        self.created = self.created or int(created)
        if not self._started:
            self._start()

    def text(self, piece: str | None, *, index: int = 0, extra: Mapping[str, Any] = EXTRA) -> None:
        """A piece of text; nothing is no piece."""
        if not piece:
            return
        answer = self._answer(index)
        last = answer.last
        if not isinstance(last, GrowingText):
            last = GrowingText()
            self._add(answer, last)
        if extra:
            self.members.weigh(extra)
            last.extra.update(extra)
        self._allowance.take(len(piece))
        self._telling.said(last, piece, index)

    def refusal(self, piece: str | None, *, index: int = 0) -> None:
        """A piece of a text that says why the model does not answer."""
        if piece:
            self._answer(index).refused = True
            self.text(piece, index=index)

    def thinking(
        self, piece: str | None, *, index: int = 0, signature: str | None = None, redacted: str | None = None
    ) -> None:
        """A piece of a thought, its signature, or both."""
        if not (piece or signature or redacted):
            return
        answer = self._answer(index)
        thought = answer.thought if redacted is None else None
        if thought is None:
            thought = GrowingThought(redacted=redacted and only_text(redacted))
            self._add(answer, thought)
        if redacted or signature:
            self.members.weigh([redacted, signature])
        if signature:
            thought.signature.append(only_text(signature))
        if piece:
            self._allowance.take(len(piece))
            self._telling.said(thought, piece, index)

    def thought_ended(self, *, index: int = 0) -> None:
        """The thought is complete: the next piece begins another."""
        answer = self._answer(index)
        if isinstance(answer.last, GrowingThought):
            self._add(answer, GrowingText())

    def note(self, extra: Mapping[str, Any], *, index: int = 0) -> None:
        """Members of a choice that we do not know: those of a stream are put together."""
        self._allowance.take(size_of(extra))
        self.members.gather(extra, self._answer(index).extra)

    def call(
        self,
        arguments: Any = "",
        *,
        at: int | None = None,
        id: str | None = None,  # noqa: A002 - the vendors' word
        name: str | None = None,
        index: int = 0,
        extra: Mapping[str, Any] = EXTRA,
    ) -> None:
        """A piece of a call of a tool.

        Args:
            arguments: The next piece of the JSON text, or the whole of them as an object.
            at: Which call the vendor says it is of, if it says so; need not be right.
            id: The vendor's id of the call, if it is in this piece.
            name: The vendor's name of the tool, if it is in this piece.
            index: Which answer.
            extra: What the vendor wants back with the call.
        """
        answer = self._answer(index)
        growing, new = answer.calls.place(arguments, at=at, id=id and str(id), name=name)
        self._allowance.take(len(arguments) if isinstance(arguments, str) else _A_PART)
        if extra:
            self.members.weigh(extra)
            growing.extra.update(extra)
        if new:
            self._allowance.take(len(growing.name))
            self._add(answer, growing)
        if growing.begun or self._names.known(growing.name):  # until then, more of its name may come
            self._telling.call(answer, growing)

    def call_ended(self, *, at: int, index: int = 0) -> None:
        """The call that the vendor says it was is complete; those that are not told so end with the answer."""
        answer = self._answer(index)
        growing = answer.calls.at(at)
        if growing is not None:
            self._end_call(answer, growing)

    def finish(self, reason: FinishReason, raw: str = "", *, index: int = 0) -> None:
        """Why the answer ended. An answer that ended and calls tools has ended for that."""
        answer = self._answer(index)
        answer.reason, answer.raw_reason = reason, raw

    def close(self) -> None:
        """The vendor says that it is over; an answer that never said why it ended has stopped."""
        for answer in self._answers.values():
            answer.reason = answer.reason or "stop"

    # What the stream asks.

    @property
    def finished(self) -> bool:
        """Whether every answer that has begun has said why it ended."""
        return bool(self._answers) and all(answer.reason is not None for answer in self._answers.values())

    @property
    def events(self) -> list[StreamEvent]:
        """What was not taken yet."""
        return self._telling.events

    def take(self) -> list[StreamEvent]:
        """The events since the last time."""
        return self._telling.take()

    def response(self) -> ChatCompletionResponse:
        """The whole answer; the calls that are still open are ended.

        Raises:
            ResponseInvalid: Nothing says that the answer is complete, or a call has no name.
        """
        if not self.finished:
            what = "the answer ended before it was complete" if self._started else "the answer holds nothing"
            raise self.asked.error(ResponseInvalid, what, remedy="try again")
        for answer in self._answers.values():
            for call in answer.calls:
                self._end_call(answer, call)
            self._telling.rest(answer)
        return self._built()

    def end(self, response: ChatCompletionResponse) -> None:
        """The answer is complete: tells the last event."""
        self.events.append(StreamEnded(response))

    def fail(self, error: CircuitBreakerError) -> None:
        """The answer broke off: tells the last event."""
        if not self._started:
            self._start()
        for answer in self._answers.values():
            for call in answer.calls:
                self._telling.call(answer, call)
            self._telling.rest(answer)
        self.events.append(StreamFailed(error, self.partial()))

    def partial(self) -> ChatCompletionResponse:
        """What has come so far; it ended with an error."""
        return self._built("error")

    def _start(self) -> None:
        self._started = True
        self._id = self._id or f"cb-{uuid.uuid4().hex}"
        self._model = self._model or self.asked.model
        self.events.append(StreamStarted(id=self._id, model=self._model, provider=self.asked.provider))

    def _answer(self, index: int) -> GrowingAnswer:
        found = self._answers.get(index)
        if found is None:
            index = operator.index(index)
            if not self._started:
                self._start()
            self._allowance.take(_A_PART)
            found = self._answers[index] = GrowingAnswer(index, calls=CallPieces(self._names.known))
        return found

    def _add(self, answer: GrowingAnswer, part: GrowingText | GrowingThought | Growing) -> None:
        """Begins a part, which ends the one before."""
        self._allowance.take(_A_PART)
        self._telling.rest(answer)
        answer.parts.append(part)

    def _end_call(self, answer: GrowingAnswer, call: Growing) -> None:
        if call.ended:
            return
        if not call.name:
            raise self.asked.error(ResponseInvalid, "the answer calls a tool without a name", remedy="try again")
        self._telling.call_ended(answer, call)

    def _built(self, reason: FinishReason | None = None) -> ChatCompletionResponse:
        answers = [answer for _, answer in sorted(self._answers.items())] or [GrowingAnswer(0)]
        choices = tuple(self._wording.choice(answer, reason) for answer in answers)
        return ChatCompletionResponse(
            id=self._id,
            model=self._model,
            provider=self.asked.provider,
            choices=choices,
            usage=self.usage or estimated_usage(self._conversation, (one.message for one in choices), self._model),
            created=self.created or int(time.time()),
            losses=self._losses,
            request_id=self.request_id,
            extra=self.members.kept or EXTRA,
        )
