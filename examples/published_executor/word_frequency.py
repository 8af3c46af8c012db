"""An executor in a package of its own. Its entry point, in setup.cfg, gives it the name that definitions use."""

from __future__ import annotations

from collections import Counter
from typing import Any

from circuit_breaker import BaseExecutor, parameter


@parameter("text", description="The text whose words are counted")
@parameter("most", default=3, minimum=1, description="How many words to tell, the most frequent first")
@parameter("ignore", default=[], description="Words that do not count")
class WordFrequencyExecutor(BaseExecutor):
    """Counts the words of a text."""

    text: str
    most: int
    ignore: list[str]

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The most frequent words, with how often each is there."""
        words = (word.strip(".,;:!?\"'()").lower() for word in context["text"].split())
        counted = Counter(word for word in words if word and word not in context["ignore"])
        return {"words": dict(counted.most_common(context["most"]))}
