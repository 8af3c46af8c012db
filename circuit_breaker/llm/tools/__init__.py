"""Tools: what a model can call, sets of them, and calls carried out.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.llm.tools.base import ChainableTool, Tool
    from circuit_breaker.llm.tools.context import ToolContext, ToolLimits, ToolProgress
    from circuit_breaker.llm.tools.function import FunctionTool, tool
    from circuit_breaker.llm.tools.running import run_tool_call, run_tool_calls
    from circuit_breaker.llm.tools.toolset import Offer, Toolset

__all__ = [
    "ChainableTool",
    "FunctionTool",
    "Offer",
    "Tool",
    "ToolContext",
    "ToolLimits",
    "ToolProgress",
    "Toolset",
    "run_tool_call",
    "run_tool_calls",
    "tool",
]

__getattr__ = lazily(
    __name__,
    {
        "context": ("ToolContext", "ToolLimits", "ToolProgress"),
        "function": ("FunctionTool", "tool"),
        "running": ("run_tool_call", "run_tool_calls"),
        "base": ("ChainableTool", "Tool"),
        "toolset": ("Offer", "Toolset"),
    },
)
