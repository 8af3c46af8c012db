"""Executors by name."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import ExecutorInvalid
from circuit_breaker.executors import StepExecutor
from circuit_breaker.executors.registry import OWN, find, installed

MODULE = """
from circuit_breaker import BaseExecutor

class Thumbnail(BaseExecutor):
    async def execute_internal(self, context):
        return {}

not_one = 5
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package that publishes entry points, as text."""

    def install(points, *, name="thumbs"):
        (tmp_path / f"{name}_executors.py").write_text(MODULE)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[circuit_breaker.executors]\n{points}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_our_own_are_there_by_name():
    """B17: each of our executors is found by its name."""
    assert StepExecutor is find("step")
    assert set(OWN) <= set(installed())
    assert all(name in installed() for name in OWN)


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_of_ours_can_be_loaded(name):
    """What the table names is there, and is an executor."""
    assert find(name).describe()["title"].endswith("Executor")


def test_a_package_publishes_an_executor_by_entry_point(package):
    """B17: an executor of another package is found by the name under which it is published."""
    package("thumbnail = thumbs_executors:Thumbnail")

    assert "Thumbnail" == find("thumbnail").__name__
    assert "thumbnail" in list(installed())
    assert len(list(installed())) == len(installed())


def test_a_misspelt_name_is_told_with_the_nearest_right_one():
    """An executor that is not installed is an error with a hint."""
    with pytest.raises(ExecutorInvalid, match=r"'steps'.*did you mean 'step'"):
        find("steps")


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("broken = no_such_module:Thumbnail", "cannot be imported from no_such_module:Thumbnail"),
        ("broken = thumbs_executors:Missing", "cannot be imported from thumbs_executors:Missing"),
        ("broken = thumbs_executors:not_one", "is no executor class"),
    ],
)
def test_what_cannot_be_loaded_names_its_place(package, point, message):
    """An entry point that leads nowhere, or to something else, is told with where it leads."""
    package(point)

    with pytest.raises(ExecutorInvalid, match=message):
        find("broken")


def test_two_packages_with_one_name_are_refused(package):
    """Which of two executors of one name is meant nobody can say: both packages are named."""
    package("thumbnail = thumbs_executors:Thumbnail")
    package("thumbnail = other_executors:Thumbnail", name="other")

    with pytest.raises(ExecutorInvalid, match=r"published by other \(.*\) and thumbs \(.*uninstall all but one"):
        find("thumbnail")


def test_no_package_can_take_the_place_of_one_of_ours(package):
    """A name of ours stays ours, whatever is installed."""
    package("step = thumbs_executors:Thumbnail")

    assert StepExecutor is find("step")
