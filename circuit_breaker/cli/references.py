"""References: what is typed to name a definition, and what kind of thing each one names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["DOCUMENTS", "MODEL", "MODELS", "homes_of"]

DOCUMENTS: Final = (".yaml", ".yml", ".json")
MODELS: Final = (".bpmn", ".bpmn20.xml")
MODEL: Final = re.compile(r"(?is)(.*?\.bpmn(?:20\.xml)?)(?::(.+))?")


def homes_of(workflows: Iterable[str]) -> list[str]:
    """The modules in which definitions are that were named so; none for documents and models."""
    coded = (name for name in workflows if not name.lower().endswith(DOCUMENTS) and not MODEL.fullmatch(name))
    return list(dict.fromkeys(name.rpartition(":")[0] or name for name in coded))
