"""Anthropic and Google keep what every provider keeps."""

from __future__ import annotations

import json

import pytest

from tests.llm.faces import dumped
from tests.llm.faulty import Reply, faulty
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


@pytest.mark.parametrize("face", [AnthropicFace(), GoogleFace()], ids=lambda face: face.kind)
async def test_a_list_of_models_without_an_end_is_bounded(face):
    """A server that always has one more page is not asked for ever."""
    more = json.loads(face.listing(["a"])) | {"has_more": True, "nextPageToken": "t"}
    async with faulty(Reply(body=dumped(more))) as server, face.provider(server.url) as provider:
        assert ("a",) == await provider.models()

    assert 50 == len(server.seen)
