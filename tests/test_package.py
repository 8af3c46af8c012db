"""What is published, and what a newcomer is told to type."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import circuit_breaker

ROOT = Path(__file__).parent.parent


def command(name: str) -> str:
    """What the README tells to type under a marker."""
    return re.findall(rf"^<!-- command: {name} -->\n```sh\n(.+)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE)[
        0
    ]


def test_the_package_has_the_promised_name_and_licence():
    """AK1, ZA38: the distribution is circuit-breaker-sdk, under the MIT licence."""
    published = metadata.metadata("circuit-breaker-sdk")

    assert published["License"] == "MIT"
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_the_version_is_written_once():
    """What pip shows is what the package says."""
    assert circuit_breaker.__version__ == metadata.version("circuit-breaker-sdk")


def test_the_command_is_the_package_main():
    """``circuit-breaker`` on the command line is ``circuit_breaker.cli.main``."""
    (script,) = metadata.entry_points(group="console_scripts", name="circuit-breaker")

    assert script.value == "circuit_breaker.cli:main"


def test_everything_optional_is_in_all():
    """``[all]`` brings every extra that adds a feature, and ``[dev]`` brings ``[all]``."""
    extras = set(metadata.metadata("circuit-breaker-sdk").get_all("Provides-Extra")) - {
        "all",
        "dev",
        "docs",
        "lint",
        "test",
    }
    wanted = {line for line in metadata.requires("circuit-breaker-sdk") if "circuit-breaker-sdk[" in line}

    assert any(
        set(re.findall(r"\[(.+)\]", line)[0].split(",")) == extras for line in wanted if 'extra == "all"' in line
    )
    assert any("all" in re.findall(r"\[(.+)\]", line)[0].split(",") for line in wanted if 'extra == "dev"' in line)


@pytest.mark.parametrize(("name", "end"), [("demo", "/circuit-breaker demo"), ("tests", " -m pytest -n auto")])
def test_the_readme_gives_one_command(name, end):
    """One line sets up and runs the demo, one sets up and passes the tests."""
    assert command(name).startswith("python3 -m venv ")
    assert command(name).endswith(end)


def test_the_checks_are_a_shell_script_that_stops_at_the_first_fault():
    """``.ci/run`` can be run, is read by the shell without complaint, and hides no failure."""
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", script], check=True)

    assert script.stat().st_mode & 0o100
    assert "set -euo pipefail" in script.read_text()


def test_contributors_are_told_what_an_executor_needs():
    """B17: a new executor follows the declarations, with tests, documentation and proper errors."""
    chapter = (ROOT / "CONTRIBUTING.md").read_text().partition("## A new executor")[2].partition("\n## ")[0]

    for word in ("@parameter", "@validate", "tests", "fails", "documentation"):
        assert word in chapter


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names of what is in a wheel that is built of a copy of the package."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    shutil.copytree(ROOT / "circuit_breaker", source / "circuit_breaker", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; import sys; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", build, str(place)],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=100,
    )
    with zipfile.ZipFile(next(place.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_a_wheel_has_every_file_of_the_package(wheel):
    """AK1: what is installed has every module and every data file: schemas, profiles of models, workers and pages."""
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "circuit_breaker").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files > {"circuit_breaker/llm/data/openai.toml", "circuit_breaker/functions/schema.json"}
    assert set() == files - wheel
