"""The serverless back end over HTTP: OpenFaaS, Knative, Google Cloud Functions and whatever takes a POST."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any, Final, Literal, Self

import attrs
import msgspec

from circuit_breaker import outgoing
from circuit_breaker.errors import Fault, OutputInvalid, ParameterInvalid
from circuit_breaker.executors.calls import Answer, CallSettings, exchange, header_faults, within
from circuit_breaker.executors.cloudevents import CloudEvent, binary, read_event, structured
from circuit_breaker.executors.output import read_output
from circuit_breaker.executors.secrets import Redaction, revealed
from circuit_breaker.executors.serverless.contract import Invocation, refused

__all__ = ["HttpFunctions"]

Form = Literal["json", "binary", "structured"]

_KNOWN: Final = frozenset({"function_name", "version"})
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


def _is_template(_: Any, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    if not names <= _KNOWN:
        raise ValueError(f"{field.name} names {sorted(names - _KNOWN)}, and only function_name and version are known")
    try:
        outgoing.read_url(value.format(function_name="f", version="v"))
    except ValueError as error:
        raise ValueError(f"{field.name} {error}") from error


def _is_headers(_: Any, __: Any, value: Mapping[str, Any]) -> None:
    if faults := header_faults(value):
        raise ValueError("; ".join(map(str, faults)))


@attrs.frozen(kw_only=True)
class HttpFunctions(CallSettings):
    """Calls functions by a POST to their address.

    An address that is not public must be allowed: ``HttpFunctions(address="http://gateway:8080/function/{function_name}",
    allow=["gateway:8080"])``.

    Attributes:
        address: Where a function is, with ``{function_name}`` and, if wanted, ``{version}``.
        async_address: Where an asynchronous call goes, or None when there are none.
        form: What the payload is sent as: the JSON itself, or the data of a CloudEvent in binary or structured mode.
        headers: Sent with every call, such as ``{"Authorization": secret("GATEWAY")}``.
        callback: Address that OpenFaaS tells the answer of an asynchronous call, or None.
        event_source: The ``source`` of the CloudEvents.
        event_type: The ``type`` of the CloudEvents.
    """

    address: str = attrs.field(validator=_is_template)
    async_address: str | None = attrs.field(default=None, validator=_is_template)
    form: Form = attrs.field(default="json", validator=attrs.validators.in_(("json", "binary", "structured")))
    headers: Mapping[str, Any] = attrs.field(factory=dict, repr=False, validator=_is_headers)
    callback: str | None = None
    event_source: str = "circuit-breaker"
    event_type: str = "circuit_breaker.invocation"

    @classmethod
    def openfaas(cls, gateway: str, **options: Any) -> Self:
        """The functions behind a gateway of OpenFaaS, such as ``"https://gateway.example.com"``."""
        base = gateway.rstrip("/")
        address, async_address = (f"{base}/{path}/{{function_name}}" for path in ("function", "async-function"))
        return cls(address=address, async_address=async_address, **options)

    async def invoke(self, invocation: Invocation) -> dict[str, Any]:
        """Calls the function.

        Raises:
            ParameterInvalid: The call asks for something that an HTTP function cannot be told.
            ServiceFailed: The function or its gateway answered with an error.
            OutputInvalid: The answer is a CloudEvent that is wrong, or no text.
            ActionError: What :meth:`~circuit_breaker.outgoing.Session.open` raises.
        """
        address = self._address(invocation)
        headers, secrets = await revealed(dict(self.headers), self.secrets)
        redaction = invocation.redaction.also(secrets)
        request = self._request(address, invocation, headers)
        begun = time.monotonic()
        async with (
            within(invocation.timeout, f"function '{invocation.function_name}'"),
            outgoing.Session(self.perimeter, ca_file=self.ca_file) as session,
        ):
            answer = await exchange(
                session, request, expected=_good, max_output=invocation.max_output, redaction=redaction
            )
        return {
            "status": "accepted" if invocation.asynchronous else "completed",
            "output": None if invocation.asynchronous else _output(answer, redaction),
            "duration": round(time.monotonic() - begun, 6),
            "http_status": answer.status,
            "request_id": answer.headers.get("x-call-id", invocation.idempotency_key),
        }

    def _address(self, invocation: Invocation) -> str:
        template = self.async_address if invocation.asynchronous else self.address
        known = _KNOWN & {name for _, name, _, _ in Formatter().parse(template or "") if name}
        faults = refused(invocation, "a function over HTTP", unless=known)
        if template is None:
            faults.append(Fault("parameter 'invocation'", "these functions answer at once", "use 'sync'"))
        values = {"function_name": invocation.function_name, "version": invocation.version or ""}
        faults += [
            Fault(f"parameter '{name}'", f"{value!r} is no part of an address", "use letters, digits, '-' and '_'")
            for name, value in values.items()
            if name in known and not _LABEL.fullmatch(value)
        ]
        if faults or template is None:
            raise ParameterInvalid(f"function '{invocation.function_name}' cannot be called", faults=faults)
        return template.format(**values)

    def _request(self, address: str, invocation: Invocation, headers: Mapping[str, str]) -> outgoing.Request:
        own, body = self._message(invocation)
        own["Idempotency-Key"] = invocation.idempotency_key
        if invocation.asynchronous and self.callback is not None:
            own["X-Callback-Url"] = self.callback
        return outgoing.Request(method="POST", url=outgoing.read_url(address), headers={**own, **headers}, body=body)

    def _message(self, invocation: Invocation) -> tuple[dict[str, str], bytes]:
        if self.form == "json":
            return {"content-type": "application/json"}, msgspec.json.encode(invocation.payload)
        event = CloudEvent(
            id=invocation.idempotency_key,
            source=self.event_source,
            type=self.event_type,
            subject=invocation.function_name,
            time=datetime.now(UTC),
            datacontenttype="application/json",
            data=invocation.payload,
        )
        return binary(event) if self.form == "binary" else structured(event)


def _good(status: int) -> bool:
    return 200 <= status < 300


def _output(answer: Answer, redaction: Redaction) -> Any:
    """What the function says: the data of a CloudEvent, or else JSON or text."""
    try:
        event = read_event(answer.headers, answer.body)
    except ValueError as error:
        raise OutputInvalid(redaction.clean(f"the answer is a CloudEvent, but {error}")) from None
    if event is None:
        return read_output(answer.body, "auto", name="the answer", redaction=redaction)
    if isinstance(event.data, bytes):
        return read_output(event.data, "base64", name="the answer", redaction=redaction)
    return redaction.clean_json(event.data)
