"""The analysts: a proof, a house, an anomaly, a decision. Each script does what a good model would with its tools."""

from __future__ import annotations

import re
from typing import Any

from models import calling, given, results

from circuit_breaker.llm import ChatCompletionRequest

YEARS, LOAN_YEARS = 7, 30


def group_identity(_: ChatCompletionRequest) -> str:
    """A proof needs no tools."""
    return (
        "Claim: a group G has exactly one identity element.\n"
        "Let e and e' be identity elements of G.\n"
        "1. Because e' is an identity: e * e' = e.\n"
        "2. Because e is an identity: e * e' = e'.\n"
        "3. From 1 and 2: e = e * e' = e'. So the identity is unique. QED\n"
        "Check: only the definition of an identity was used, neither inverses nor associativity.\n"
        "Another way: by cancellation, from e * x = x = e' * x follows e = e'."
    )


def yearly_income(house: dict[str, Any], year: int) -> float:
    """What a house brings in a year before its loan is paid: rent less vacancy, management, upkeep, tax, insurance."""
    market, costs = house["market_conditions"], house["additional_costs"]
    rent = 12 * house["property"]["estimated_rent"] * (1 + market["rental_growth_rate"] / 100) ** (year - 1)
    kept = rent * (1 - market["vacancy_rate"] / 100) * (1 - costs["property_management"] / 100)
    fixed = 12 * costs["maintenance_monthly"] + costs["property_tax_annual"] + costs["insurance_annual"]
    return kept - fixed


def austin_home(request: ChatCompletionRequest) -> Any:
    """First the loan; then, with its payment, what the investment brings; then the advice."""
    house, found = given(request), results(request)
    price, down = house["property"]["asking_price"], house["buyer_constraints"]["down_payment_available"]
    rate = house["market_conditions"]["interest_rate"]
    if not found:
        loan = {"price": price, "down_payment": down, "annual_rate": rate, "years": LOAN_YEARS}
        return calling(("mortgage_calculator", loan))
    payment = found[0]["monthly_payment"]
    if len(found) == 1:
        worth = price * (1 + house["market_conditions"]["property_appreciation_rate"] / 100) ** YEARS
        owed = found[0]["schedule"][YEARS - 1]["balance"]
        flows = [round(yearly_income(house, year) - 12 * payment, 2) for year in range(1, YEARS + 1)]
        roi = {"investment": down, "final_value": round(worth - owed, 2), "cash_flows": flows}
        return calling(("roi_calculator", roi))
    costs, most = house["additional_costs"], house["buyer_constraints"]["max_monthly_payment"]
    monthly = payment + (costs["property_tax_annual"] + costs["insurance_annual"]) / 12
    income = yearly_income(house, 1)
    return (
        f"Monthly payment: ${payment:,.2f}, with tax and insurance ${monthly:,.2f} (limit: ${most:,}).\n"
        f"Cap rate: {100 * income / price:.2f} %. Cash flow in the first year: ${income - 12 * payment:,.2f}.\n"
        f"Return over {YEARS} years: {found[1]['roi_percent']:.1f} %, a year {found[1]['annualised_percent']:.1f} %.\n"
        "Recommendation: do not buy at this price. It loses money each month; all gain hangs on rising prices.\n"
        "Alternatives: a lower price, a larger down payment, or to wait for a lower rate."
    )


def market_anomaly(request: ChatCompletionRequest) -> Any:
    """The days that the statistics call outliers in both rows are the anomalies."""
    data, found = given(request)["dataset"], results(request)
    volumes, moves = data["daily_trading_volumes"], data["price_movements"]
    if not found:
        return calling(
            ("statistical_analyzer", {"values": volumes, "against": moves}), ("statistical_analyzer", {"values": moves})
        )
    both = {one["index"] for one in found[0]["outliers"]} & {one["index"] for one in found[1]["outliers"]}
    days = ", ".join(data["dates"][at] for at in sorted(both))
    times = max(volumes) / found[0]["summary"]["median"]
    return (
        f"Anomaly: {days}. The volume was {times:.1f} times the median, and the price moved by {max(moves)} %.\n"
        f"Volume and price go together: correlation {found[0]['correlation']:.2f}, but it rests on this one day.\n"
        "Confidence: high that it is no chance, low about its cause.\n"
        "Watch: volume above twice the median of 20 days together with a move above 5 %."
    )


def months(text: str) -> int:
    """The larger number of a span such as ``"6-9 months"``."""
    return max(map(int, re.findall(r"\d+", text)))


def thousands(text: str) -> float:
    """Dollars in thousands, such as of ``"$1M"`` or ``"$500K"``."""
    amount, unit = re.findall(r"\$([\d.]+)([KM])", text)[0]
    return float(amount) * (1000 if unit == "M" else 1)


def strategic_pivot(request: ChatCompletionRequest) -> str:
    """An option must be paid for, keep the company independent, and come to money before the money is gone."""
    asked = given(request)
    limit, burn = thousands(asked["constraints"]["funding_limit"]), thousands(asked["background"]["burn_rate"])
    runway = months(asked["background"]["runway"])
    lines, chosen = [], []
    for option in asked["options"]:
        left = limit - thousands(option["investment_needed"])
        lasts, needs = runway + left / burn, months(option["timeline"])
        fits = needs <= lasts and "acquisition" not in option["name"].lower()
        lines.append(f"- {option['name']}: needs {needs} months, the money lasts {lasts:.1f}")
        chosen += [option["name"]] if fits else []
    return "\n".join(
        [
            f"Recommendation: {chosen[0]}. It alone keeps the company independent and earns before the money is gone.",
            "Options:",
            *lines,
            "Risks: the team (tell it first, and keep key people by shares), and one large client (take three).",
            "Roadmap: month 1: two offers and three pilots; months 2-6: a team of ten; month 9: cash-flow positive.",
            "Contingency: with no pilot signed in month 3, talk to buyers while there is still runway.",
        ]
    )


def trading_decision(request: ChatCompletionRequest) -> str:
    """What the other agent found decides the day; the constraints decide the size."""
    inputs = given(request)["inputs"]
    day = re.findall(r"\d{4}-\d{2}-\d{2}", inputs["pattern_analysis"])[0]
    size = inputs["constraints"]["max_position_size"] // 4
    return (
        f"Decision: a momentum position of ${size:,} in the direction of {day}, in two parts.\n"
        f"Horizon: {inputs['constraints']['time_horizon']}. Stop: half of the move of {day}.\n"
        "Why no more: the analysis is sure that the day was no chance, and not sure of its cause."
    )
