"""The release of a framework that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from circuit_breaker.errors import WorkflowInvalid

__all__ = ["release_of"]


def release_of(package: str) -> str:
    """The release of a package.

    Raises:
        WorkflowInvalid: It is not installed.
    """
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise WorkflowInvalid(f"{package} is not installed here", remedy=f"pip install {package}") from error
