"""Disturbances of a connection to a provider, told as errors of the provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    AddressRefused,
    ConnectionFailed,
    LLMError,
    OutputTooLarge,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
    ResponseTooLong,
    ServiceFailed,
)
from circuit_breaker.lazy import Later
from circuit_breaker.llm.failures import Asked

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = Later("aiohttp")

__all__ = ["telling"]


@contextmanager
def telling(asked: Asked) -> Iterator[None]:
    """Tells errors of the connection as those of the provider."""
    try:
        yield
    except LLMError:
        raise
    except TimeoutError as error:
        what = error.message if isinstance(error, ActionTimeout) else "it took too long to answer"
        raise _unsent(asked.error(ResponseTimeout, what), error) from error
    except ActionError as error:
        raise _unsent(asked.error(_kind(error), error.message, remedy=error.remedy), error) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        what = "it closed the connection before it had answered in full"
        raise asked.error(ConnectionFailed, what, remedy="try again") from error


def _unsent(told: LLMError, error: Exception) -> LLMError:
    """The error, which costs nothing where there was no connection to send anything over."""
    never = (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.InvalidURL)
    told.charged = told.charged and not isinstance(error.__context__, never)
    return told


def _kind(error: ActionError) -> type[LLMError]:
    match error:
        case AddressRefused():
            return RequestRefused
        case OutputTooLarge():
            return ResponseTooLong
        case ServiceFailed():
            return ResponseInvalid
        case _:
            return ConnectionFailed
