"""Change: what an action adds to its token, where a plain mapping of data would not do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.data import EMPTY, Data, freeze, freeze_mapping
from circuit_breaker.errors import DataInvalid, OutcomeInvalid

__all__ = ["Change"]


def _data(value: Mapping[str, Any]) -> Data:
    return freeze_mapping(value, where="data")


def _metadata(value: Mapping[str, Any]) -> Data:
    return freeze_mapping(value, where="metadata")


def _results(value: Mapping[str, Any]) -> Data:
    return freeze_mapping(value, where="results")


@attrs.frozen(kw_only=True)
class Change:
    """What is added to a token.

    Attributes:
        data: Keys that are set in its data.
        metadata: Keys that are set in its metadata.
        results: Keys that are set in its results.
    """

    data: Data = attrs.field(default=EMPTY, converter=_data)
    metadata: Data = attrs.field(default=EMPTY, converter=_metadata)
    results: Data = attrs.field(default=EMPTY, converter=_results)

    @classmethod
    def of(cls, returned: Any, *, result: str | None = None, what: str = "the action") -> Change:
        """What an action meant by what it returned: nothing, a mapping of data, or a Change.

        Args:
            returned: What came back.
            result: The name in ``results`` under which a mapping is kept; None adds it to the data.
            what: Who returned it, for the message.

        Raises:
            OutcomeInvalid: It is something else, or no JSON.
        """
        if isinstance(returned, cls):
            return returned
        try:
            if result is not None:
                return cls(results=Data({result: freeze(returned, where=f"results.{result}")}))
            if returned is None:
                return _NOTHING
            if isinstance(returned, Mapping):
                return cls(data=returned)
        except DataInvalid as error:
            raise OutcomeInvalid(
                f"{what} returned what cannot be kept: {error.message}", remedy=error.remedy
            ) from error
        raise OutcomeInvalid(
            f"{what} returned {returned!r:.80}", remedy="return a mapping of what to add to the data, a Change, or None"
        )

    def plus(self, other: Change) -> Change:
        """Both changes; where they set the same key, the other's."""
        return Change(
            data=Data({**self.data, **other.data}),
            metadata=Data({**self.metadata, **other.metadata}),
            results=Data({**self.results, **other.results}),
        )


_NOTHING = Change()
