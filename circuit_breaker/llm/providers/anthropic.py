"""Anthropic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

from circuit_breaker.llm.keys import Secret
from circuit_breaker.llm.providers.answers import misshapen
from circuit_breaker.llm.providers.anthropic_batches import MessageBatches
from circuit_breaker.llm.providers.anthropic_messages import MessagesDialect
from circuit_breaker.llm.providers.base import HEALTH
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.request import ChatCompletionRequest

__all__ = ["AnthropicProvider"]

ADDRESS: Final = "https://api.anthropic.com"
VERSION: Final = "2023-06-01"

MOST_PAGES: Final = 50
"""Pages of models that are asked for, whatever the server says."""

_COUNTED: Final = ("model", "messages", "system", "tools", "tool_choice", "thinking")


class AnthropicProvider(MessageBatches):
    """Anthropic. ``AnthropicProvider(api_key="...")``, or ``api_key=function`` that gives it when it is needed.

    Args:
        api_key: The key.
        base_url: Where it is, without ``/v1``.
        name: What the user calls it.
        auth: How the key is sent: in the header ``"x-api-key"``, or as a ``"bearer"``, as newer clients do.
        version: Which version of the interface is spoken, such as ``"2023-06-01"``.
        betas: Names of what is to be tried, such as ``"files-api-2025-04-14"``.
        options: See :class:`~circuit_breaker.llm.providers.base.HTTPProvider`.
    """

    kind = "anthropic"
    family: ClassVar[str] = "anthropic"
    needs_key: ClassVar[bool] = True

    def __init__(
        self,
        *,
        api_key: Secret = None,
        base_url: str = ADDRESS,
        name: str = "anthropic",
        auth: Literal["x-api-key", "bearer"] = "x-api-key",
        version: str = VERSION,
        betas: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(name=name, base_url=base_url, api_key=api_key, **options)
        self._bearer = auth == "bearer"
        self._told: Mapping[str, str] = {"anthropic-version": version}
        if betas:
            self._told = {**self._told, "anthropic-beta": ",".join(betas)}
        self._dialect = MessagesDialect()

    def dialect(self, model: str) -> Dialect:
        """The wire format that the model is asked in."""
        del model
        return self._dialect

    def credentials(self, key: str) -> dict[str, str]:
        """The headers that let us in."""
        return {**self._told, **(super().credentials(key) if self._bearer else {"x-api-key": key})}

    async def models(self) -> tuple[str, ...]:
        """The names of the models that it serves now, in order."""
        asked = await self.asked()
        found: list[str] = []
        after = ""
        for _ in range(MOST_PAGES):
            document = await self.document(f"v1/models?limit=1000{after}", asked)
            with misshapen(asked):
                page = [one["id"] for one in document["data"]]
                found.extend(page)
                if not document.get("has_more") or not page:
                    break
                after = f"&after_id={quote(page[-1], safe='')}"
        return tuple(sorted(set(found)))

    async def ping(self) -> None:
        """Asks for one of its models."""
        await self.document("v1/models?limit=1", await self.asked(), timeouts=HEALTH)

    async def count_tokens(self, request: ChatCompletionRequest) -> int:
        """The tokens of the request, as the vendor counts them; nothing is answered and nothing costs.

        Raises:
            LLMError: It cannot be had.
        """
        asked = await self.asked(request.model)
        body = self._dialect.body(await self._draft(request, asked, stream=False))
        counted = {name: body[name] for name in _COUNTED if name in body}
        document = await self.document("v1/messages/count_tokens", asked, counted)
        with misshapen(asked):
            return int(document["input_tokens"])
