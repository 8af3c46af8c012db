"""Tools that calculate: arithmetic, mortgages, returns, statistics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from circuit_breaker.llm.toolbox.arithmetic import LONGEST, worked_out
from circuit_breaker.llm.toolbox.figures import correlation, describe, outliers, trend
from circuit_breaker.llm.toolbox.finance import Loan, internal_rate, money, present_value, yearly_growth
from circuit_breaker.llm.toolbox.inputs import MONEY, NUMBERS, PERCENT
from circuit_breaker.llm.tools.base import Tool

__all__ = ["CalculatorTool", "MortgageCalculator", "RoiCalculator", "StatisticalAnalyzer"]


class CalculatorTool(Tool):
    """``calculator``: arithmetic with decimal numbers, as :mod:`circuit_breaker.llm.toolbox.arithmetic` reads it."""

    def __init__(self) -> None:
        super().__init__(
            "calculator",
            "Works out an arithmetic expression exactly, such as '(3 + 4) * 2 ** 10 / 7'. Knows + - * / // % ** and "
            "sqrt, ln, log10, exp, sin, cos, tan, abs, round, floor, ceil, min, max, factorial, pi, e.",
            {"expression": {"type": "string", "maxLength": LONGEST, "description": "The expression"}},
        )

    def execute(self, expression: str) -> dict[str, Any]:
        """``{"expression", "result"}``; the result is a text, so that no digit is lost."""
        found = worked_out(expression)
        return {"expression": expression, "result": _spelled(found)}


class MortgageCalculator(Tool):
    """``mortgage_calculator``: monthly payment, interest and schedule of a loan with equal monthly payments."""

    def __init__(self) -> None:
        super().__init__(
            "mortgage_calculator",
            "The monthly payment of a mortgage, the total interest, and what is owed at the end of each year.",
            {
                "price": MONEY | {"exclusiveMinimum": 0, "description": "Price of the property"},
                "down_payment": MONEY | {"default": 0, "description": "What is paid at once"},
                "annual_rate": PERCENT | {"description": "Interest for a year in percent, such as 7.2"},
                "years": {"type": "integer", "minimum": 1, "maximum": 50, "description": "Over how many years"},
                "extra_monthly": MONEY | {"default": 0, "description": "Paid each month beyond the payment"},
            },
        )

    def execute(
        self, price: float, annual_rate: float, years: int, down_payment: float = 0, extra_monthly: float = 0
    ) -> dict[str, Any]:
        """``{"loan", "monthly_payment", "total_paid", "total_interest", "years_to_pay", "schedule"}``.

        Raises:
            ValueError: The down payment is not below the price.
        """
        principal = money(_exact(price) - _exact(down_payment))
        if principal <= 0:
            raise ValueError("the down payment must be below the price")
        loan = Loan(principal=principal, rate=_exact(annual_rate), years=years, extra=money(_exact(extra_monthly)))
        schedule = loan.schedule()
        interest = sum((row.interest for row in schedule), Decimal(0))
        return {
            "loan": _amount(principal),
            "monthly_payment": _amount(loan.payment),
            "total_paid": _amount(principal + interest),
            "total_interest": _amount(interest),
            "years_to_pay": len(schedule),
            "schedule": [
                {
                    "year": row.year,
                    "interest": _amount(row.interest),
                    "principal": _amount(row.principal),
                    "balance": _amount(row.balance),
                }
                for row in schedule
            ],
        }


class RoiCalculator(Tool):
    """``roi_calculator``: what an investment brings: return, yearly growth, payback, present value, internal rate."""

    def __init__(self) -> None:
        super().__init__(
            "roi_calculator",
            "The return on an investment: from what it costs, brings each year and is worth at the end.",
            {
                "investment": MONEY | {"exclusiveMinimum": 0, "description": "What is paid at the beginning"},
                "final_value": MONEY | {"default": 0, "description": "What it is worth, or sold for, at the end"},
                "cash_flows": {
                    "type": "array",
                    "items": {"type": "number", "minimum": -1e12, "maximum": 1e12},
                    "maxItems": 100,
                    "default": [],
                    "description": "What comes in at the end of each year, less what is spent",
                },
                "years": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 100,
                    "required": False,
                    "description": "Over how many years, where there are no cash flows",
                },
                "discount_rate": PERCENT | {"default": 0, "description": "For the present value: percent a year"},
            },
        )

    def execute(
        self,
        investment: float,
        final_value: float = 0,
        cash_flows: list[float] | None = None,
        years: float | None = None,
        discount_rate: float = 0,
    ) -> dict[str, Any]:
        """``{"profit", "roi_percent", "annualised_percent", "payback_years", "net_present_value", "irr_percent"}``."""
        cost, end = _exact(investment), _exact(final_value)
        flows = [_exact(flow) for flow in cash_flows or []]
        span = Decimal(len(flows)) if flows else _exact(years if years is not None else 1)
        gained = end + sum(flows, Decimal(0))
        growth = yearly_growth(cost, gained, span)
        yearly = [-cost, *(flows or [Decimal(0)] * max(1, int(span)))]
        yearly[-1] += end
        rate = internal_rate(yearly)
        return {
            "profit": _amount(gained - cost),
            "roi_percent": _percent((gained - cost) / cost),
            "annualised_percent": _percent(growth),
            "payback_years": _payback(cost, yearly[1:]),
            "net_present_value": _amount(present_value(_exact(discount_rate) / 100, yearly)),
            "irr_percent": _percent(rate),
        }


class StatisticalAnalyzer(Tool):
    """``statistical_analyzer``: figures about one row of numbers, or about how two of them go together."""

    def __init__(self) -> None:
        super().__init__(
            "statistical_analyzer",
            "Statistics of numbers: mean, median, quartiles, deviation, skewness, outliers and trend; with a second "
            "row of the same length also the correlation and the line of best fit.",
            {
                "values": NUMBERS | {"description": "The numbers, in order"},
                "against": NUMBERS | {"required": False, "description": "A second row, such as times or prices"},
            },
        )

    def execute(self, values: list[float], against: list[float] | None = None) -> dict[str, Any]:
        """``{"summary", "outliers", "trend"}``, and ``"correlation"`` where there is a second row.

        Raises:
            ValueError: The rows are not equally long.
        """
        if against is not None and len(against) != len(values):
            raise ValueError(f"there are {len(values)} values and {len(against)} to hold them against")
        found: dict[str, Any] = {"summary": describe(values), "outliers": outliers(values)[:100]}
        found["trend"] = trend(values, against)
        return found if against is None else found | {"correlation": correlation(against, values)}


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _amount(amount: Decimal) -> float:
    return float(money(amount))


def _percent(fraction: Decimal | None) -> float | None:
    return None if fraction is None else round(float(fraction) * 100, 4)


def _payback(cost: Decimal, flows: list[Decimal]) -> float | None:
    """After how many years the flows have paid for the cost, where those of a year come evenly; None where never."""
    left = cost
    for year, flow in enumerate(flows):
        if flow >= left:
            return round(year + float(left / flow), 2) if flow else float(year)
        left -= flow
    return None


def _spelled(number: Decimal) -> str:
    """The number with all its digits and without zeros at its end."""
    plain = f"{number:f}" if -20 < number.adjusted() < 34 else f"{number:E}"
    digits, exponent, power = plain.partition("E")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}{exponent}{power}"
