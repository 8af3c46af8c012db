"""Latency: how long one waits for a model, as a decaying median of what was measured."""

from __future__ import annotations

from collections import deque

__all__ = ["Latency"]

SAMPLES = 64
HALF_LIFE = 60.0


class Latency:
    """What was measured of late. A measurement counts half after a minute, and only the last 64 are kept."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)
        self._ranked: list[tuple[float, float]] | None = None

    def __len__(self) -> int:
        return len(self._samples)

    def note(self, seconds: float, *, at: float) -> None:
        """Adds a measurement, made at a time in seconds."""
        self._samples.append((at, seconds))
        self._ranked = None

    @property
    def median(self) -> float | None:
        """Seconds, or None when nothing was measured."""
        return self.quantile(0.5)

    def quantile(self, part: float) -> float | None:
        """The seconds within which this part of the measurements lies, by weight; None when nothing was measured."""
        if not self._samples:
            return None
        ranked = self._weighted()
        wanted = part * sum(weight for _, weight in ranked)
        for seconds, weight in ranked:
            wanted -= weight
            if wanted <= 0:
                return seconds
        return ranked[-1][0]

    def _weighted(self) -> list[tuple[float, float]]:
        """The measurements by length, with their weights: how they compare does not change with the time."""
        if self._ranked is None:
            newest = self._samples[-1][0]
            self._ranked = sorted((seconds, 0.5 ** ((newest - at) / HALF_LIFE)) for at, seconds in self._samples)
        return self._ranked
