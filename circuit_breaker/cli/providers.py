"""The providers that the environment gives keys for, and a model that needs none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import click

from circuit_breaker.executors.models.settings import KEYS
from circuit_breaker.lazy import deferred
from circuit_breaker.llm.encoding import encoded
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.profile import CAPABILITIES, ModelProfile, Price
from circuit_breaker.llm.provider import Provider
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.router import Access, Budget, LLMConfig, LLMRouter
from circuit_breaker.llm.router.naming import kind_of
from circuit_breaker.storage import budgets
from circuit_breaker.testing.models import ScriptedProvider
from circuit_breaker.testing.samples import sample

__all__ = ["SCRIPTED", "VARIABLES", "is_anybody_there", "key_wanted", "router_of"]

SCRIPTED: Final = "scripted"
"""The provider that is a script, for trying things out without a key and without a network."""

VARIABLES: Final = (*KEYS.values(), "OPENAI_BASE_URL", "OLLAMA_BASE_URL")
"""The variables of the environment that are read."""

_DEMO: Final[Any] = ("demo",)
_HOME: Final = "circuit_breaker.llm.providers"
_MAKERS: Final = {
    "openai": deferred(f"{_HOME}.openai", "OpenAIProvider"),
    "anthropic": deferred(f"{_HOME}.anthropic", "AnthropicProvider"),
    "google": deferred(f"{_HOME}.google", "GoogleProvider"),
}
_OLLAMA: Final = deferred(f"{_HOME}.ollama", "OllamaProvider")
_SUM: Final = re.compile(r"[\d\s.()+*/-]*\d\s*[-+*/]\s*[\d\s.()+*/-]*\d[\d\s.()]*")


def router_of(provider: str | None = None, *, budget: Decimal | None = None, storage: str = "") -> LLMRouter:
    """A router over the providers that there are keys for, and over Ollama on this machine.

    Args:
        provider: The only one that is to be asked, or None.
        budget: US dollars that may be spent in a month, or None for any number.
        storage: Where what was spent is kept.

    Raises:
        click.UsageError: There is no such provider.
    """
    found = {SCRIPTED: Access(_script(), models=_DEMO)} if provider == SCRIPTED else dict(_accesses())
    if provider is not None and provider not in found:
        known = ", ".join([*found, SCRIPTED])
        variable = KEYS.get(provider)
        hint = f"set {variable}" if variable else f"there are: {known}"
        raise click.UsageError(f"there is no provider '{provider}' ({hint})")
    chosen = [found[provider]] if provider is not None else list(found.values())
    limits = [] if budget is None else [Budget("chat", dollars=budget)]
    ledger = None if budget is None else budgets(storage)
    return LLMRouter(LLMConfig(providers=chosen, default_provider=chosen[0].name, budgets=limits, ledger=ledger))


def is_anybody_there() -> bool:
    """Whether the environment has a key or an address of a provider."""
    return any(os.environ.get(name) for name in VARIABLES)


def key_wanted(model: str) -> str:
    """The variable for the key of whoever serves models of such a name; an empty text where none is missing."""
    variable = KEYS.get(kind_of(model) or "", "")
    return "" if os.environ.get(variable) else variable


def _accesses() -> Iterator[tuple[str, Access]]:
    for name, variable in KEYS.items():
        if key := os.environ.get(variable):
            yield name, Access(_made(name, key))
    address = os.environ.get("OLLAMA_BASE_URL")
    local = _addressed("OLLAMA_BASE_URL", _OLLAMA, base_url=address) if address else _OLLAMA()
    yield "ollama", Access(local)


def _made(name: str, key: str) -> Provider:
    maker: Callable[..., Provider] = _MAKERS[name]
    if name == "openai" and (address := os.environ.get("OPENAI_BASE_URL")):
        return _addressed("OPENAI_BASE_URL", maker, api_key=key, base_url=address)
    return maker(api_key=key)


def _addressed(variable: str, maker: Callable[..., Provider], **options: Any) -> Provider:
    """The provider at the address of a variable, which is not shown: there may be a password in it."""
    try:
        return maker(**options)
    except ValueError as error:
        raise click.UsageError(f"{variable} is no address that can be asked: {error}") from None


def _script() -> ScriptedProvider:
    free = Price(input=Decimal(0), output=Decimal(0), source="a script")
    return ScriptedProvider(always=_answer, name=SCRIPTED, profile=ModelProfile(capabilities=CAPABILITIES, price=free))


def _answer(request: ChatCompletionRequest) -> Any:
    """What the script says: it has sums calculated, tells results, and repeats everything else.

    Asked for a form, it gives a value that fits.
    """
    last = request.messages[-1]
    if last.tool_results:
        return _formed(request, f"The tool says: {last.tool_results[-1].content}")
    said = last.content.strip()
    offered = {tool.name for tool in request.tools}
    if "calculator" in offered and (found := _SUM.search(said)):
        arguments = f'{{"expression": "{found[0].strip()}"}}'
        return ToolCall(id=f"call_{len(request.messages)}", name="calculator", arguments=arguments)
    return _formed(request, f"I am a script and no model. You said: {said}")


def _formed(request: ChatCompletionRequest, text: str) -> str:
    """The text, or a value in the form that is asked for."""
    form = request.response_format
    if form is None or form.kind == "text":
        return text
    return encoded({"text": text} if form.schema is None else sample(form.schema)).decode()
