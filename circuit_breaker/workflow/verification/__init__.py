"""Verification: what is proved of a workflow before it runs, with the shortest way to each failure."""

from circuit_breaker.workflow.verification.checking import verify, verify_net
from circuit_breaker.workflow.verification.findings import KINDS, Counterexample, Finding, Kind, Mend, Step
from circuit_breaker.workflow.verification.properties import (
    Property,
    always_followed_by,
    at_most,
    mutually_exclusive,
    never,
    property_from,
)
from circuit_breaker.workflow.verification.report import Verdict, Verification
from circuit_breaker.workflow.verification.schema import verification_schema

__all__ = [
    "KINDS",
    "Counterexample",
    "Finding",
    "Kind",
    "Mend",
    "Property",
    "Step",
    "Verdict",
    "Verification",
    "always_followed_by",
    "at_most",
    "mutually_exclusive",
    "never",
    "property_from",
    "verification_schema",
    "verify",
    "verify_net",
]
