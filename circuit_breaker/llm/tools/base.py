"""What a tool is: a name, a description and a schema for the model, and the work."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from circuit_breaker.errors import Fault, RuleInvalid, ToolInvalid
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.rules.schema import checked, fitting

if TYPE_CHECKING:
    from circuit_breaker.llm.tools.context import ToolContext

__all__ = ["ChainableTool", "Tool"]

NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_NOTHING: Final[Mapping[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}


class Tool:
    """Something that a model can call. Subclass it and write ``execute``, or use :func:`circuit_breaker.llm.tool`.

    ::

        class Weather(Tool):
            def __init__(self):
                super().__init__("weather", "The weather of a city", {"city": {"type": "string"}})

            async def execute(self, city):
                return {"city": city, "degrees": 21}

    Args:
        name: 1 to 64 letters, digits, ``_``, ``-`` and ``.``.
        description: What it is for and when to call it, in words for the model.
        parameters: For each argument a JSON Schema with a description. An argument with a ``default``, or with
            ``"required": False``, may be left out. A whole schema (``{"type": "object", ...}``) is taken as it is.
        fallback_response: What the model is given in place of a result when the tool fails.
        timeout: Seconds that a call may take, or None for what :class:`ToolLimits` says.
        approval: Whether a person must approve each call.
        roles: Who may have it called; nobody in particular when empty.

    Raises:
        ToolInvalid: Something of this is wrong; every fault is named.
    """

    def __init__(
        self,
        name: str,
        description: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        fallback_response: Any = None,
        timeout: float | None = None,
        approval: bool = False,
        roles: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.description = description
        self.fallback_response = fallback_response
        self.timeout = timeout
        self.approval = approval
        self.roles = frozenset([roles] if isinstance(roles, str) else roles)
        self.parameters = _as_schema(parameters)
        _check(self)

    def execute(self, *_: Any, **arguments: Any) -> Any | Awaitable[Any]:
        """The result for the model: best a mapping. May be async; a plain one is called in a thread.

        It is given the arguments by name. An async generator gives the result in pieces: each is told as progress when
        it comes, and together they are the result, as one text or as a list.

        One that has a parameter ``context`` is given the :class:`ToolContext` of the call.
        """
        raise NotImplementedError(f"{type(self).__name__} has no execute()")

    def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any | Awaitable[Any]:
        """The result for arguments that fit the schema."""
        extra = {"context": context} if self._wants_context else {}
        return self.execute(**arguments, **extra)

    @property
    def is_async(self) -> bool:
        """Whether the work is done in the event loop."""
        return in_the_loop(self.execute)

    @property
    def _wants_context(self) -> bool:
        named = inspect.signature(self.execute).parameters.get("context")
        return named is not None and "context" not in self.parameters.get("properties", {})

    def can_handle(self, result: Any) -> bool:
        """Whether another tool may go on to this one with its result."""
        del result
        return False

    def definition(self, name: str | None = None) -> ToolDefinition:
        """The tool as a model is told of it."""
        return ToolDefinition(name=name or self.name, description=self.description, parameters=self.parameters)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class ChainableTool(Tool):
    """A tool that can go on to another: it says what goes in and what comes out.

    Its ``execute(input, context)`` is given all arguments as one mapping. It finds the next tool among
    ``context.available_tools`` and goes on to it with ``context.chain(tool)``; what that gives is then the result.

    Args:
        name: As for :class:`Tool`.
        description: As for :class:`Tool`.
        input_schema: JSON Schema of the input, an object.
        output_schema: JSON Schema of the result; a result that does not fit is a failure.
        **options: As for :class:`Tool`.

    Raises:
        ToolInvalid: Something of this is wrong; every fault is named.
    """

    def __init__(
        self,
        name: str,
        description: str,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.output_schema = _as_schema(output_schema) if output_schema else None
        super().__init__(name, description, input_schema, **options)

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """What goes in."""
        return self.parameters

    def execute(self, input: dict[str, Any], context: ToolContext) -> Any | Awaitable[Any]:  # noqa: A002 - the documents call it so
        """The result for the model, or for the tool that it goes on to."""
        raise NotImplementedError(f"{type(self).__name__} has no execute()")

    def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any | Awaitable[Any]:
        """The result for arguments that fit the schema."""
        return self.execute(arguments, context)

    def can_handle(self, result: Any) -> bool:
        """Whether the result of another tool fits the input of this one."""
        return fitting(self.parameters)(result)


def in_the_loop(function: Callable[..., Any]) -> bool:
    """Whether the function is async, and gives its result at once or in pieces."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _as_schema(parameters: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The JSON Schema of all arguments, of what was given for each."""
    if not parameters:
        return _NOTHING
    if parameters.get("type") == "object" or "$ref" in parameters:
        return parameters
    properties = {
        name: {key: value for key, value in _mapping(of).items() if key != "required" or not isinstance(value, bool)}
        for name, of in parameters.items()
    }
    required = [name for name, of in parameters.items() if _mapping(of).get("required", "default" not in _mapping(of))]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _mapping(schema: Any) -> Mapping[str, Any]:
    """The schema of one argument; its type alone will do."""
    return schema if isinstance(schema, Mapping) else {"type": schema}


def _check(tool: Tool) -> None:
    faults = []
    if not NAME.fullmatch(str(tool.name)):
        faults.append(Fault("name", f"{tool.name!r:.80} is no name", "use 1 to 64 letters, digits, '_', '-' and '.'"))
    if not str(tool.description).strip():
        faults.append(Fault("description", "is empty", "say what the tool is for, and when to call it"))
    if tool.timeout is not None and not tool.timeout > 0:
        faults.append(Fault("timeout", f"{tool.timeout!r} is no time", "give seconds, more than 0"))
    schemas = {"parameters": tool.parameters, "output_schema": getattr(tool, "output_schema", None)}
    for place, schema in schemas.items():
        try:
            if schema is not None:
                checked(schema, place)
        except RuleInvalid as error:
            faults.append(Fault(place, error.message, "give a JSON Schema for each argument"))
    if faults:
        raise ToolInvalid(f"the tool {tool.name!r:.80} is not valid:", faults=faults)
