"""SARIF: findings as code hosts read them."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest

from circuit_breaker.cli.sarif import sarif
from tests.workflow.verification.gallery import GALLERY, skipped_branch

TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}


def closed(required, **others):
    """An object of these properties and no others; those that are not given by keyword alone are required."""
    return {
        "type": "object",
        "properties": {**required, **others},
        "required": list(required),
        "additionalProperties": False,
    }


def listed(items):
    return {"type": "array", "items": items}


MESSAGE = closed({"text": TEXT})
PLACE = closed(
    {
        "artifactLocation": closed({"uri": {"type": "string", "format": "uri-reference"}}),
        "region": closed({"startLine": {"type": "integer", "minimum": 1}}),
    }
)
FLOW = closed({"locations": listed(closed({"location": closed({"physicalLocation": PLACE, "message": MESSAGE})}))})
RESULT = closed(
    {
        "ruleId": TEXT,
        "level": LEVEL,
        "message": MESSAGE,
        "locations": listed(closed({"physicalLocation": PLACE})),
        "partialFingerprints": {"type": "object", "additionalProperties": TEXT},
    },
    codeFlows=listed(closed({"threadFlows": listed(FLOW)})),
)
RULE = closed({"id": TEXT, "shortDescription": MESSAGE, "defaultConfiguration": closed({"level": LEVEL})})
DRIVER = closed({"name": TEXT, "version": TEXT, "rules": listed(RULE)})
RUN = closed({"tool": closed({"driver": DRIVER}), "results": listed(RESULT), "properties": {"type": "object"}})
LOG = closed({"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}, "runs": listed(RUN)})
"""Of the objects of SARIF 2.1.0 (OASIS, sections 3.13 to 3.54) those that are written, with the properties written."""
VALID = jsonschema_rs.validator_for(LOG, validate_formats=True)


def logged(broken, target="tests/workflow/verification/gallery.py:skipped_branch"):
    return sarif(broken.verify(), target)


@pytest.mark.parametrize("name", GALLERY)
def test_every_kind_of_finding_is_written_as_the_standard_says(name):
    """Each finding of the gallery has its rule, its place and its way."""
    broken = GALLERY[name]
    log = sarif(broken.made().verify(*broken.properties), f"tests/workflow/verification/gallery.py:{name}")
    (run,) = log["runs"]

    VALID.validate(log)
    assert broken.code in {result["ruleId"] for result in run["results"]}
    assert {result["ruleId"] for result in run["results"]} <= {rule["id"] for rule in run["tool"]["driver"]["rules"]}


@pytest.mark.parametrize("folder", ["with space", "per%cent", "ümlaut"])
def test_places_are_uris(tmp_path, monkeypatch, folder):
    """A path may hold what an URI may not; one that is absolute has the scheme of files."""
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir()
    (Path(folder) / "work.py").write_text("'join'")
    relative, absolute = (
        logged(skipped_branch(), f"{start}{folder}/work.py:w")["runs"][0]["results"][0]["locations"][0]
        for start in ("", f"{tmp_path}/")
    )

    assert " " not in relative["physicalLocation"]["artifactLocation"]["uri"]
    assert absolute["physicalLocation"]["artifactLocation"]["uri"].startswith("file:///")
    VALID.validate(logged(skipped_branch(), f"{folder}/work.py:w"))


def test_the_verdict_is_said_where_there_are_no_findings():
    """With what it depends on, so that a run without findings is not taken for more than it is."""
    assert {"verdict": "not sound", "conditions": []} == logged(skipped_branch())["runs"][0]["properties"]
