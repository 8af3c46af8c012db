"""Secrets in the spellings in which others give them back."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.outgoing.redaction import Redaction

KEY = "my/own+secret=key-1234567890"
SPELLINGS = {
    "plain": KEY,
    "JSON": json.dumps(KEY),
    "slashes escaped": KEY.replace("/", "\\/"),
    "in an address": quote(KEY, safe=""),
    "in small hexadecimal": quote(KEY, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of an address": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "behind a name in base64": base64.b64encode(b"user:" + KEY.encode()).decode(),
    "broken over two lines": f"{KEY[:10]}\n    {KEY[10:]}",
    "with characters that nobody sees": f"{KEY[:10]}\u200b{KEY[10:15]}\u00ad{KEY[15:]}",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_key_is_found_in_every_spelling(spelling):
    """ZA16: no text shows a key, however others spell it."""
    told = Redaction.of([KEY]).clean_spread(f"bad credential {spelling} given")

    assert told.startswith("bad credential")
    assert not any(piece in told for piece in (KEY[:9], KEY[-9:], spelling[4:24]))


@given(st.text("ab \n\u200b", max_size=30), st.text("ab", min_size=8, max_size=10))
def test_nothing_is_left_that_gaps_hide(text, key):
    """Whatever stands between, what is left holds no secret without its gaps."""
    dense = "".join(one for one in Redaction.of([key]).clean_spread(text) if one in "ab*")

    assert key not in dense.replace("***", "*")


def test_text_without_a_secret_stays_as_it_is():
    """Blanks are kept where nothing is hidden."""
    assert "a b\nc" == Redaction.of(["12345678"]).clean_spread("a b\nc")


def test_secrets_that_overlap_are_taken_out_together():
    """Two secrets of which one holds the other leave nothing of either."""
    assert "a ***" == Redaction.of(["secret-1", "secret-1-and-more"]).clean_spread("a secret -1-and-more")
