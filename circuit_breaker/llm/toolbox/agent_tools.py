"""The tools that come with the library, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from circuit_breaker.errors import ToolNotFound, nearest
from circuit_breaker.llm.toolbox.calculators import (
    CalculatorTool,
    MortgageCalculator,
    RoiCalculator,
    StatisticalAnalyzer,
)
from circuit_breaker.llm.toolbox.folder import Folder
from circuit_breaker.llm.toolbox.working import DataAnalysisTool, ReportGeneratorTool, SearchTool
from circuit_breaker.llm.toolbox.writing import (
    AnalysisTool,
    CitationTool,
    ContentAnalysisTool,
    ImprovementTool,
    SentimentAnalysisTool,
    SentimentTool,
    SummarizeTool,
)
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["AgentTools"]

_MAKERS: Final[Mapping[str, Callable[[], Tool]]] = MappingProxyType(
    {
        "analysis": AnalysisTool,
        "calculator": CalculatorTool,
        "citations": CitationTool,
        "content_analysis": ContentAnalysisTool,
        "data_analysis": DataAnalysisTool,
        "improvement": ImprovementTool,
        "mortgage_calculator": MortgageCalculator,
        "report_generator": ReportGeneratorTool,
        "roi_calculator": RoiCalculator,
        "sentiment": SentimentTool,
        "sentiment_analysis": SentimentAnalysisTool,
        "statistical_analyzer": StatisticalAnalyzer,
        "summarize": SummarizeTool,
    }
)


class AgentTools:
    """The tools that come with the library. None of them uses a network, and none but ``search`` reads a file."""

    @staticmethod
    def default_toolset(folder: str | Path | Folder | None = None) -> Toolset:
        """All of them; with a folder also ``search`` over its texts."""
        found = Toolset(*(maker() for maker in _MAKERS.values()))
        return found.add_tool(SearchTool(folder)) if folder is not None else found

    @staticmethod
    def names() -> tuple[str, ...]:
        """What they are called; ``search``, which needs a folder, is not among them."""
        return tuple(_MAKERS)

    @staticmethod
    def named(*names: str) -> Toolset:
        """Those of these names, as a definition of an agent lists them.

        Raises:
            ToolNotFound: Some names are no tool's; all are told.
        """
        unknown = [name for name in names if name not in _MAKERS]
        if unknown:
            told = ", ".join(map(repr, unknown))
            raise ToolNotFound(f"there is no tool {told} in the toolbox", remedy=nearest(unknown[0], _MAKERS))
        return Toolset(*(_MAKERS[name]() for name in dict.fromkeys(names)))
