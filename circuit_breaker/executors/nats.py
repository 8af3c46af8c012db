"""An executor that exchanges one message over NATS: a request and its reply, or a publication that is acknowledged."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, ClassVar, Final, Literal

import msgspec

from circuit_breaker import outgoing
from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ExtraMissing, Fault, OutputTooLarge, ParameterInvalid, ServiceFailed
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.calls import CallSettings, header_faults
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.output import OUTPUT_LIMIT, OutputFormat, read_output
from circuit_breaker.executors.secrets import Redaction, revealed

__all__ = ["NatsExecutor"]

PORT: Final = 4222
_SCHEMES: Final = {"nats": "http", "tls": "https"}
_SUBJECT: Final = re.compile(r"[^\s.*>$][^\s.*>]*(\.[^\s.*>]+)*")
_LOGINS: Final = ({"token"}, {"user", "password"})

Text = str | dict[str, str]


@parameter("nats_url", description="Address of the server, such as 'nats://localhost:4222', or 'tls://' for TLS")
@parameter("subject", description="Where the message goes; no wildcards", min_length=1, max_length=256)
@parameter("payload", default=None, description="Message: any JSON value, which may hold references to secrets")
@parameter("body", default=None, description="Message: text as it is, instead of payload")
@parameter("headers", default={}, description="Headers by name; a value may be a reference to a secret")
@parameter("mode", default="request", description="Wait for a reply, or publish to a stream that acknowledges it")
@parameter("stream", default=None, description="Name of the stream that must take a publication", min_length=1)
@parameter("auth", default={}, description="Either token, or user and password; each may be a reference to a secret")
@parameter("output", default="auto", description="How the reply becomes the output")
@parameter("max_output", default=OUTPUT_LIMIT, minimum=0, description="Most bytes of the reply")
@parameter("timeout", default=30.0, minimum=0.001, description="Seconds for all, connecting included")
@parameter("connect_timeout", default=5.0, minimum=0.001, description="Seconds for connecting")
class NatsExecutor(BaseExecutor):
    """Sends one message over NATS, and gives what comes back; needs the extra ``nats``.

    With ``mode="request"`` the outcome has the ``output`` and the ``headers`` of the reply. With ``mode="publish"`` it
    has the ``stream`` that keeps the message, its ``sequence`` there, and whether it is a ``duplicate``: the message
    carries the idempotency key as ``Nats-Msg-Id``, so that a stream keeps it once however often it is sent.

    Only public addresses are called, unless the operator allows others, as with
    ``NatsExecutor.under(allow=["localhost:4222"])``.

    Raises:
        AddressRefused: The address may not be called.
        ServiceUnavailable: The server cannot be reached or broke off, or nobody listens to the subject.
        ServiceFailed: The server refused the message, no stream takes it, or the reply is an error.
        ActionTimeout: It took too long.
        OutputTooLarge: The reply is longer than allowed.
        OutputInvalid: The reply is no JSON or no text where that was asked for.
        SecretNotFound: Nobody has given a secret that is referred to.
        ExtraMissing: nats-py is not installed.
    """

    settings: ClassVar[CallSettings] = CallSettings()

    nats_url: str
    subject: str
    payload: Any
    body: str | None
    headers: dict[str, Text]
    mode: Literal["request", "publish"]
    stream: str | None
    auth: dict[str, Text]
    output: OutputFormat
    max_output: int
    timeout: float
    connect_timeout: float

    @validate
    def message_can_be_sent(self, context: dict[str, Any]) -> None:
        """The address, the subject, the headers and the login can be written down, and there is one message."""
        if faults := [*_faults(context), *header_faults(context["headers"])]:
            raise ParameterInvalid(faults=faults)

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """What came back."""
        begun = time.monotonic()
        parts = {name: context[name] for name in ("payload", "body", "headers", "auth")}
        known, redaction = await revealed(parts, self.settings.secrets)
        if faults := header_faults(known["headers"]):
            raise ParameterInvalid("The headers are wrong with their secrets", faults=faults)
        body = known["body"].encode() if known["body"] is not None else msgspec.json.encode(known["payload"])
        headers = {"Nats-Msg-Id": self.execution.idempotency_key, **known["headers"]}
        outcome = await self._exchanged(context, body, headers, known["auth"], redaction)
        return {**outcome, "duration": round(time.monotonic() - begun, 6)}

    async def _exchanged(
        self,
        context: dict[str, Any],
        body: bytes,
        headers: dict[str, str],
        auth: Mapping[str, str],
        redaction: Redaction,
    ) -> dict[str, Any]:
        module = await threaded(_connection)
        scheme, host, port = _place(context["nats_url"])
        server = module.Server(
            host=host,
            port=port,
            tls=scheme == "tls",
            perimeter=self.settings.perimeter,
            ca_file=self.settings.ca_file,
            login=auth,
            patience=context["timeout"],
            connect_timeout=context["connect_timeout"],
            max_output=context["max_output"],
        )
        async with module.connected(server, redaction) as connection:
            if context["mode"] == "publish":
                return dict(await connection.publish(context["subject"], body, headers, context["stream"]))
            reply, told = await connection.request(context["subject"], body, headers)
        return _outcome(context, reply, told, redaction)


def _connection() -> ModuleType:
    """The module that speaks NATS; it is slow to import, so this runs in a thread."""
    try:
        from circuit_breaker.executors import nats_connection  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ExtraMissing("nats-py", extra="nats", why="NatsExecutor") from error
    return nats_connection


def _place(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of a server.

    Raises:
        ValueError: The text is no address of one.
    """
    scheme, colon, rest = address.partition("://")
    if not colon or scheme not in _SCHEMES:
        raise ValueError("is no address of nats or tls")
    url = outgoing.read_url(f"{_SCHEMES[scheme]}://{rest}")
    if url.path not in ("", "/") or url.query_string:
        raise ValueError("has a path or a query")
    return scheme, url.raw_host or "", url.explicit_port or PORT


def _faults(context: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        _place(context["nats_url"])
    except ValueError as error:
        yield Fault("parameter 'nats_url'", str(error), "give an address such as 'nats://localhost:4222'")
    if not _SUBJECT.fullmatch(context["subject"]):
        remedy = "use words with dots in between, no '*' or '>', and none of the server's own, which begin with '$'"
        yield Fault("parameter 'subject'", f"{context['subject']!r} is nowhere that a message goes", remedy)
    if context["payload"] is not None and context["body"] is not None:
        yield Fault("parameter 'body'", "is given beside payload", "give one of them")
    if context["stream"] is not None and context["mode"] != "publish":
        yield Fault("parameter 'stream'", "is for publications", "use mode='publish', or leave it out")
    if context["auth"] and set(context["auth"]) not in _LOGINS:
        yield Fault("parameter 'auth'", f"has {sorted(context['auth'])}", "give a token, or a user and a password")


def _outcome(
    context: Mapping[str, Any], reply: bytes, headers: Mapping[str, str], redaction: Redaction
) -> dict[str, Any]:
    """The reply as an outcome. An error is marked as services in NATS do: ADR-32 of nats-io's architecture."""
    code, subject = headers.get("Nats-Service-Error-Code"), context["subject"]
    if code is not None:
        said = redaction.clean(headers.get("Nats-Service-Error", ""))
        status = int(code) if code.isascii() and code.isdecimal() else None
        raise ServiceFailed(f"'{subject}' answered with error {redaction.clean(code)}: {said}", status=status)
    if len(reply) > context["max_output"]:
        raise OutputTooLarge(
            f"the reply of '{subject}' is longer than {context['max_output']} bytes",
            remedy="allow more with max_output",
        )
    form = context["output"]
    output = None if form == "none" else read_output(reply, form, name="the reply", redaction=redaction)
    return {"output": output, "headers": redaction.clean_json(dict(headers))}
