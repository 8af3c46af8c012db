"""Models: one request to any provider, a router over them, tools and memory."""

from __future__ import annotations
