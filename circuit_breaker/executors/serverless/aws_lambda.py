"""One call of AWS Lambda with AWS's own library, and its errors told as ours."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import attrs
import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore import exceptions

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    CircuitBreakerError,
    FunctionNotFound,
    OutputTooLarge,
    SecretNotFound,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.serverless.contract import Invocation
from circuit_breaker.outgoing.body import retry_after

if TYPE_CHECKING:
    from circuit_breaker.executors.serverless.aws import LambdaFunctions

__all__ = ["Answered", "called"]

PIECE: Final = 64 * 1024
_NO_CREDENTIALS: Final = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)
_BROKEN: Final = (exceptions.BotoCoreError, exceptions.HTTPClientError, aiohttp.ClientError, ConnectionError)


def _session() -> AioSession:
    """A session that has read what it must know of Lambda; reading it takes a tenth of a second."""
    session = get_session()
    session.get_component("data_loader").load_service_model("lambda", "service-2")
    return session


SESSION: Final = _session()


@attrs.frozen(kw_only=True)
class Answered:
    """What Lambda answered.

    Attributes:
        body: What the function returned, or the error that it raised, as JSON; empty after an asynchronous call.
        fault: ``"Handled"`` or ``"Unhandled"`` when the function raised an error; else empty.
        logs: The end of what it wrote, at most 4 KB.
        version: Which version ran, or None.
        request_id: How AWS calls this request.
    """

    body: bytes = attrs.field(repr=False)
    fault: str = ""
    logs: str = attrs.field(default="", repr=False)
    version: str | None = None
    request_id: str = ""

    def check(self, invocation: Invocation) -> None:
        """Lets the answer pass if the function raised no error.

        Raises:
            ActionTimeout: It took longer than Lambda lets it.
            ActionError: It raised an error, whose type is the ``code``.
        """
        if not self.fault:
            return
        told = _document(self.body)
        message = invocation.redaction.clean(str(told.get("errorMessage") or "it does not say why"))
        what = f"function '{invocation.function_name}' failed ({self.fault.lower()}): {message}"
        if "Task timed out after" in message:
            raise ActionTimeout(what, remedy="give the function more time where it is deployed")
        raise ActionError(what, code=str(told.get("errorType") or f"function_{self.fault.lower()}"))


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {"errorMessage": body[:500].decode(errors="replace")}
    return document if isinstance(document, dict) else {"errorMessage": str(document)}


async def called(
    functions: LambdaFunctions, credentials: Mapping[str, str], invocation: Invocation, payload: bytes
) -> Answered:
    """What Lambda answers to one call.

    Raises:
        CircuitBreakerError: As :meth:`~circuit_breaker.executors.serverless_aws.LambdaFunctions.invoke` says.
    """
    config = AioConfig(
        connect_timeout=functions.connect_timeout, read_timeout=invocation.timeout, retries={"total_max_attempts": 1}
    )
    client = SESSION.create_client(
        "lambda",
        region_name=functions.region,
        endpoint_url=functions.endpoint,
        config=config,
        **{f"aws_{name}": value for name, value in credentials.items()},
    )
    async with _told(invocation), client as aws:
        response = await aws.invoke(**_arguments(invocation, payload))
        body = await _read(response["Payload"], invocation)
    return Answered(
        body=body,
        fault=response.get("FunctionError", ""),
        logs=base64.b64decode(response.get("LogResult", "")).decode(errors="replace"),
        version=response.get("ExecutedVersion"),
        request_id=response["ResponseMetadata"].get("RequestId", ""),
    )


def _arguments(invocation: Invocation, payload: bytes) -> dict[str, Any]:
    arguments: dict[str, Any] = {"FunctionName": invocation.function_name, "Payload": payload}
    if invocation.version is not None:
        arguments["Qualifier"] = invocation.version
    if invocation.asynchronous:
        return {**arguments, "InvocationType": "Event"}
    context = json.dumps({"custom": {"idempotency_key": invocation.idempotency_key}})
    return {**arguments, "LogType": "Tail", "ClientContext": base64.b64encode(context.encode()).decode()}


async def _read(stream: Any, invocation: Invocation) -> bytes:
    kept = bytearray()
    async with stream:
        while piece := await stream.read(PIECE):
            kept += piece
            if len(kept) > invocation.max_output:
                raise OutputTooLarge(
                    f"the answer of function '{invocation.function_name}' is longer than {invocation.max_output} bytes",
                    remedy="allow more with max_output, or let it return less",
                )
    return bytes(kept)


@asynccontextmanager
async def _told(invocation: Invocation) -> AsyncIterator[None]:
    """Tells errors of AWS's library as ours; what it says may hold secrets that ours does not."""
    try:
        yield
    except exceptions.ClientError as error:
        raise _refusal(error, invocation) from None
    except _NO_CREDENTIALS:
        remedy = "let the operator give them, as LambdaFunctions(credentials=...)"
        raise SecretNotFound("there are no credentials for AWS", remedy=remedy) from None
    except (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError) as error:
        raise ActionTimeout(f"AWS Lambda took too long: {error}") from None
    except _BROKEN as error:
        raise ServiceUnavailable(f"AWS Lambda cannot be reached: {error}", remedy="check the region") from None


def _refusal(error: exceptions.ClientError, invocation: Invocation) -> CircuitBreakerError:
    """What Lambda said instead of calling the function."""
    said, answer = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, message = said.get("Code", "?"), invocation.redaction.clean(str(said.get("Message", "")))
    if code == "ResourceNotFoundException":
        name = f"{invocation.function_name}:{invocation.version}" if invocation.version else invocation.function_name
        return FunctionNotFound(f"AWS Lambda has no function '{name}'", remedy="check its name, version and region")
    return ServiceFailed(
        f"AWS Lambda refused function '{invocation.function_name}': {code}: {message}",
        status=answer.get("HTTPStatusCode"),
        retry_after=retry_after(answer.get("HTTPHeaders", {}).get("retry-after")),
    )
