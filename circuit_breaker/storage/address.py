"""Address: where a journal lies, read from a URL or a path."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import attrs

from circuit_breaker.errors import StorageError, nearest

__all__ = ["Address"]

TENANT = "{tenant}"
SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
SUFFIXES = (".db", ".sqlite", ".sqlite3")


@attrs.frozen(kw_only=True)
class Address:
    """Where a journal lies.

    Attributes:
        scheme: The kind of storage, such as ``"sqlite"``.
        url: The URL for the backend's own driver, without our options; not shown, because it may hold a password.
        path: The file, for backends that keep one; otherwise the path of the URL.
        tenant: Whose cases these are; an empty text where there is only one owner.
        options: What the query of the URL says, by name.
    """

    scheme: str
    url: str = attrs.field(repr=False)
    path: str = ""
    tenant: str = ""
    options: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @classmethod
    def parse(cls, location: str | os.PathLike[str], *, tenant: str = "") -> Address:
        """The address of a URL, or of a path that ends in ``.db``, ``.sqlite`` or ``.sqlite3``.

        ``sqlite:///work.db`` is relative to the working directory, ``sqlite:////var/work.db`` is absolute. ``{tenant}``
        in the path is replaced by the name of the tenant, so that each may have a database of its own.

        Raises:
            StorageError: It cannot be read, or the tenant's name is no file name where the path asks for it.
        """
        text = os.fspath(location)
        if isinstance(location, PurePath) or (":" not in text and text.endswith(SUFFIXES)):
            return cls(scheme="sqlite", url="", path=_of_tenant(text, tenant), tenant=tenant)
        return cls._of_url(text, tenant)

    @classmethod
    def _of_url(cls, text: str, tenant: str) -> Address:
        try:
            parts = urlsplit(text)
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError as error:
            raise StorageError(
                "the URL of the storage cannot be read", remedy="write e.g. sqlite:///work.db"
            ) from error
        if not parts.scheme:
            raise StorageError(f"'{text}' names no storage", remedy="write e.g. sqlite:///work.db")
        named = options.pop("tenant", "")
        if tenant and named and tenant != named:
            raise StorageError(f"the URL names the tenant '{named}', and the program '{tenant}'", remedy="name it once")
        owner = tenant or named
        path = _of_tenant(unquote(parts.path), owner)
        url = urlunsplit((parts.scheme, parts.netloc, quote(path), "", ""))
        return cls(scheme=parts.scheme.lower(), url=url, path=path, tenant=owner, options=options)

    @property
    def file(self) -> Path:
        """The file, absolute and with links followed.

        Raises:
            StorageError: The address names none.
        """
        relative = self.path.removeprefix("/") if self.url else self.path
        if not relative or relative == ":memory:":
            raise StorageError(
                f"'{self.scheme}:' needs a file", remedy=f"write {self.scheme}:///work.db, or memory:// to keep nothing"
            )
        return Path(relative).expanduser().resolve()

    def option(self, name: str, default: Any) -> str:
        """What the URL says for an option, or the default."""
        return self.options.get(name, str(default))

    def seconds(self, name: str, default: float) -> float:
        """What the URL says for an option that is a time in seconds, or the default.

        Raises:
            StorageError: It is no number, negative or without end.
        """
        text = self.option(name, default)
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise StorageError(f"{name}={text} is no number of seconds", remedy=f"write e.g. ?{name}={default:g}")
        return seconds

    def check_options(self, *known: str) -> None:
        """Nothing, when every option is known.

        Raises:
            StorageError: One is not.
        """
        for name in self.options:
            if name not in known:
                hint = nearest(name, [*known, "tenant"])
                raise StorageError(f"'{self.scheme}:' has no option '{name}'", remedy=hint)


def _of_tenant(path: str, tenant: str) -> str:
    if TENANT not in path:
        return path
    if not SAFE_NAME.fullmatch(tenant):
        raise StorageError(
            f"the path '{path}' needs the name of a tenant, and '{tenant}' is no file name",
            remedy="use letters, digits, '-', '_' and '.'",
        )
    return path.replace(TENANT, tenant)
