"""What an MCP server answers to a call, as text for a model."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["text_of"]


def text_of(result: Any) -> str:
    """The answer: its texts, or else its structured content as JSON; what is no text is told of."""
    texts = [_block(block) for block in result.content]
    if not texts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(texts)


def _block(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "resource" if hasattr(block.resource, "text"):
            return str(block.resource.text)
        case "resource":
            return f"[resource {block.resource.uri}, {block.resource.mime_type or 'of unknown type'}]"
        case "resource_link":
            return f"[resource {block.uri}: {block.description or block.name}]"
        case "image" | "audio":
            return f"[{block.type} {block.mime_type}, {len(block.data.rstrip('=')) * 3 // 4} bytes]"
        case other:
            return f"[{other}]"
