"""OpenAI by both of its interfaces, servers that imitate it, and Ollama keep what every provider keeps."""

from __future__ import annotations

import pytest

from tests.llm.faces import ChatFace, CustomFace, OllamaFace, ResponsesFace
from tests.llm.provider_contract import ProviderContract


class TestOpenAIChat(ProviderContract):
    """OpenAI's chat completions."""

    @pytest.fixture
    def face(self):
        return ChatFace()


class TestOpenAIResponses(ProviderContract):
    """OpenAI's responses."""

    @pytest.fixture
    def face(self):
        return ResponsesFace()


class TestCustom(ProviderContract):
    """A server that speaks as OpenAI does."""

    @pytest.fixture
    def face(self):
        return CustomFace()


class TestOllama(ProviderContract):
    """Ollama."""

    @pytest.fixture
    def face(self):
        return OllamaFace()
