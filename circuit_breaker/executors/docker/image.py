"""Images: their names, and having them where the containers run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from circuit_breaker.errors import ImageUnavailable, ServiceFailed

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["Image", "Reference", "image_for", "image_of", "is_root", "numbers"]

_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST: Final = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?"
_REFERENCE: Final = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?P<digest>@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
_NUMBERS: Final = re.compile(r"([0-9]+)(?::([0-9]+))?")
_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")


@attrs.frozen
class Reference:
    """The name of an image, as the distribution specification of containers spells it.

    Attributes:
        text: As it was given.
        name: Without tag and digest; empty for the id of an image.
        tag: What is pulled: the digest, the tag, or ``"latest"``.
    """

    text: str
    name: str
    tag: str

    @classmethod
    def read(cls, text: str) -> Reference:
        """The reference that a text is.

        Raises:
            ValueError: It is none.
        """
        if _ID.fullmatch(text):
            return cls(text, "", "")
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no name of an image")
        digest = (found["digest"] or "").removeprefix("@")
        return cls(text, found["name"], digest or found["tag"] or "latest")

    @property
    def full_name(self) -> str:
        """With the registry that is meant, such as ``"docker.io/library/python"``; empty for an id."""
        first, slash, _ = self.name.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            return self.name
        if not self.name:
            return ""
        return f"docker.io/{self.name}" if slash else f"docker.io/library/{self.name}"


def is_root(user: str) -> bool:
    """Whether a user, such as ``"app"`` or ``"1000:1000"``, is root; so is nobody in particular."""
    return user.partition(":")[0].lstrip("0") in {"", "root"}


def numbers(user: str) -> str | None:
    """A user and a group, such as ``"1000:1000"``, of numbers that are not root's; None if they are, or are names.

    Only an image knows what a name means in it, and it may mean root. Without a group, that of the same number is
    meant, for the group that the image gives the user may be root's.
    """
    found = _NUMBERS.fullmatch(user)
    pair = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    return f"{pair[0]}:{pair[1]}" if all(pair) else None


@attrs.frozen
class Image:
    """An image that is there.

    Attributes:
        id: Of its configuration, ``"sha256:..."``.
        digest: Of its manifest in a registry, or its id where it came from none.
        user: Whom its programs run as unless told otherwise; empty for root.
    """

    id: str
    digest: str
    user: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Image:
        """What the engine tells about an image."""
        digests = [name.partition("@")[2] for name in found.get("RepoDigests") or ()]
        identity = found["Id"] if found["Id"].startswith("sha256:") else f"sha256:{found['Id']}"
        return cls(identity, next(filter(None, digests), identity), (found.get("Config") or {}).get("User") or "")

    def runs_as(self, *, names: bool) -> str | None:
        """Whom its programs run as unless told otherwise, or None where that may be root.

        Args:
            names: Whether the image is trusted with what the names of users and groups mean, and with any group.
        """
        if names:
            return None if is_root(self.user) else self.user
        return numbers(self.user)


def image_of(engine: DockerEngine, container: Mapping[str, Any]) -> Image:
    """The image that a container was made from; of one that is gone the id is known."""
    found = engine.image(container["Image"])
    return Image.of(found if found is not None else {"Id": container["Image"]})


def image_for(engine: DockerEngine, reference: Reference, *, pull: str, platform: str | None) -> Image:
    """The image, pulled first if it is to be.

    Raises:
        ImageUnavailable: It is not here, and is not to be pulled, or cannot be.
    """
    found = None if pull == "always" else engine.image(reference.text)
    if found is None and (pull == "never" or not reference.name):
        raise ImageUnavailable(
            f"there is no image '{reference.text}' in the engine", remedy="load or build it there, or allow to pull it"
        )
    if found is None:
        found = _pulled(engine, reference, platform)
    return Image.of(found)


def _pulled(engine: DockerEngine, reference: Reference, platform: str | None) -> Mapping[str, Any]:
    try:
        reason = engine.pull(reference.name, reference.tag, platform)
    except ServiceFailed as error:
        reason = error.message
    found = None if reason else engine.image(reference.text)
    if found is None:
        raise ImageUnavailable(
            f"the image '{reference.text}' cannot be pulled: {reason or 'the registry gave another one'}",
            remedy="look whether its name is right, and whether the engine reaches the registry and may read it",
        )
    return found
