"""The document of a proof has the form that its JSON Schema says."""

from __future__ import annotations

import jsonschema_rs
import pytest

from circuit_breaker import Workflow
from circuit_breaker.workflow.verification import verification_schema
from tests.workflow.explain.test_schema import strict
from tests.workflow.verification.gallery import GALLERY
from tests.workflow.verification.test_conditions import FORK, WORK, join


@pytest.mark.parametrize("name", GALLERY)
def test_a_proof_fits_its_schema(name):
    """Whatever is found, the document has the fields that the schema names, and no others."""
    broken = GALLERY[name]
    found = broken.made().verify(*broken.properties)

    jsonschema_rs.validator_for(strict(verification_schema())).validate(found.to_document())


def test_a_proof_with_conditions_fits_its_schema():
    """So it is where nothing is wrong if something else holds."""
    found = Workflow("w", FORK, *WORK, join()).verify()

    jsonschema_rs.validator_for(strict(verification_schema())).validate(found.to_document())
