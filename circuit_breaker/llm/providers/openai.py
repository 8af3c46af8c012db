"""OpenAI, and Azure by its base address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from circuit_breaker.llm.keys import Secret
from circuit_breaker.llm.providers.custom import CustomProvider
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.providers.openai_batches import FileBatches
from circuit_breaker.llm.providers.openai_responses import ResponsesDialect

__all__ = ["OpenAIProvider"]

ADDRESS: Final = "https://api.openai.com/v1"
_AZURE: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


class OpenAIProvider(CustomProvider, FileBatches):
    """OpenAI. ``OpenAIProvider(api_key="...")``, or ``api_key=function`` that gives it when it is needed.

    Azure is known by its base address: ``https://NAME.openai.azure.com/openai/v1``, or
    ``https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT`` with an ``api_version``.

    Args:
        api_key: The key.
        base_url: Where it is.
        name: What the user calls it.
        organization: Whose account it is, where a key is of several.
        project: For which project it is.
        api_version: What Azure wants to be asked with, such as ``"2024-10-21"``.
        api: ``"chat"`` or ``"responses"`` for all models; what the profile of a model says unless given.
        options: See :class:`~circuit_breaker.llm.providers.base.HTTPProvider`.
    """

    kind = "openai"
    family: ClassVar[str] = "openai"
    needs_key: ClassVar[bool] = True
    vector_format: ClassVar[Mapping[str, str]] = {"encoding_format": "base64"}

    def __init__(
        self,
        *,
        api_key: Secret = None,
        base_url: str = ADDRESS,
        name: str = "openai",
        organization: str = "",
        project: str = "",
        api_version: str = "",
        api: str = "",
        **options: Any,
    ) -> None:
        super().__init__(base_url=base_url, name=name, api_key=api_key, **options)
        self._account = {"OpenAI-Organization": organization, "OpenAI-Project": project}
        self._api_version = api_version
        deployment = "/deployments/" in self._base
        self._api = api or ("chat" if deployment else "")
        self._azure = _is_azure(self._base)
        self._responses = ResponsesDialect()
        if deployment:
            self.models_path = "../../models"

    def dialect(self, model: str) -> Dialect:
        """Chat completions, or responses where the profile of the model says so."""
        api = self._api or self.profile(model).api
        return self._responses if api == "responses" else self._chat

    def credentials(self, key: str) -> dict[str, str]:
        """The headers that let us in."""
        if self._azure:
            return {"api-key": key}
        told = {name: value for name, value in self._account.items() if value}
        return super().credentials(key) | told

    def query(self) -> dict[str, str]:
        """What every address ends with."""
        return {"api-version": self._api_version} if self._api_version else {}


def _is_azure(address: str) -> bool:
    host = address.partition("//")[2].partition("/")[0].partition(":")[0]
    return host.endswith(_AZURE)
