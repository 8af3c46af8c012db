"""The profiles that are built in, one file for each family of models, and the user's own, which come first."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import attrs

from circuit_breaker.errors import DataInvalid
from circuit_breaker.lazy import Later
from circuit_breaker.llm.profile import ModelProfile

__all__ = ["Profiles", "profiles_from"]

wire: Any = Later("circuit_breaker.wire")  # cattrs takes longer to import than all of this

_REMEMBERED: Final = 1000


class Profiles:
    """What is known of models. The longest pattern that fits says it; of two equals, the user's own.

    Args:
        known: Of single models.
        other: Of any other model.
    """

    def __init__(self, known: Iterable[ModelProfile], other: ModelProfile) -> None:
        self.known = tuple(known)
        self.other = other
        self._found: dict[str, ModelProfile] = {}

    @classmethod
    def of_family(cls, family: str, own: Iterable[ModelProfile] = ()) -> Profiles:
        """The built-in ones of a family, behind the user's own."""
        built_in = _built_in(family)
        return cls((*own, *built_in.known), built_in.other)

    def of(self, model: str) -> ModelProfile:
        """What is known of a model."""
        found = self._found.get(model)
        if found is None:
            fitting = (profile for profile in self.known if profile.fits(model) or model in profile.aliases)
            found = max(fitting, key=lambda profile: _closeness(profile, model), default=self.other)
            if len(self._found) < _REMEMBERED:
                self._found[model] = found
        return found


def _closeness(profile: ModelProfile, model: str) -> tuple[bool, int]:
    """A name says more than how it begins, and a longer beginning more than a shorter one."""
    return model in (profile.pattern, *profile.aliases), len(profile.pattern)


def profiles_from(document: Mapping[str, Any]) -> Profiles:
    """The profiles that a document describes: ``family`` holds what all of its ``model`` have unless they differ.

    Raises:
        DataInvalid: It describes none; every fault of a profile is named.
    """
    unknown = sorted(document.keys() - {"family", "model", "source"})
    if unknown:
        raise DataInvalid(f"a file of profiles has no '{unknown[0]}'", remedy="it has family, model and source")
    family = dict(document.get("family", {}))
    source = document.get("source", "")
    known = [_profile(family | dict(entry), source) for entry in document.get("model", ())]
    return Profiles(known, _profile(family, source))


def _profile(entry: Mapping[str, Any], source: str) -> ModelProfile:
    price = entry.get("price")
    priced = {"price": {"source": source, **price}} if price else {}
    more = entry.get("more", ())
    given = {name: value for name, value in entry.items() if name != "more"}
    profile: ModelProfile = wire.structure({**given, **priced}, ModelProfile)
    capabilities: Any = profile.capabilities | set(more)
    return attrs.evolve(profile, capabilities=capabilities)


@cache
def _built_in(family: str) -> Profiles:
    text = files(__package__).joinpath("data", f"{family}.toml").read_text("utf-8")
    return profiles_from(tomllib.loads(text))
