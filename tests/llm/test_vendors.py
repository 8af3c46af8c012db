"""Anthropic and Google keep what every provider keeps."""

from __future__ import annotations

import pytest

from tests.llm.provider_contract import ProviderContract
from tests.llm.vendor_faces import AnthropicFace, GoogleFace


class TestAnthropic(ProviderContract):
    """Anthropic."""

    @pytest.fixture
    def face(self):
        return AnthropicFace()


class TestGoogle(ProviderContract):
    """Google."""

    @pytest.fixture
    def face(self):
        return GoogleFace()
