"""Calls to other machines: only to addresses that may be called, over HTTP, within limits of time and size.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.outgoing.body import read_body, retry_after
    from circuit_breaker.outgoing.perimeter import Perimeter
    from circuit_breaker.outgoing.redirect import Request
    from circuit_breaker.outgoing.session import Session
    from circuit_breaker.outgoing.target import read_url

__all__ = ["Perimeter", "Request", "Session", "read_body", "read_url", "retry_after"]

__getattr__ = lazily(
    __name__,
    {
        "body": ("read_body", "retry_after"),
        "perimeter": ("Perimeter",),
        "redirect": ("Request",),
        "session": ("Session",),
        "target": ("read_url",),
    },
)
