"""An executor that makes one request over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import msgspec

from circuit_breaker import __version__, outgoing
from circuit_breaker.errors import Fault, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.calls import Answer, CallSettings, Tries, exchange, header_faults, within
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.output import OUTPUT_LIMIT, OutputFormat, read_output
from circuit_breaker.executors.secrets import Redaction, is_secret, revealed

__all__ = ["HttpExecutor"]

METHODS: Final = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT: Final = SAFE | {"PUT", "DELETE"}
USER_AGENT: Final = f"circuit-breaker/{__version__}"

Text = str | dict[str, str]


@parameter("url", description="Address, http or https; or a reference to a secret that is one")
@parameter("method", default="GET", choices=METHODS, description="Method of the request")
@parameter("headers", default={}, description="Headers by name; a value may be a reference to a secret")
@parameter("query", default={}, description="What is added to the query of the address; a list adds a name repeatedly")
@parameter("json", default=None, description="Body: any JSON value, which may hold references to secrets")
@parameter("body", default=None, description="Body: text as it is, instead of json")
@parameter("expected", default=None, description="Status codes of success; 200 to 299 unless given")
@parameter("output", default="auto", description="How the body of the answer becomes the output")
@parameter("max_output", default=OUTPUT_LIMIT, minimum=0, description="Most bytes of the answer, unpacked")
@parameter("timeout", default=60.0, minimum=0.001, description="Seconds for all, tries and pauses included")
@parameter("connect_timeout", default=10.0, minimum=0.001, description="Seconds for connecting, in each try")
@parameter("first_byte_timeout", default=30.0, minimum=0.001, description="Seconds until the answer begins")
@parameter("tries", default=3, minimum=1, maximum=10, description="Most tries; POST and PATCH are tried once")
@parameter("pause", default=2.0, minimum=0, description="Seconds between tries; more when the server asks for it")
@parameter("redirects", default=5, minimum=0, maximum=20, description="Most redirects that are followed")
class HttpExecutor(BaseExecutor):
    """Makes one request over HTTP, and gives the answer.

    The outcome has ``http_status``, ``headers`` (names in lower case), ``output`` and ``duration`` in seconds. Only
    public addresses are called, unless the operator allows others: ``HttpExecutor.under(allow=["api.internal:8080"])``.

    A request that may change something carries the header ``Idempotency-Key``, which stays the same when the
    workflow tries again.

    Raises:
        AddressRefused: The address, or one that it redirects to, may not be called.
        ServiceUnavailable: Nobody answers, the certificate is wrong, or the connection broke.
        ServiceFailed: The status is not one of those expected.
        ActionTimeout: It took too long.
        OutputTooLarge: The answer is longer than allowed.
        OutputInvalid: The answer is no JSON or no text where that was asked for.
        SecretNotFound: Nobody has given a secret that is referred to.
    """

    settings: ClassVar[CallSettings] = CallSettings()

    url: Text
    method: str
    headers: dict[str, Text]
    query: dict[str, Any]
    json: Any
    body: str | None
    expected: list[int] | None
    output: OutputFormat
    max_output: int
    timeout: float
    connect_timeout: float
    first_byte_timeout: float
    tries: int
    pause: float
    redirects: int

    @validate
    def request_can_be_made(self, context: dict[str, Any]) -> None:
        """The address, the headers and the query can be written down, and there is one body."""
        faults = [*_faults(context)]
        if context["json"] is not None and context["body"] is not None:
            faults.append(Fault("parameter 'body'", "is given beside json", "give one of them"))
        if faults:
            raise ParameterInvalid(faults=faults)

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The answer."""
        begun = time.monotonic()
        parts = {name: context[name] for name in ("url", "headers", "query", "json", "body")}
        known, redaction = await revealed(parts, self.settings.secrets)
        if faults := [*_faults(known)]:
            raise ParameterInvalid("The parameters are wrong with their secrets", faults=faults)
        request = _request(context["method"], known, self.execution.idempotency_key)
        answer = await self._answer(context, request, redaction)
        return {
            "http_status": answer.status,
            "headers": redaction.clean_json(dict(answer.headers)),
            "output": output_of(answer, context["output"], redaction),
            "duration": round(time.monotonic() - begun, 6),
        }

    async def _answer(self, context: dict[str, Any], request: outgoing.Request, redaction: Redaction) -> Answer:
        wanted = context["expected"]

        def expected(status: int) -> bool:
            return status in wanted if wanted is not None else 200 <= status < 300

        async def attempt(_: int) -> Answer:
            return await exchange(
                session,
                request,
                expected=expected,
                max_output=None if context["output"] == "none" else context["max_output"],
                redirects=context["redirects"],
                redaction=redaction,
            )

        tries = Tries(most=context["tries"] if request.method in IDEMPOTENT else 1, pause=context["pause"])
        limits = {"connect": context["connect_timeout"], "first_byte": context["first_byte_timeout"]}
        async with (
            within(context["timeout"], str(request)),
            outgoing.Session(self.settings.perimeter, ca_file=self.settings.ca_file, **limits) as session,
        ):
            return await tries.of(attempt, self.execution)


def output_of(answer: Answer, form: OutputFormat, redaction: Redaction) -> Any:
    """The body of the answer in that form, without secrets; None for ``"none"``."""
    return None if form == "none" else read_output(answer.body, form, name="the answer", redaction=redaction)


def _faults(parts: Mapping[str, Any]) -> Iterator[Fault]:
    if not is_secret(parts["url"]):
        try:
            outgoing.read_url(str(parts["url"]))
        except ValueError as error:
            yield Fault("parameter 'url'", str(error), "give an address such as 'https://api.example.com/items'")
    yield from header_faults(parts["headers"])
    for name, value in parts["query"].items():
        if not all(isinstance(item, (str, int, float)) or is_secret(item) for item in _items(value)):
            yield Fault(f"parameter 'query', {name!r}", "is no text, number or list of them")


def _request(method: str, parts: Mapping[str, Any], key: str) -> outgoing.Request:
    headers, body = {"User-Agent": USER_AGENT}, None
    if parts["json"] is not None:
        headers["Content-Type"], body = "application/json", msgspec.json.encode(parts["json"])
    elif parts["body"] is not None:
        headers["Content-Type"], body = "text/plain; charset=utf-8", parts["body"].encode()
    if method not in SAFE:
        headers["Idempotency-Key"] = key
    given = {name.lower() for name in parts["headers"]}
    own = {name: value for name, value in headers.items() if name.lower() not in given}
    url = outgoing.read_url(parts["url"])
    pairs = [(name, _written(item)) for name, value in parts["query"].items() for item in _items(value)]
    return outgoing.Request(
        method=method, url=url.update_query(pairs) if pairs else url, headers={**own, **parts["headers"]}, body=body
    )


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
