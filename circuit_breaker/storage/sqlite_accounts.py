"""What is written and read of budgets in a SQLite file: accounts, and the leases that hold something of them.

Each function runs in a transaction of its caller. See :class:`circuit_breaker.storage.sqlite_budgets.SqliteBudgets`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal

__all__ = ["Claim", "Standing", "Unsettled", "accounts", "renew", "reserve", "settle", "standing", "unsettled"]

Claim = tuple[str, Decimal | None, int | None]
Standing = tuple[Decimal, int, Decimal, int]
Unsettled = tuple[str, str, Decimal, int]


def reserve(
    lease: str,
    claims: Sequence[Claim],
    connection: sqlite3.Connection,
    *,
    dollars: Decimal,
    tokens: int,
    now: float,
    expires: float,
) -> str | None:
    """Reserves in all accounts or in none, and tells the first that has not enough left."""
    _lapse(connection, now)
    for account, most_dollars, most_tokens in claims:
        spent, used, held, held_tokens = _account(connection, account)
        if most_dollars is not None and spent + held + dollars > most_dollars:
            return account
        if most_tokens is not None and used + held_tokens + tokens > most_tokens:
            return account
    for account, _, _ in claims:
        _add(connection, account, held=dollars, held_tokens=tokens)
        connection.execute(
            "INSERT INTO budget_leases VALUES (?, ?, ?, ?, ?)", (lease, account, f"{dollars:f}", tokens, expires)
        )
    return None


def settle(lease: str, connection: sqlite3.Connection, *, dollars: Decimal, tokens: int, now: float) -> None:
    """Ends a lease and counts what was spent."""
    _lapse(connection, now)
    rows = connection.execute(
        "DELETE FROM budget_leases WHERE lease = ? RETURNING account, dollars, tokens, expires", (lease,)
    ).fetchall()
    for account, held, held_tokens, expires in rows:
        if expires is None:  # what it held counts as spent already
            _add(connection, account, spent=dollars - Decimal(held), tokens=tokens - held_tokens)
        else:
            _add(connection, account, spent=dollars, tokens=tokens, held=-Decimal(held), held_tokens=-held_tokens)


def renew(lease: str, connection: sqlite3.Connection, *, expires: float) -> None:
    """Lets a lease last longer."""
    connection.execute("UPDATE budget_leases SET expires = ? WHERE lease = ? AND expires IS NOT NULL", (expires, lease))


def standing(account: str, connection: sqlite3.Connection, *, now: float) -> Standing:
    """How an account stands."""
    _lapse(connection, now)
    return _account(connection, account)


def unsettled(connection: sqlite3.Connection, *, now: float) -> list[Unsettled]:
    """The leases that ended by themselves."""
    _lapse(connection, now)
    rows = connection.execute(
        "SELECT lease, account, dollars, tokens FROM budget_leases WHERE expires IS NULL ORDER BY account, lease"
    )
    return [(lease, account, Decimal(dollars), tokens) for lease, account, dollars, tokens in rows]


def accounts(connection: sqlite3.Connection, *, now: float) -> dict[str, Standing]:
    """How all accounts stand, by name."""
    _lapse(connection, now)
    names = [row[0] for row in connection.execute("SELECT account FROM budget_accounts ORDER BY account")]
    return {name: _account(connection, name) for name in names}


def _account(connection: sqlite3.Connection, account: str) -> Standing:
    row = connection.execute(
        "SELECT dollars, tokens, held_dollars, held_tokens FROM budget_accounts WHERE account = ?", (account,)
    ).fetchone()
    if row is None:
        return (Decimal(0), 0, Decimal(0), 0)
    return (Decimal(row[0]), row[1], Decimal(row[2]), row[3])


def _add(
    connection: sqlite3.Connection,
    account: str,
    *,
    spent: Decimal = Decimal(0),
    tokens: int = 0,
    held: Decimal = Decimal(0),
    held_tokens: int = 0,
) -> None:
    """Adds to what an account has spent and holds."""
    dollars, used, reserved, reserved_tokens = _account(connection, account)
    connection.execute(
        "INSERT OR REPLACE INTO budget_accounts VALUES (?, ?, ?, ?, ?)",
        (account, f"{dollars + spent:f}", used + tokens, f"{reserved + held:f}", reserved_tokens + held_tokens),
    )


def _lapse(connection: sqlite3.Connection, now: float) -> None:
    """Counts as spent what leases hold whose time is over; they stay known, for what they spent may still be told."""
    rows = connection.execute(
        "SELECT lease, account, dollars, tokens FROM budget_leases WHERE expires <= ?", (now,)
    ).fetchall()
    for lease, account, dollars, tokens in rows:
        held = Decimal(dollars)
        _add(connection, account, spent=held, tokens=tokens, held=-held, held_tokens=-tokens)
        connection.execute("UPDATE budget_leases SET expires = NULL WHERE lease = ? AND account = ?", (lease, account))
