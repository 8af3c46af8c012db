"""The serverless back end of AWS Lambda."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ExtraMissing, Fault, ParameterInvalid
from circuit_breaker.executors.calls import within
from circuit_breaker.executors.output import read_output
from circuit_breaker.executors.secrets import revealed
from circuit_breaker.executors.serverless.contract import Invocation, refused
from circuit_breaker.executors.settings import Settings

__all__ = ["LambdaFunctions"]

MOST_SYNC: Final = 6 * 1024 * 1024
MOST_ASYNC: Final = 256 * 1024
"""Bytes of a payload, by https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

_CREDENTIALS: Final = frozenset({"access_key_id", "secret_access_key", "session_token"})


def _are_credentials(_: Any, __: Any, value: Mapping[str, Any] | None) -> None:
    if value is None:
        return
    unknown, missing = sorted(set(value) - _CREDENTIALS), sorted({*_CREDENTIALS} - {"session_token"} - set(value))
    if unknown or missing:
        faults = [f"{', '.join(unknown)} unknown"] * bool(unknown) + [f"{', '.join(missing)} missing"] * bool(missing)
        raise ValueError(f"credentials are access_key_id, secret_access_key and session_token: {'; '.join(faults)}")


@attrs.frozen(kw_only=True)
class LambdaFunctions(Settings):
    """Calls functions of AWS Lambda; needs the extra ``aws``.

    A call is made once; whether to try again is for the retry policy of the transition. A synchronous function finds
    the idempotency key in its client context, as ``custom.idempotency_key``.

    Attributes:
        region: Such as ``"eu-west-1"``.
        credentials: ``access_key_id``, ``secret_access_key`` and, if there is one, ``session_token``; each a text or
            a reference to a secret. With None, AWS's own library looks for them: in the environment, in ``~/.aws``
            and in the metadata of the machine.
        endpoint: Where Lambda is, when it is not at AWS's own address.
        connect_timeout: Seconds for connecting.
    """

    region: str
    credentials: Mapping[str, Any] | None = attrs.field(default=None, repr=False, validator=_are_credentials)
    endpoint: str | None = None
    connect_timeout: float = 10.0

    async def invoke(self, invocation: Invocation) -> dict[str, Any]:
        """Calls the function.

        Raises:
            ParameterInvalid: The payload is too large, or the call asks for something that Lambda cannot be told.
            FunctionNotFound: There is no such function or version.
            ActionError: The function raised an error; its type is the ``code``.
            ServiceFailed: Lambda refused the call, or had too many.
            ServiceUnavailable: Lambda cannot be reached.
            ActionTimeout: It took too long.
            SecretNotFound: There are no credentials.
            ExtraMissing: aiobotocore is not installed.
        """
        payload = _payload(invocation)
        credentials, _ = await revealed(dict(self.credentials or {}), self.secrets)
        client = await threaded(_client)
        begun = time.monotonic()
        async with within(invocation.timeout, f"function '{invocation.function_name}'"):
            answer = await client.called(self, credentials, invocation, payload)
        for line in answer.logs.splitlines():
            invocation.log(invocation.redaction.clean(line), "stderr")
        answer.check(invocation)
        return {
            "status": "accepted" if invocation.asynchronous else "completed",
            "output": _output(answer.body, invocation),
            "duration": round(time.monotonic() - begun, 6),
            "logs": invocation.redaction.clean(answer.logs),
            "version": answer.version,
            "request_id": answer.request_id,
        }


def _client() -> ModuleType:
    """The module that speaks to AWS. It takes half a second to import, so this runs in a thread."""
    try:
        from circuit_breaker.executors.serverless import aws_lambda  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ExtraMissing("aiobotocore", extra="aws", why="a function of AWS Lambda") from error
    return aws_lambda


def _payload(invocation: Invocation) -> bytes:
    faults = refused(invocation, "AWS Lambda", unless=["version"])
    payload = msgspec.json.encode(invocation.payload)
    most = MOST_ASYNC if invocation.asynchronous else MOST_SYNC
    if len(payload) > most:
        kind = "an asynchronous" if invocation.asynchronous else "a synchronous"
        message = f"is {len(payload)} bytes long, and {kind} call takes at most {most}"
        faults.append(Fault("parameter 'payload'", message, "put it into a storage, and hand over where it is"))
    if faults:
        raise ParameterInvalid(f"function '{invocation.function_name}' cannot be called", faults=faults)
    return payload


def _output(body: bytes, invocation: Invocation) -> Any:
    return read_output(body, "auto", name="the answer", redaction=invocation.redaction) if body else None
