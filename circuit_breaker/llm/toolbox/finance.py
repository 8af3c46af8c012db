"""Mortgages and returns, in decimal numbers.

The annuity, net present value and internal rate are as in Brealey, Myers and Allen, "Principles of Corporate Finance",
chapters 2 and 5; amounts are rounded to cents, half to even.
"""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import attrs

__all__ = ["Loan", "YearOfLoan", "internal_rate", "money", "present_value", "yearly_growth"]

_ROUNDS: Final = 200


def money(amount: Decimal) -> Decimal:
    """The amount in whole cents."""
    return amount.quantize(Decimal("0.01"), decimal.ROUND_HALF_EVEN)


@attrs.frozen
class YearOfLoan:
    """What is paid in one year.

    Attributes:
        year: Counted from 1.
        interest: Of what is paid, the interest.
        principal: Of what is paid, what the debt is less by.
        balance: What is owed at the end of it.
    """

    year: int
    interest: Decimal
    principal: Decimal
    balance: Decimal


@attrs.frozen(kw_only=True)
class Loan:
    """A loan paid back in equal monthly payments.

    Attributes:
        principal: What is lent.
        rate: Interest for a year, in percent.
        years: Over how long.
        extra: What is paid each month beyond the payment.
    """

    principal: Decimal
    rate: Decimal
    years: int
    extra: Decimal = Decimal(0)

    @property
    def months(self) -> int:
        """How many payments there are."""
        return self.years * 12

    @property
    def monthly_rate(self) -> Decimal:
        """Interest for a month, as a fraction."""
        return self.rate / 1200

    @property
    def payment(self) -> Decimal:
        """What is paid each month: P · r · (1 + r)ⁿ / ((1 + r)ⁿ - 1), and P / n without interest."""
        if not self.rate:
            return money(self.principal / self.months)
        growth = (1 + self.monthly_rate) ** self.months
        return money(self.principal * self.monthly_rate * growth / (growth - 1))

    def schedule(self) -> list[YearOfLoan]:
        """What is paid in each year, until nothing is owed."""
        balance, rows = self.principal, list[YearOfLoan]()
        payment = self.payment + self.extra
        while balance > 0 and len(rows) < self.years:
            interest, principal = Decimal(0), Decimal(0)
            for month in range(1, 13):
                due = money(balance * self.monthly_rate)
                last = len(rows) + 1 == self.years and month == 12
                part = balance if last else min(balance, payment - due)  # the last payment settles what rounding left
                interest, principal, balance = interest + due, principal + part, balance - part
            rows.append(YearOfLoan(len(rows) + 1, interest, principal, balance))
        return rows


def yearly_growth(start: Decimal, end: Decimal, years: Decimal) -> Decimal | None:
    """The compound growth in a year as a fraction; None where it is not defined, as for a loss of more than all."""
    if start <= 0 or end < 0 or years <= 0:
        return None
    return (end / start) ** (1 / years) - 1


def present_value(rate: Decimal, flows: Sequence[Decimal]) -> Decimal:
    """What payments at the end of years 0, 1, 2, ... are worth now, at a rate for a year as a fraction."""
    value = Decimal(0)
    for flow in reversed(flows):
        value = value / (1 + rate) + flow
    return value


def internal_rate(flows: Sequence[Decimal]) -> Decimal | None:
    """The rate for a year, as a fraction, at which the payments are worth nothing now; None where there is no one rate.

    The rate is looked for by bisection between -99 % and 1,000 %, where the flows change their sign once.
    """
    signs = [flow > 0 for flow in flows if flow]
    if sum(one != other for one, other in itertools.pairwise(signs)) != 1:
        return None
    low, high = Decimal("-0.99"), Decimal(10)
    if (present_value(low, flows) > 0) == (present_value(high, flows) > 0):
        return None
    rising = present_value(high, flows) > 0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if (present_value(middle, flows) > 0) == rising:
            high = middle
        else:
            low = middle
    return low
