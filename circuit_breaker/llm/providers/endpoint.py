"""An endpoint: where a vendor is, how it lets us in, and one document asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from circuit_breaker.errors import AuthenticationFailed
from circuit_breaker.lazy import Later
from circuit_breaker.llm.encoding import encoded
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.keys import Key, Secret
from circuit_breaker.llm.patience import SECONDS, Timeouts
from circuit_breaker.llm.providers.answers import read_document
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.session import Call, Connections

if TYPE_CHECKING:
    import yarl
else:
    yarl = Later("yarl")

__all__ = ["HEALTH", "Endpoint"]

HEALTH: Final = Timeouts(connect=5.0, first_byte=10.0, idle=10.0, total=10.0)
_ADDRESSES: Final = 200
"""Addresses that a provider remembers in read form; there is one for each path, and for some vendors for each model."""


class Endpoint:
    """Where a vendor is, an async context manager.

    Args:
        name: What the user calls it.
        base_url: Where it is. It is trusted: it may be any address of this machine or network.
        api_key: The key, or a function that gives it.
        headers: More headers; a value may be a function, as the key may.
        connections: Those that it shares with others; its own unless given.
        timeouts: Seconds; those of the connections unless given.

    Raises:
        ValueError: The address is none.
    """

    needs_key: ClassVar[bool] = False
    """Whether nothing can be asked without one."""
    fixed_headers: ClassVar[Mapping[str, str]] = {"Content-Type": "application/json", "Accept": "application/json"}

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        api_key: Secret = None,
        headers: Mapping[str, Secret] | None = None,
        connections: Connections | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.name = name
        self._base = _base_address(base_url, name)
        self._urls: dict[str, yarl.URL] = {}
        self._key = Key(api_key)
        self._headers = {header: Key(value) for header, value in (headers or {}).items()}
        self._connections = connections or Connections(timeouts=timeouts or SECONDS)
        self._timeouts = timeouts

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, base_url={self._base!r})"

    async def __aenter__(self) -> Self:
        await self._connections.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connections.__aexit__(*exc)

    def dialect(self, model: str) -> Dialect:
        """The wire format that the model is asked in."""
        raise NotImplementedError

    def credentials(self, key: str) -> dict[str, str]:
        """The headers that let us in."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def query(self) -> dict[str, str]:
        """What every address ends with."""
        return {}

    async def asked(self, model: str = "") -> Asked:
        """Who is asked, with the key that must not be shown.

        Raises:
            AuthenticationFailed: There is no key, or the function that gives it fails.
        """
        if self.needs_key and not self._key:
            remedy = f"give {type(self).__name__}(api_key=...)"
            raise Asked(provider=self.name, model=model).error(AuthenticationFailed, "there is no key", remedy=remedy)
        try:
            secrets = [await key.value() for key in (self._key, *self._headers.values())]
        except Exception as error:  # whatever the user's function raises, the provider cannot be asked
            what = f"its key cannot be had: {type(error).__name__}"
            raise Asked(provider=self.name, model=model).error(AuthenticationFailed, what) from error
        return Asked(provider=self.name, model=model, secrets=tuple(secrets))

    async def document(self, path: str, asked: Asked, body: Any = None, timeouts: Timeouts | None = None) -> Any:
        """The document that the vendor answers: to POST where there is a body, else to GET.

        Raises:
            LLMError: It answers with an error, or with no document.
        """
        call = self._call(path, asked, None if body is None else encoded(body))
        answer = await self._connections.whole(call, asked, timeouts or self._timeouts)
        return read_document(answer.data, answer, asked, self.dialect(asked.model))

    def _call(self, path: str, asked: Asked, body: bytes | None) -> Call:
        key, *values = asked.secrets
        own = dict(zip(self._headers, values, strict=True)) if values else {}
        headers = {**self.fixed_headers, **self.credentials(key), **own}
        return Call(url=self._url(path), method="GET" if body is None else "POST", headers=headers, body=body)

    def _url(self, path: str) -> yarl.URL:
        found = self._urls.get(path)
        if found is None:
            found = yarl.URL(f"{self._base}/{path}").update_query(self.query())
            if len(self._urls) < _ADDRESSES:
                self._urls[path] = found
        return found


def _base_address(text: str, name: str) -> str:
    """The address that an operator has configured, without the slash at its end.

    Raises:
        ValueError: It is no address of http or https.
    """
    url = yarl.URL(text)
    if url.scheme not in ("http", "https") or not url.host or url.user or url.query_string:
        raise ValueError(
            f"the base address of provider '{name}' is an address of http or https without user or query, "
            "such as 'https://api.openai.com/v1'"
        )
    return str(url).rstrip("/")
