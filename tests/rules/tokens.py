"""Tokens and values for the tests of rules."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st


@attrs.frozen
class Token:
    """What a rule reads of a token, and no more."""

    data: Any = attrs.field(factory=dict)
    metadata: dict[str, Any] = attrs.field(factory=dict)
    results: dict[str, Any] = attrs.field(factory=dict)
    state: str = "draft"
    id: str = "t1"


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
