"""Lasting: what of a rule nobody can bring who brings data."""

from __future__ import annotations

import pytest

from circuit_breaker import all_of, any_of, cel, field
from circuit_breaker.rules import custom
from circuit_breaker.workflow.verification.lasting import lasting_part

BROUGHT, LASTS, TOO = field("x") > 1, field("metadata.n") > 2, field("results.l") == 3


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (BROUGHT, None),
        (LASTS, str(LASTS)),
        (LASTS & BROUGHT & TOO, str(LASTS & TOO)),
        (LASTS | BROUGHT, None),
        ((LASTS & BROUGHT) | (TOO & BROUGHT), str(LASTS | TOO)),
        (~(LASTS | BROUGHT), str(~LASTS)),
        (~(LASTS & BROUGHT), None),
        (all_of(LASTS, custom(lambda token: True)), str(LASTS)),
        (any_of(LASTS, custom(lambda token: True)), None),
        (cel("data.x == 1 && metadata.n == 1"), "metadata.n == 1"),
        (cel("data.x == 1 || metadata.n == 1"), None),
        (cel("(data.x == 1 || data.y) && (metadata.n == 1 || results.l == 2)"), "metadata.n == 1 || results.l == 2"),
        (cel("(data.x) == (metadata.n) && (metadata.n) == (1)"), "(metadata.n) == (1)"),
        (cel("!(data.x == 1 || metadata.n == 1)"), str(~cel("metadata.n == 1"))),
        (cel("data.l.all(i, i > 0 && i < metadata.n)"), None),
    ],
)
def test_the_part_that_lasts(rule, text):
    """It must hold for the rule to hold, whatever the data are."""
    found = lasting_part(rule, ("data",))

    assert text == (None if found is None else str(found))


def test_a_rule_that_lasts_as_a_whole_is_itself():
    """So that it is known again."""
    rule = LASTS & TOO

    assert rule is lasting_part(rule, ("data",))
