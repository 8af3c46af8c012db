"""Functions as tools: the signature is the schema, the docstring the description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, overload

from circuit_breaker.llm.tools.base import Tool, in_the_loop
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.docstring import Docstring
from circuit_breaker.llm.tools.signature import Arguments

__all__ = ["FunctionTool", "tool"]


class FunctionTool(Tool):
    """A function as a tool; :func:`tool` makes it.

    Called like the function, it is the function.

    Args:
        function: Plain or async. The types of its parameters become the schema; one of type :class:`ToolContext` is
            given the context of the call.
        name: What the model calls it; the name of the function unless given.
        description: What it is for; the docstring of the function, up to its first section, unless given.
        **options: As for :class:`Tool`.

    Raises:
        ToolInvalid: It has parameters that a model cannot give, or no description.
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, description: str | None = None, **options: Any
    ) -> None:
        told = Docstring.of(function)
        self._function = function
        self._arguments = Arguments.of(function, told.arguments)
        super().__init__(name or function.__name__, description or told.summary, self._arguments.schema, **options)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """What the function gives."""
        return self._function(*arguments, **keywords)

    def execute(self, *_: Any, **arguments: Any) -> Any | Awaitable[Any]:
        """What the function gives for arguments as JSON has them."""
        return self.perform(arguments, ToolContext())

    def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any | Awaitable[Any]:
        """What the function gives for arguments that fit the schema."""
        extra = {self._arguments.context: context} if self._arguments.context else {}
        return self._function(**self._arguments.values(arguments), **extra)

    @property
    def is_async(self) -> bool:
        """Whether the function is async."""
        return in_the_loop(self._function)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, **options: Any
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None, /, **options: Any
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """The function as a tool: a decorator, with options or without. The model is told what its docstring says.

    ::

        @tool
        def weather(city: str, unit: Literal["C", "F"] = "C") -> dict[str, Any]:
            "The weather of a city now."
            ...

    Args:
        function: The function, where there are no options.
        **options: ``name`` and ``description`` in place of those of the function; the others as for :class:`Tool`.

    Raises:
        ToolInvalid: It has parameters that a model cannot give, or no description.
    """
    if function is not None:
        return FunctionTool(function, **options)
    return lambda decorated: FunctionTool(decorated, **options)
