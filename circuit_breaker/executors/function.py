"""An executor made of a function: its signature says what the parameters are."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs
import msgspec

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ExecutorInvalid, Fault, nearest
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import Declaration
from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.executors.parameters import REQUIRED
from circuit_breaker.executors.schema import resolved, shown, understood

__all__ = ["FunctionExecutor"]

_Parameter = inspect.Parameter
_VARIABLE: Final = (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD)


@attrs.frozen
class _Argument:
    """One argument of the function: where its value comes from, and how it is handed over.

    Attributes:
        name: Its name.
        positional: Whether it can be given by position only.
        declaration: The parameter that it becomes, or None when it takes the execution context.
    """

    name: str
    positional: bool
    declaration: Declaration | None


class FunctionExecutor(BaseExecutor, abstract=True):
    """The base of the executors that :meth:`of` makes of functions.

    ::

        @FunctionExecutor.of
        def count_words(text: str, least: int = 1) -> dict:
            return {"words": len([word for word in text.split() if len(word) >= least])}


        await count_words(text="to be or not").execute()  # {"words": 4, "status": "completed"}
    """

    _function: ClassVar[Callable[..., Any]]
    _arguments: ClassVar[tuple[_Argument, ...]] = ()

    @classmethod
    def of(
        cls, function: Callable[..., Any], *, name: str | None = None, secret: Collection[str] = ()
    ) -> type[FunctionExecutor]:
        """The executor class that calls the function; also a decorator.

        Every argument of the function becomes a parameter, of the annotated type if JSON can express it, and of any
        type otherwise. An argument annotated as :class:`~circuit_breaker.executors.ExecutionContext` gets the
        context of the execution instead. One whose default is no JSON is left to the function, and so is ``*args``;
        with ``**kwargs``, further parameters are accepted. An async function is awaited; any other runs in a worker
        thread.

        What the function returns is the outcome if it is a mapping or None; anything else is put under ``"value"``.

        Args:
            function: A function, a bound method, a partial or another callable.
            name: What to call the class; the name of the function unless given.
            secret: Names of parameters that are never shown.

        Raises:
            ExecutorInvalid: It is no callable, its signature is not known, or a default is not of the annotated type.
        """
        title = name or _name_of(function)
        signature = _signature_of(function, title)
        arguments = tuple(_arguments_of(function, signature, secret))
        _check_secret(title, secret, arguments)
        namespace = {
            "__doc__": inspect.getdoc(_innermost(function)),
            "__module__": getattr(_innermost(function), "__module__", None) or cls.__module__,
            "_declarations": tuple(argument.declaration for argument in arguments if argument.declaration),
            "_function": staticmethod(function),
            "_arguments": arguments,
            "execute_internal": _call,
        }
        open_ended = any(one.kind is _Parameter.VAR_KEYWORD for one in signature.parameters.values())
        return types.new_class(title, (cls,), {"extensible": open_ended}, lambda body: body.update(namespace))


async def _call(self: FunctionExecutor, context: dict[str, Any]) -> Mapping[str, Any] | None:
    """Calls the function with the parameters."""
    keywords = dict(context)
    positional: list[Any] = []
    for argument in self._arguments:
        value = self.execution if argument.declaration is None else keywords.pop(argument.name)
        if argument.positional:
            positional.append(value)
        else:
            keywords[argument.name] = value
    given = await threaded(self._function, *positional, **keywords)
    return given if given is None or isinstance(given, Mapping) else {"value": given}


def _innermost(function: Callable[..., Any]) -> Any:
    """The function that was written, inside of partials, methods and callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _name_of(function: Callable[..., Any]) -> str:
    inner = _innermost(function)
    name = getattr(inner, "__name__", type(inner).__name__)
    return str(name) if name != "<lambda>" else "function"


def _signature_of(function: Any, title: str) -> inspect.Signature:
    if not callable(function):
        fault = Fault("FunctionExecutor.of", f"{shown(function)} is no function", "give something that can be called")
        raise ExecutorInvalid(faults=[fault])
    try:
        return inspect.signature(function)
    except ValueError as error:
        fault = Fault(
            f"function '{title}'", "does not tell its signature", "wrap it in a function with named arguments"
        )
        raise ExecutorInvalid(faults=[fault]) from error


def _arguments_of(
    function: Callable[..., Any], signature: inspect.Signature, secret: Collection[str]
) -> Iterator[_Argument]:
    scope = _scope_of(_innermost(function))
    left_out = False
    for one in signature.parameters.values():
        positional = one.kind is _Parameter.POSITIONAL_ONLY
        left_out = (left_out and positional) or (one.default is not _Parameter.empty and not _is_json(one.default))
        if one.kind in _VARIABLE or left_out:
            continue
        kind = _kind_of(one, scope)
        if kind is ExecutionContext:
            yield _Argument(one.name, positional, None)
            continue
        default = REQUIRED if one.default is _Parameter.empty else one.default
        declaration = Declaration(name=one.name, type=kind, default=default, secret=one.name in secret, exposed=False)
        yield _Argument(one.name, positional, declaration)


def _scope_of(function: Any) -> Mapping[str, Any]:
    """The names that the annotations of a function can use."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    return getattr(inspect.unwrap(function), "__globals__", None) or (vars(module) if module else {})


def _kind_of(argument: inspect.Parameter, scope: Mapping[str, Any]) -> Any:
    if argument.annotation is _Parameter.empty:
        return Any
    try:
        kind = resolved(argument.annotation, scope)
        return kind if kind is ExecutionContext else understood(kind)
    except TypeError:
        return Any


def _is_json(value: Any) -> bool:
    try:
        msgspec.to_builtins(value)
    except TypeError:
        return False
    return True


def _check_secret(title: str, secret: Collection[str], arguments: tuple[_Argument, ...]) -> None:
    names = [argument.name for argument in arguments]
    faults = [
        Fault(f"secret='{name}'", "is no parameter", nearest(name, names)) for name in secret if name not in names
    ]
    if faults:
        raise ExecutorInvalid(f"The executor {title} is not valid", faults=faults)
