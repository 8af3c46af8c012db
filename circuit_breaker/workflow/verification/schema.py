"""The JSON Schema of what is proved, told as a document."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

__all__ = ["verification_schema"]


def verification_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of :meth:`Verification.to_document`.

    Fields may be added within a form, so it allows for more than it names.
    """
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
