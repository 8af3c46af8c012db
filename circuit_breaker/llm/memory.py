"""What a conversation remembers: its messages within a number of tokens and of messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

from circuit_breaker.errors import DataInvalid
from circuit_breaker.invocation import inline
from circuit_breaker.llm.documents import messages_from_document, to_document
from circuit_breaker.llm.memory_usage import MemoryUsage, check_limits
from circuit_breaker.llm.messages import ChatMessage, Role, system, user
from circuit_breaker.llm.parts import Part
from circuit_breaker.llm.tokens import TokenCount, count_tokens
from circuit_breaker.llm.units import Counted, Unit, overflowing, with_message
from circuit_breaker.llm.vocabulary import Vocabulary

__all__ = ["SUMMARY", "ConversationMemory", "MemoryUsage", "Summarize"]

Summarize = Callable[[str, Sequence[ChatMessage]], str | Awaitable[str]]
"""Makes a summary of the summary so far (an empty text at first) and of messages that no longer fit."""

_VERSION: Final = 1
_FALLEN: Final = 10  # what waits for a summary is at most so many times what is remembered
SUMMARY: Final = "Summary of the conversation before:\n"
"""What a message begins with that is the summary of what a model is not shown any more."""


class ConversationMemory:
    """The messages of a conversation: the oldest are dropped when there are too many, or too many tokens of them.

    The system prompt is never dropped, and neither is what was said last, even where that alone is too long. A message
    that calls tools goes together with the results.

    Args:
        system_prompt: What the model is told to be and to do; an empty text for nothing.
        max_tokens: The most tokens that a model is given, the system prompt included.
        max_messages: The most messages, the system prompt not included, or None for any number.
        model: The model, for counting its tokens exactly where ``vocabulary`` can.
        vocabulary: A folder with vocabularies; without one, tokens are estimated.
        summarize: Summarises what falls out; see :meth:`condense`. Without it, that is forgotten.

    Raises:
        ValueError: A limit is no positive number.
    """

    def __init__(
        self,
        system_prompt: str = "",
        max_tokens: int = 4000,
        max_messages: int | None = None,
        *,
        model: str = "",
        vocabulary: Vocabulary | None = None,
        summarize: Summarize | None = None,
    ) -> None:
        check_limits(max_tokens, max_messages)
        self.max_tokens = max_tokens
        self.max_messages = max_messages
        self._model = model
        self._vocabulary = vocabulary
        self._summarize = summarize
        self._system_prompt = system_prompt
        self._units: tuple[Unit, ...] = ()
        self._fallen: list[Unit] = []
        self._summary = ""
        self._dropped = 0
        self._fixed = self._count_fixed()

    @property
    def system_prompt(self) -> str:
        """What the model is told to be and to do; can be set at any time."""
        return self._system_prompt

    @system_prompt.setter
    def system_prompt(self, text: str) -> None:
        self._system_prompt = text
        self._settle_anew()

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """The conversation as a model is given it: the system prompt, the summary if there is one, the history."""
        return (*self._head(), *self.history)

    @property
    def history(self) -> tuple[ChatMessage, ...]:
        """What was said and is remembered, without the system prompt and the summary."""
        return tuple(message for unit in self._units for message in unit.messages)

    @property
    def summary(self) -> str:
        """What is known of that which fell out; an empty text if nothing is."""
        return self._summary

    @property
    def usage(self) -> MemoryUsage:
        """How full it is."""
        entries = [entry for unit in self._units for entry in unit.entries]
        return MemoryUsage(
            tokens=self._tokens(),
            max_tokens=self.max_tokens,
            messages=len(entries),
            max_messages=self.max_messages,
            estimated=self._fixed.estimated or any(entry.count.estimated for entry in entries),
            dropped=self._dropped,
            waiting=sum(len(unit.entries) for unit in self._fallen),
        )

    def add_message(self, role: Role, content: str | Part | Sequence[str | Part]) -> ChatMessage:
        """Adds what was said, and gives it back as a message.

        Raises:
            ValueError: There is no such role.
            DataInvalid: It is the result of a call that is not there.
        """
        message = ChatMessage(role, cast(Any, content))
        self.add(message)
        return message

    def add(self, *messages: ChatMessage) -> None:
        """Adds messages; what does not fit any more falls out at the other end.

        Raises:
            DataInvalid: One is the result of a call that is not there. Nothing is added.
        """
        self._units = self._with(self._units, messages)
        self._settle()

    def clear(self) -> None:
        """Forgets all but the system prompt."""
        self._units, self._fallen, self._summary, self._dropped = (), [], "", 0
        self._settle_anew()

    def like(self, *, summary: bool = True) -> ConversationMemory:
        """A memory with the same system prompt and limits that counts in the same way, and in which nothing was said.

        Args:
            summary: Whether it has the summary as well.
        """
        made = ConversationMemory(
            self._system_prompt, self.max_tokens, self.max_messages, model=self._model, vocabulary=self._vocabulary
        )
        if summary and self._summary:
            made._summary = self._summary
            made._settle_anew()
        return made

    async def condense(self) -> str:
        """Brings what has fallen out into the summary, and gives that. Call it before the model is asked.

        Without ``summarize``, or when nothing has fallen out, it does nothing. When it fails, nothing is lost: the next
        call tries again.
        """
        if self._summarize is None or not self._fallen:
            return self._summary
        units = list(self._fallen)
        said = [message for unit in units for message in unit.messages]
        self._summary = str(await inline(self._summarize, self._summary, said))
        self._fallen = [unit for unit in self._fallen if unit not in units]
        self._settle_anew()
        return self._summary

    def export(self) -> dict[str, Any]:
        """All of it as a plain JSON document, for :meth:`restore`."""
        return {
            "version": _VERSION,
            "system_prompt": self._system_prompt,
            "max_tokens": self.max_tokens,
            "max_messages": self.max_messages,
            "summary": self._summary,
            "messages": to_document(list(self.history)),
            "waiting": to_document([message for unit in self._fallen for message in unit.messages]),
            "dropped": self._dropped,
        }

    @classmethod
    def restore(
        cls,
        document: Mapping[str, Any],
        *,
        model: str = "",
        vocabulary: Vocabulary | None = None,
        summarize: Summarize | None = None,
    ) -> ConversationMemory:
        """The memory that :meth:`export` has written.

        Raises:
            DataInvalid: The document is no memory, or one of a later release.
        """
        try:
            made = cls(
                str(document["system_prompt"]),
                document["max_tokens"],
                document["max_messages"],
                model=model,
                vocabulary=vocabulary,
                summarize=summarize,
            )
            made._take(document)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataInvalid):
                raise
            raise DataInvalid(f"the document is no memory: {error!r}", remedy="give what export() has made") from error
        return made

    def _take(self, document: Mapping[str, Any]) -> None:
        if document["version"] != _VERSION:
            raise DataInvalid(f"the memory has version {document['version']!r}, and version {_VERSION} is understood")
        self._summary, self._dropped = str(document["summary"]), int(document["dropped"])
        self._fallen = list(self._with((), messages_from_document(document["waiting"])))
        self._units = self._with((), messages_from_document(document["messages"]))
        self._settle_anew()

    def _with(self, units: tuple[Unit, ...], messages: Sequence[ChatMessage]) -> tuple[Unit, ...]:
        for message in messages:
            units = with_message(units, Counted(message, self._count(message)))
        return units

    def _head(self) -> list[ChatMessage]:
        prompt = [system(self._system_prompt)] if self._system_prompt else []
        # A summary says what people said: it is not to speak with the authority of the system prompt.
        return [*prompt, user(f"{SUMMARY}{self._summary}")] if self._summary else prompt

    def _count(self, message: ChatMessage) -> TokenCount:
        return count_tokens(message, self._model, vocabulary=self._vocabulary)

    def _count_fixed(self) -> TokenCount:
        return count_tokens(self._head(), self._model, vocabulary=self._vocabulary)

    def _tokens(self) -> int:
        return self._fixed.tokens + sum(unit.tokens for unit in self._units)

    def _settle_anew(self) -> None:
        """Counts what stands before the history, which has changed, and drops what is too much."""
        self._fixed = self._count_fixed()
        self._settle()

    def _settle(self) -> None:
        """Drops the oldest units until what is left is within the limits."""
        gone = overflowing(self._units, self.max_tokens - self._fixed.tokens, self.max_messages)
        if not gone:
            return
        fallen = [self._units[at] for at in sorted(gone)]
        self._units = tuple(unit for at, unit in enumerate(self._units) if at not in gone)
        self._dropped += sum(len(unit.entries) for unit in fallen)
        if self._summarize is not None:
            self._fallen += fallen
            while sum(unit.tokens for unit in self._fallen) > _FALLEN * self.max_tokens and len(self._fallen) > 1:
                self._fallen.pop(0)
