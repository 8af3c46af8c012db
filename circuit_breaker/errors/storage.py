"""The journal cannot be read or written."""

from __future__ import annotations

from circuit_breaker.errors.root import CircuitBreakerError

__all__ = [
    "StorageClosed",
    "StorageCorrupt",
    "StorageError",
    "StorageForeign",
    "StorageFull",
    "StorageLocked",
    "StorageNewer",
    "VersionConflict",
]


class StorageError(CircuitBreakerError):
    """The storage failed."""

    code = "storage"


class VersionConflict(StorageError):
    """Somebody else changed the case first."""

    code = "version_conflict"


class StorageLocked(StorageError, TimeoutError):
    """The database is locked by another process."""

    code = "storage_locked"


class StorageFull(StorageError):
    """There is no room left."""

    code = "storage_full"


class StorageForeign(StorageError):
    """The file is not one of ours."""

    code = "storage_foreign"


class StorageNewer(StorageError):
    """The file was written by a later release."""

    code = "storage_newer"


class StorageCorrupt(StorageError):
    """The file is damaged."""

    code = "storage_corrupt"


class StorageClosed(StorageError):
    """The storage is closed."""

    code = "storage_closed"
