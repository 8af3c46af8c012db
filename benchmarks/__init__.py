"""Figures beside those of other libraries, taken in one run: ``python -m benchmarks``."""
