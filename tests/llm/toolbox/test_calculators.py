"""Mortgages, returns and statistics."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.toolbox import MortgageCalculator, RoiCalculator, StatisticalAnalyzer
from circuit_breaker.llm.toolbox.finance import Loan, internal_rate, present_value, yearly_growth


def test_a_mortgage_is_paid_back():
    """K7: 360,000 at 7.2 % over 30 years costs 2,443.64 a month (as the annuity formula has it)."""
    found = MortgageCalculator().execute(price=450_000, down_payment=90_000, annual_rate=7.2, years=30)

    assert 360_000 == found["loan"]
    assert 2443.64 == found["monthly_payment"]
    assert (30, 0.0) == (found["years_to_pay"], found["schedule"][-1]["balance"])
    assert found["total_interest"] == pytest.approx(sum(row["interest"] for row in found["schedule"]))
    assert found["total_paid"] == pytest.approx(360_000 + found["total_interest"])


def test_a_loan_without_interest_is_divided():
    """The formula has no value there, and the payment has."""
    found = MortgageCalculator().execute(price=120_000, annual_rate=0, years=10)

    assert (1000.0, 0.0) == (found["monthly_payment"], found["total_interest"])


def test_paying_more_ends_a_loan_earlier():
    """What is paid beyond the payment saves interest and years."""
    usual = MortgageCalculator().execute(price=100_000, annual_rate=6, years=30)
    quicker = MortgageCalculator().execute(price=100_000, annual_rate=6, years=30, extra_monthly=500)

    assert quicker["years_to_pay"] < 15
    assert quicker["total_interest"] < usual["total_interest"] / 2


def test_a_down_payment_is_less_than_the_price():
    """A loan of nothing is refused."""
    with pytest.raises(ValueError, match="below the price"):
        MortgageCalculator().execute(price=10, down_payment=10, annual_rate=1, years=1)


@given(st.integers(1000, 10**7), st.decimals(0, 25, places=2), st.integers(1, 40))
def test_every_loan_is_paid_back_exactly(principal, rate, years):
    """What is paid of the principal over all years is what was lent, to the cent."""
    schedule = Loan(principal=Decimal(principal), rate=rate, years=years).schedule()

    assert Decimal(principal) == sum(row.principal for row in schedule)
    assert schedule[-1].balance == 0


def test_the_return_on_an_investment():
    """K7: profit, return, growth in a year, payback, present value and internal rate."""
    found = RoiCalculator().execute(investment=1000, final_value=1000, cash_flows=[100, 100], discount_rate=10)

    assert (200.0, 20.0) == (found["profit"], found["roi_percent"])
    assert 10.0 == pytest.approx(found["irr_percent"])
    assert 0.0 == pytest.approx(found["net_present_value"], abs=0.01)
    assert 1.82 == found["payback_years"]


def test_growth_without_flows_is_compound():
    """1,000 that become 1,210 in two years grow by 10 % a year."""
    found = RoiCalculator().execute(investment=1000, final_value=1210, years=2)

    assert (10.0, 10.0) == (found["annualised_percent"], pytest.approx(found["irr_percent"]))
    assert 2 * 0.5 < found["payback_years"] <= 2


def test_what_is_not_defined_is_none():
    """A total loss has no growth, no payback and no internal rate."""
    found = RoiCalculator().execute(investment=1000, cash_flows=[-100])

    assert [None] * 3 == [found[name] for name in ("annualised_percent", "payback_years", "irr_percent")]


@given(st.integers(1, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=10))
def test_the_internal_rate_makes_the_present_value_nothing(cost, flows):
    """At the internal rate the flows are worth what they cost."""
    yearly = [Decimal(-cost), *map(Decimal, flows)]
    rate = internal_rate(yearly)

    assert rate is None or abs(present_value(rate, yearly)) < Decimal("0.01")
    assert internal_rate([Decimal(-1), Decimal(3), Decimal(-1)]) is None
    assert yearly_growth(Decimal(0), Decimal(1), Decimal(1)) is None


def test_numbers_are_summed_up():
    """K7: where numbers lie, how they scatter, what stands out, and where they go."""
    found = StatisticalAnalyzer().execute(values=[1, 2, 3, 4, 100])

    assert (22.0, 3, 1, 100) == tuple(found["summary"][name] for name in ("mean", "median", "min", "max"))
    assert [2.0, 3.0, 4.0] == found["summary"]["quartiles"]
    assert [{"index": 4, "value": 100}] == found["outliers"]
    assert found["trend"]["slope"] > 0


def test_two_rows_are_held_against_each_other():
    """A second row gives the correlation and the line of best fit."""
    found = StatisticalAnalyzer().execute(values=[2, 4, 6], against=[1, 2, 3])

    assert 1.0 == pytest.approx(found["correlation"])
    assert {"slope": 2.0, "intercept": 0.0} == {name: pytest.approx(value) for name, value in found["trend"].items()}
    with pytest.raises(ValueError, match="3 values and 1"):
        StatisticalAnalyzer().execute(values=[1, 2, 3], against=[1])


def test_one_number_has_few_figures():
    """What one number, or equal numbers, cannot tell is None."""
    found = StatisticalAnalyzer().execute(values=[5])

    assert (5, None, None) == (found["summary"]["median"], found["summary"]["standard_deviation"], found["trend"])
    assert StatisticalAnalyzer().execute(values=[1, 1], against=[2, 2])["correlation"] is None
