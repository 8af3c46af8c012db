"""Ids: those that users give, and new ones that sort by the time at which they were made (UUID 7, RFC 9562)."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from datetime import datetime

from circuit_breaker.data import freeze
from circuit_breaker.errors import DataInvalid

__all__ = ["case_id", "derived_id", "new_id"]


def new_id() -> str:
    """A new UUID of version 7: 48 bits of Unix time in milliseconds, then 74 random bits."""
    return _version_7(time.time_ns() // 1_000_000, os.urandom(10))


def derived_id(at: datetime, *parts: str | int) -> str:
    """The id that always comes out for this moment and these parts, so that what has it is done once."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return _version_7(int(at.timestamp() * 1000), digest[:10])


def _version_7(milliseconds: int, noise: bytes) -> str:
    random = int.from_bytes(noise)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return str(uuid.UUID(int=value))


def case_id(given: str | None) -> str:
    """The id that was given for a case, or a new one.

    Raises:
        DataInvalid: It is none.
    """
    if given is None:
        return new_id()
    written = freeze(given, where="id")
    if not isinstance(written, str) or not written.strip() or len(written) > 200:
        raise DataInvalid(f"id: {given!r:.60} is no id of a case", remedy="use a text of 1 to 200 characters")
    return written
