"""The JSON Schema of what is told as a document: an explanation, or the difference of two policies."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Literal

__all__ = ["told_schema"]


def told_schema(document: Literal["explanation", "policy-diff"]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document of an explanation, or of the difference of two policies.

    Fields may be added within a form, so it allows for more than it names.
    """
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    title = schema["$defs"][document]["properties"]["form"]["const"]
    return {"title": title, "$ref": f"#/$defs/{document}", **schema}
