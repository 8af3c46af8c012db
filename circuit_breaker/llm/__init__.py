"""Models: one request to any provider, a router over them, tools and memory.

The names that a program needs are here; each is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.llm.arguments import arguments_of
    from circuit_breaker.llm.chunks import ChatCompletionChunk
    from circuit_breaker.llm.documents import from_document, messages_from_document, to_document
    from circuit_breaker.llm.loop import Loop, LoopLimits, LoopOptions, LoopOutcome, LoopState
    from circuit_breaker.llm.mcp import MCPToolset
    from circuit_breaker.llm.memory import ConversationMemory
    from circuit_breaker.llm.memory_usage import MemoryUsage
    from circuit_breaker.llm.messages import ChatMessage, assistant, system, tool_result, user
    from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall, ToolResult
    from circuit_breaker.llm.patience import Patience, Retries, Timeouts
    from circuit_breaker.llm.profile import ModelProfile, Price
    from circuit_breaker.llm.profiles import Profiles, profiles_from
    from circuit_breaker.llm.provider import Embeddings, Provider, ProviderHealth
    from circuit_breaker.llm.providers import (
        AnthropicProvider,
        CustomProvider,
        GoogleProvider,
        OllamaProvider,
        OpenAIProvider,
    )
    from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, RoutingOptions, ToolDefinition
    from circuit_breaker.llm.response import ChatCompletionResponse, Choice, Loss
    from circuit_breaker.llm.router import (
        Access,
        Batching,
        Budget,
        CachePolicy,
        Candidate,
        CircuitPolicy,
        Failover,
        Hedging,
        LLMConfig,
        LLMRouter,
        LoadBalancing,
        MemoryLedger,
        Probing,
        RouteExplanation,
        VirtualModel,
    )
    from circuit_breaker.llm.session import Connections
    from circuit_breaker.llm.stream import (
        StreamContinued,
        StreamEnded,
        StreamEvent,
        StreamFailed,
        StreamStarted,
        TextDelta,
        ThinkingDelta,
        ToolCallDelta,
        ToolCallEnded,
    )
    from circuit_breaker.llm.summaries import summaries_by
    from circuit_breaker.llm.tokens import TokenCount, count_tokens
    from circuit_breaker.llm.toolbox import (
        AgentTools,
        AnalysisTool,
        CalculatorTool,
        CitationTool,
        ContentAnalysisTool,
        CustomTool,
        DataAnalysisTool,
        ImprovementTool,
        MortgageCalculator,
        ReportGeneratorTool,
        RoiCalculator,
        SearchTool,
        SentimentAnalysisTool,
        SentimentTool,
        StatisticalAnalyzer,
        SummarizeTool,
    )
    from circuit_breaker.llm.tools import (
        ChainableTool,
        Tool,
        ToolContext,
        ToolLimits,
        ToolProgress,
        Toolset,
        run_tool_call,
        run_tool_calls,
        tool,
    )
    from circuit_breaker.llm.usage import Cost, Usage
    from circuit_breaker.llm.vocabulary import Vocabulary

__all__ = [
    "Access",
    "AgentTools",
    "AnalysisTool",
    "AnthropicProvider",
    "Batching",
    "Budget",
    "CachePolicy",
    "CalculatorTool",
    "Candidate",
    "ChainableTool",
    "ChatCompletionChunk",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "ChatMessage",
    "Choice",
    "CircuitPolicy",
    "CitationTool",
    "Connections",
    "ContentAnalysisTool",
    "ConversationMemory",
    "Cost",
    "CustomProvider",
    "CustomTool",
    "DataAnalysisTool",
    "Embeddings",
    "Failover",
    "File",
    "GoogleProvider",
    "Hedging",
    "Image",
    "ImprovementTool",
    "LLMConfig",
    "LLMRouter",
    "LoadBalancing",
    "Loop",
    "LoopLimits",
    "LoopOptions",
    "LoopOutcome",
    "LoopState",
    "Loss",
    "MCPToolset",
    "MemoryLedger",
    "MemoryUsage",
    "ModelProfile",
    "MortgageCalculator",
    "OllamaProvider",
    "OpenAIProvider",
    "Patience",
    "Price",
    "Probing",
    "Profiles",
    "Provider",
    "ProviderHealth",
    "ReportGeneratorTool",
    "ResponseFormat",
    "Retries",
    "RoiCalculator",
    "RouteExplanation",
    "RoutingOptions",
    "SearchTool",
    "SentimentAnalysisTool",
    "SentimentTool",
    "StatisticalAnalyzer",
    "StreamContinued",
    "StreamEnded",
    "StreamEvent",
    "StreamFailed",
    "StreamStarted",
    "SummarizeTool",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "Timeouts",
    "TokenCount",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallEnded",
    "ToolContext",
    "ToolDefinition",
    "ToolLimits",
    "ToolProgress",
    "ToolResult",
    "Toolset",
    "Usage",
    "VirtualModel",
    "Vocabulary",
    "arguments_of",
    "assistant",
    "count_tokens",
    "from_document",
    "messages_from_document",
    "profiles_from",
    "run_tool_call",
    "run_tool_calls",
    "summaries_by",
    "system",
    "to_document",
    "tool",
    "tool_result",
    "user",
]

__getattr__ = lazily(
    __name__,
    {
        "arguments": "arguments_of",
        "chunks": "ChatCompletionChunk",
        "documents": "from_document messages_from_document to_document",
        "loop": "Loop LoopLimits LoopOptions LoopOutcome LoopState",
        "mcp": "MCPToolset",
        "memory": "ConversationMemory",
        "memory_usage": "MemoryUsage",
        "summaries": "summaries_by",
        "messages": "assistant ChatMessage system tool_result user",
        "parts": "File Image Text Thinking ToolCall ToolResult",
        "patience": "Patience Retries Timeouts",
        "profile": "ModelProfile Price",
        "profiles": "Profiles profiles_from",
        "provider": "Embeddings Provider ProviderHealth",
        "providers": "AnthropicProvider CustomProvider GoogleProvider OllamaProvider OpenAIProvider",
        "request": "ChatCompletionRequest ResponseFormat RoutingOptions ToolDefinition",
        "response": "ChatCompletionResponse Choice Loss",
        "router": (
            "Access Batching Budget CachePolicy Candidate CircuitPolicy Failover Hedging LLMConfig LLMRouter "
            "LoadBalancing MemoryLedger Probing RouteExplanation VirtualModel"
        ),
        "session": "Connections",
        "stream": (
            "StreamContinued StreamEnded StreamEvent StreamFailed StreamStarted TextDelta ThinkingDelta "
            "ToolCallDelta ToolCallEnded"
        ),
        "tokens": "count_tokens TokenCount",
        "toolbox": (
            "AgentTools AnalysisTool CalculatorTool CitationTool ContentAnalysisTool CustomTool DataAnalysisTool "
            "ImprovementTool MortgageCalculator ReportGeneratorTool RoiCalculator SearchTool "
            "SentimentAnalysisTool SentimentTool StatisticalAnalyzer SummarizeTool"
        ),
        "tools": "ChainableTool run_tool_call run_tool_calls Tool tool ToolContext ToolLimits ToolProgress Toolset",
        "usage": "Cost Usage",
        "vocabulary": "Vocabulary",
    },
)
