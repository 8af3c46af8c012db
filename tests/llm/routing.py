"""What the tests of the router share: scripted providers, requests, and a time that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs

from circuit_breaker.llm.messages import user
from circuit_breaker.llm.profile import CAPABILITIES, ModelProfile, Price
from circuit_breaker.llm.request import ChatCompletionRequest, RoutingOptions
from circuit_breaker.llm.router import Access, Failover, LLMConfig, LLMRouter
from circuit_breaker.testing.models import ScriptedProvider

CHEAP = Price(input=Decimal(1), output=Decimal(2), source="test")
DEAR = Price(input=Decimal(10), output=Decimal(20), source="test")


class Provider(ScriptedProvider):
    """A scripted provider of a kind, with models that cost something."""

    def __init__(self, *turns, kind="scripted", price=None, profiles=None, context=None, **options):
        profile = ModelProfile(capabilities=CAPABILITIES, price=price, context_tokens=context)
        super().__init__(*turns, profile=options.pop("profile", profile), **options)
        self.kind = kind
        self.opened = self.closed = 0
        self._profiles = profiles or {}

    def profile(self, model):
        return self._profiles.get(model) or super().profile(model)

    async def __aenter__(self):
        self.opened += 1
        return self

    async def __aexit__(self, *_):
        self.closed += 1


class Time:
    """A clock that stands still until it is moved, or somebody sleeps."""

    def __init__(self):
        self.seconds = 0.0
        self.slept = []

    def now(self):
        return self.seconds

    def wall(self):
        return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds


def asking(model="m", *contents, tenant="", **options):
    """A request for a model; what a router's options are called goes to these."""
    names = {field.name for field in attrs.fields(RoutingOptions)}
    routing = RoutingOptions(**{name: options.pop(name) for name in names & options.keys()})
    messages = [user(content) for content in contents or ("hello",)]
    return ChatCompletionRequest(model=model, messages=messages, circuit_breaker=routing, **options)


def routed(*providers, time=None, ledger=None, told=None, **config):
    """A router over providers, each of which serves every model, and the model ``m``."""
    time = time or Time()
    config.setdefault("failover", Failover(cooldown=0))
    accesses = [one if isinstance(one, Access) else Access(one, models=("m", "*")) for one in providers]
    return LLMRouter(
        LLMConfig(providers=accesses, **config),
        ledger=ledger,
        now=time.now,
        wall=time.wall,
        sleep=time.sleep,
        **({"told": told} if told else {}),
    )


def asked(*providers):
    """How often each provider was asked."""
    return [len(provider.requests) for provider in providers]
