"""Names of a package that are loaded when they are first used, so that importing the package costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["Later", "deferred", "lazily"]


def lazily(package: str, homes: Mapping[str, str | tuple[str, ...]]) -> Callable[[str], Any]:
    """A ``__getattr__`` for a package.

    Args:
        package: Its name.
        homes: For each of its modules, relative to it, the names that are to be had from the package: one by one, or as
            a line of words.
    """
    home = {name: module for module, names in homes.items() for name in _listed(names)}

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        found = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, found)  # so that Python finds it the next time, and does not ask here
        return found

    return load


def _listed(names: str | tuple[str, ...]) -> Iterable[str]:
    return names.split() if isinstance(names, str) else names


def deferred(module: str, name: str) -> Callable[..., Any]:
    """A function of another module, which is imported when the function is first called.

    For what is heavy to import and seldom needed, such as a parser or a converter.
    """

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **options)

    call.__name__ = name
    return call


class Later:
    """A module that is imported when something of it is first used; from then on it is as quick as the module itself.

    Args:
        module: Its name.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._module), name)
        setattr(self, name, found)  # so that Python finds it the next time, and does not ask here
        return found
