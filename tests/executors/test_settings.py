"""What an operator decides about an executor."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker.errors import ExecutorInvalid, ParameterInvalid
from circuit_breaker.executors import BaseExecutor, ProgramSettings, PythonSettings, Resources, SubprocessExecutor
from circuit_breaker.executors.settings import Settings, changed


class Plain(BaseExecutor):
    """Does nothing."""

    async def execute_internal(self, context):
        return None


def test_settings_change_in_a_new_class():
    """The same executor under other settings is another class; the first is as it was."""
    other = Plain.under(secrets={"A": "a"})

    assert {"A": "a"} == other.settings.secrets
    assert {} == Plain.settings.secrets
    assert (Plain.__name__, Plain.__doc__) == (other.__name__, other.__doc__)
    assert issubclass(other, Plain)


def test_changes_add_to_earlier_ones():
    """What was decided before stays, unless whole settings are given."""
    first = SubprocessExecutor.under(programs=["git"], longest=5)

    second = first.under(longest=3).settings

    assert (frozenset({"git"}), 3) == (second.programs, second.longest)
    assert frozenset() == first.under(ProgramSettings()).settings.programs


def test_all_that_is_wrong_is_told_in_the_order_it_was_given():
    """Unknown settings and wrong values are named together."""
    with pytest.raises(ExecutorInvalid) as error:
        SubprocessExecutor.under(longest=0, progams="git", programs=3, roots=None)

    assert ["setting 'progams'", "setting 'longest'", "setting 'programs'", "setting 'roots'"] == [
        fault.place for fault in error.value.faults
    ]
    assert "did you mean 'programs'?" in str(error.value)


def test_settings_do_not_show_secrets():
    """The repr of settings has no secret in it."""
    assert "hunter2" not in repr(changed("X", Settings(), {"secrets": {"A": "hunter2"}}))


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, "1"])
def test_resources_are_whole_numbers_from_one(amount):
    """An operator's limit that is none is refused."""
    with pytest.raises(ValueError, match="is no whole number from 1"):
        Resources(memory=amount)


def test_a_definition_may_ask_for_less_but_not_for_more():
    """What a definition asks for is held against what the operator grants, which is the default too."""
    most = Resources(memory=100, open_files=5)

    assert Resources(memory=50, open_files=5, cpu_seconds=9) == Resources(memory=50, cpu_seconds=9).within(most)
    assert Resources(memory=100, open_files=5) == Resources(memory=200).within(most)
    assert ["limits.memory"] == [fault.place for fault in Resources(memory=200).beyond(most)]
    with pytest.raises(ParameterInvalid, match="more than the operator allows"):
        SubprocessExecutor.under(programs="true", most=most)(command="true", limits={"memory": 101}).check()


@pytest.mark.parametrize(
    ("permitted", "module", "answer"),
    [
        ("a", "a", True),
        ("a", "a.b", True),
        ("a.b", "a", False),
        ("a", "ab", False),
        ("*", "x.y", True),
        ((), "a", False),
    ],
)
def test_a_module_permits_what_is_below_it(permitted, module, answer):
    """Permission for a module is permission for its submodules, and for no other."""
    assert answer is PythonSettings(modules=permitted).permits(module)


def test_settings_are_frozen():
    """Nobody changes settings behind an operator's back."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        SubprocessExecutor.settings.programs = frozenset("*")
