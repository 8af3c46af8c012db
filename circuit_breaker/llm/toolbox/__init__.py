"""Tools that come with the library: real work without a network.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.llm.toolbox.agent_tools import AgentTools
    from circuit_breaker.llm.toolbox.calculators import (
        CalculatorTool,
        MortgageCalculator,
        RoiCalculator,
        StatisticalAnalyzer,
    )
    from circuit_breaker.llm.toolbox.folder import Folder
    from circuit_breaker.llm.toolbox.working import CustomTool, DataAnalysisTool, ReportGeneratorTool, SearchTool
    from circuit_breaker.llm.toolbox.writing import (
        AnalysisTool,
        CitationTool,
        ContentAnalysisTool,
        ImprovementTool,
        SentimentAnalysisTool,
        SentimentTool,
        SummarizeTool,
    )

__all__ = [
    "AgentTools",
    "AnalysisTool",
    "CalculatorTool",
    "CitationTool",
    "ContentAnalysisTool",
    "CustomTool",
    "DataAnalysisTool",
    "Folder",
    "ImprovementTool",
    "MortgageCalculator",
    "ReportGeneratorTool",
    "RoiCalculator",
    "SearchTool",
    "SentimentAnalysisTool",
    "SentimentTool",
    "StatisticalAnalyzer",
    "SummarizeTool",
]

__getattr__ = lazily(
    __name__,
    {
        "agent_tools": ("AgentTools",),
        "calculators": ("CalculatorTool", "MortgageCalculator", "RoiCalculator", "StatisticalAnalyzer"),
        "folder": ("Folder",),
        "working": ("CustomTool", "DataAnalysisTool", "ReportGeneratorTool", "SearchTool"),
        "writing": (
            "AnalysisTool",
            "CitationTool",
            "ContentAnalysisTool",
            "ImprovementTool",
            "SentimentAnalysisTool",
            "SentimentTool",
            "SummarizeTool",
        ),
    },
)
