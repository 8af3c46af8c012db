"""What a custom evaluator may ask for beside the token: the resource, the activity that is tried, and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["RuleContext", "Subject"]


@attrs.frozen
class RuleContext:
    """In which situation rules are evaluated.

    Attributes:
        resource: The case or token that is judged.
        activity: The activity that is tried, or None.
        metadata: What the caller says about this evaluation.
    """

    resource: Any
    activity: Any = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(eq=False, repr=False)
class Subject:
    """A token together with the context in which it is judged; a rule reads it like the token.

    Attributes:
        token: What is judged.
        context: Given to evaluators that ask for it.
    """

    token: Any
    context: RuleContext

    @property
    def id(self) -> Any:
        """The id of the token."""
        return self.token.id

    @property
    def state(self) -> Any:
        """The state of the token."""
        return self.token.state

    @property
    def data(self) -> Any:
        """The data of the token."""
        return self.token.data

    @property
    def metadata(self) -> Any:
        """The metadata of the token."""
        return self.token.metadata

    @property
    def results(self) -> Any:
        """The results on the token; none where it keeps none."""
        return getattr(self.token, "results", {})
