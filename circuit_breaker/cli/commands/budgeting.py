"""The command for money: ``budgets`` shows what was spent, and settles what a dead process has left behind."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from circuit_breaker.cli.options import output_options, storage_option
from circuit_breaker.cli.output import Output, table_of
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.storage import budgets as opened

__all__ = ["Dollars", "budgets"]

if TYPE_CHECKING:
    _ParamType = click.ParamType[Decimal]
else:
    _ParamType = click.ParamType  # older releases of click have no type parameter

Standing = tuple[Decimal, int, Decimal, int]
Unsettled = tuple[str, str, Decimal, int]


class Dollars(_ParamType):
    """US dollars, exactly."""

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The dollars.

        Raises:
            click.BadParameter: It is no amount.
        """
        try:
            found = Decimal(value)
        except InvalidOperation:
            found = Decimal(-1)
        if not (found.is_finite() and found >= 0):
            self.fail(f"{value!r} is no amount; write e.g. 2.50", param, ctx)
        return found


@click.command(short_help="Show what models have cost, and settle what a dead process has left.")
@storage_option
@click.option("--settle", "lease", metavar="LEASE", help="Settle this lease, with what its call really took.")
@click.option("--dollars", type=Dollars(), metavar="USD", default="0", help="What that cost.", show_default=True)
@click.option("--tokens", type=click.IntRange(min=0), default=0, help="Its tokens.", show_default=True)
@output_options
@click.pass_obj
def budgets(output: Output, /, storage: str, lease: str | None, dollars: Decimal, tokens: int) -> None:
    """Show what models have cost, account by account, as `chat --budget` and routers with a ledger have counted it.

    When a process dies in the middle of a call nobody knows what the call took. After ten minutes the most that it can
    have been counts as spent. Such leases are listed; look at the vendor's bill, and settle them.

    \b
    circuit-breaker budgets --storage sqlite:///work.db
    circuit-breaker budgets --settle 5f3c… --dollars 0.02 --tokens 1800
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    accounts, leases = complete(_looked(storage, lease, dollars=dollars, tokens=tokens))
    if output.json:
        for name, standing in accounts.items():
            output.record(_account_record(name, standing))
        for one in leases:
            output.record(_lease_record(one))
        return
    if not accounts:
        output.note("nothing was spent yet")
        return
    output.say(_accounts_table(accounts))
    if leases:
        output.say(_leases_table(leases))


async def _looked(
    storage: str, lease: str | None, *, dollars: Decimal, tokens: int
) -> tuple[Mapping[str, Standing], Sequence[Unsettled]]:
    now = time.time()
    async with opened(storage) as ledger:
        if lease is not None:
            if lease not in {name for name, *_ in await ledger.unsettled(now=now)}:
                raise click.UsageError(f"no lease '{lease}' waits to be settled; without --settle they are listed")
            await ledger.settle(lease, dollars=dollars, tokens=tokens, now=now)
        return await ledger.accounts(now=now), await ledger.unsettled(now=now)


def _account_record(name: str, standing: Standing) -> dict[str, Any]:
    spent, tokens, held, held_tokens = standing
    told = {"dollars": f"{spent:f}", "tokens": tokens}
    return {"account": name, **told, "reserved_dollars": f"{held:f}", "reserved_tokens": held_tokens}


def _lease_record(lease: Unsettled) -> dict[str, Any]:
    name, account, dollars, tokens = lease
    return {"lease": name, "account": account, "dollars": f"{dollars:f}", "tokens": tokens}


def _accounts_table(accounts: Mapping[str, Standing]) -> Table:
    table = table_of("account", "$ spent", "tokens", "$ reserved", "tokens reserved")
    for name, (spent, tokens, held, held_tokens) in accounts.items():
        table.add_row(Line(name, style="bold"), _told(spent), f"{tokens:,}", _told(held), f"{held_tokens:,}")
    return table


def _leases_table(leases: Sequence[Unsettled]) -> Table:
    table = table_of("not settled", "account", "$ counted", "tokens counted")
    for name, account, dollars, tokens in leases:
        table.add_row(Line(name, style="yellow"), Line(account), _told(dollars), f"{tokens:,}")
    return table


def _told(dollars: Decimal) -> str:
    """Dollars without zeros at the end, and nothing as 0 however exact it is."""
    return f"{dollars.normalize():f}"
