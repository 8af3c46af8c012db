"""Local programs as executors."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
import time

import pytest

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.errors import (
    ActionTimeout,
    OutOfMemory,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
    SecretNotFound,
)
from circuit_breaker.executors import StandaloneContext, SubprocessExecutor, secret
from circuit_breaker.testing.conformance import ExecutorConformance, ExecutorSubject
from tests.executors.processes import Trace, trace

__all__ = ["trace"]

PASSWORD = "hunter2-hunter2"  # noqa: S105 - the secret of these tests
Local = SubprocessExecutor.under(programs="*", secrets={"PASSWORD": PASSWORD})


def script(text, **parameters):
    return Local(command=["sh", "-c", text], **parameters)


def faults(executor):
    with pytest.raises(ParameterInvalid) as error:
        executor.check()
    return [str(fault) for fault in error.value.faults]


class TestConformance(ExecutorConformance):
    """B17: it is an executor like the others."""

    shows = ("failure", "slowness", "flood", "secret")

    @pytest.fixture
    def subject(self):
        left = Trace()
        return ExecutorSubject(
            Local,
            right={"command": "echo hello", "environment": left.variables},
            wrong={"command": 5},
            failure={"command": "false", "environment": left.variables},
            slowness={"command": "sleep 60", "environment": left.variables},
            flood={"command": "yes", "environment": left.variables, "max_output": 1000},
            secret={
                "command": ["sh", "-c", "echo $P; echo $P >&2; exit 1"],
                "environment": {"P": secret("PASSWORD"), **left.variables},
            },
            value=PASSWORD,
            leftovers=left.left,
        )


async def test_the_outcome_tells_what_came_of_it():
    """The outcome has the exit code, the output, the end of the standard error and the seconds."""
    outcome = await script("cat; echo careful >&2", input={"a": [1, None, "€"]}).execute()

    assert 0 < outcome.pop("duration") < 5
    assert {
        "status": "completed",
        "exit_code": 0,
        "output": {"a": [1, None, "€"]},
        "stderr": "careful",
    } == outcome


@pytest.mark.parametrize("command", ["echo '$HOME' \"a b\" ; `id` | cat > x", ["echo", "$HOME", "a b", ";", "`id`"]])
async def test_shell_characters_mean_nothing(command):
    """ZA23: a text is split like a shell would, and neither it nor a list is given to one."""
    outcome = await Local(command=command).execute()

    assert outcome["output"].startswith("$HOME a b ; `id`")


async def test_it_runs_in_a_directory_of_its_own(tmp_path):
    """Without a working directory it gets an empty one, which is gone afterwards with all that is in it."""
    text = "pwd; echo $HOME; ls -A; mkdir -p a/b; echo x > a/b/c; chmod 000 a"
    outcome = await Local.under(scratch=tmp_path)(command=["sh", "-c", text]).execute()
    where, home = outcome["output"].split()

    assert where == home
    assert where.startswith(str(tmp_path))
    assert [] == list(tmp_path.iterdir())


async def test_it_may_work_below_the_permitted_roots(tmp_path):
    """A directory below a root that the operator permits is used, and its programs are found from there."""
    (tmp_path / "in").mkdir()
    tool = tmp_path / "in" / "tool"
    tool.write_text("#!/bin/sh\npwd\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    executor = Local.under(roots=tmp_path)(command="./tool", working_dir=str(tmp_path / "in"))

    assert str(tmp_path / "in") == (await executor.execute())["output"]


def test_other_directories_are_refused(tmp_path):
    """No path and no link leads out of the permitted roots."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    here = Local.under(roots=[inside])

    for directory in (outside, inside / ".." / "out", inside / "link", "/"):
        found = faults(here(command="true", working_dir=str(directory)))
        assert f"is not in a directory that the operator permits (permitted: {inside})" in found[0]
    assert "is no directory" in faults(here(command="true", working_dir=str(inside / "none")))[0]
    assert "(permitted: none)" in faults(Local(command="true", working_dir="/tmp"))[0]  # noqa: S108 - not written to


def test_no_program_may_run_unless_the_operator_says_so():
    """An executor that nobody has opened runs nothing, and says how to open it."""
    (fault,) = faults(SubprocessExecutor(command="ls -l"))

    assert "'ls' may not be run: the operator permits no program" in fault
    assert "(use SubprocessExecutor.under(programs=['ls']), or programs='*' where every author is trusted)" in fault


def test_only_listed_programs_run(tmp_path):
    """Programs are compared by where they are, so that neither a path nor a copy nor a link gets round the list."""
    copy = tmp_path / "echo"
    copy.symlink_to("/bin/echo")
    closed = SubprocessExecutor.under(programs=["echo", "/bin/cat"], roots=tmp_path)

    for command in ("echo a", "/bin/echo a", "/usr/bin/echo a", "cat", "/bin/../bin/cat"):
        closed(command=command).check()
    for command in ("ls", "/bin/ls", "./echo", str(copy), "../../bin/sh"):
        found = faults(closed(command=command, working_dir=str(tmp_path)))
        assert found == [f"parameter 'command': '{command}' may not be run (the operator permits /bin/cat, echo)"]


def test_variables_that_bring_in_code_are_refused_beside_a_list():
    """What may make a permitted program run other code is for operators who permit all."""
    closed = SubprocessExecutor.under(programs="echo")
    names = ["LD_PRELOAD", "PATH", "PYTHONPATH", "BASH_ENV", "NODE_OPTIONS", "PERL5LIB", "RUBYOPT", "GIT_SSH_COMMAND"]

    assert len(names) == len(faults(closed(command="echo", environment=dict.fromkeys(names, "x"))))
    Local(command="echo", environment=dict.fromkeys(names, "x")).check()


def test_everything_that_is_wrong_is_told_at_once():
    """A13: each fault has its place, its value and a remedy."""
    executor = Local(
        command="nothing-of-that-name",
        input=1,
        stdin="x",
        environment={"a b": "c", "OK": {"no": "secret"}, "NUL": "\0"},
        working_dir="/nowhere",
    )

    assert [
        "parameter 'working_dir'",
        "parameter 'command'",
        "parameter 'stdin'",
        "environment['a b']",
        "environment['OK']",
        "environment['NUL']",
    ] == [fault.partition(":")[0] for fault in faults(executor)]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"command": ""}, "it names no program"),
        ({"command": []}, "it names no program"),
        ({"command": "echo 'a"}, "No closing quotation"),
        ({"command": ["echo", "\0"]}, "it has a null character"),
        ({"command": "./tool"}, "no program './tool' in its fresh directory that can be run"),
        ({"command": "/etc/passwd"}, "there is no program '/etc/passwd'"),
        ({"command": "/bin"}, "there is no program '/bin'"),
        ({"command": "true", "input": {"a": object()}}, "parameter 'input': cannot be given to a program"),
        ({"command": "true", "stdin": "\ud800"}, "parameter 'stdin': cannot be given to a program"),
        ({"command": "true", "limits": {"memroy": 1}}, "memroy"),
        ({"command": "true", "limits": {"memory": 0}}, ">= 1"),
        ({"command": "true", "output": "xml"}, "give one of 'auto'"),
        ({"command": "true", "timeout": 0}, "at least 0.001"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    """What cannot work is found before anything runs."""
    assert message in " ".join(faults(Local(**parameters)))


async def test_an_exit_code_may_mean_success():
    """Exit codes other than 0 are errors unless they are accepted."""
    outcome = await script("exit 3", accept_exit_codes=[0, 3]).execute()

    assert 3 == outcome["exit_code"]
    with pytest.raises(ProgramFailed, match="'sh' ended with exit code 4: not good") as error:
        await script("echo not good >&2; exit 4", accept_exit_codes=[3]).execute()
    assert (4, "not good") == (error.value.exit_code, error.value.stderr)


async def test_a_secret_is_nowhere_but_in_the_program():
    """A secret reaches the program; what it echoes, in any stream or form, is taken out."""
    context = StandaloneContext()
    text = 'printf "%s" "$P" | sha256sum >&2; echo "{\\"p\\": \\"$P\\"}"; echo $P | base64 >&2; echo "$P" >&2'
    outcome = await script(text, environment={"P": secret("PASSWORD")}).bind(context).execute()

    assert {"p": "***"} == outcome["output"]
    assert hashlib.sha256(PASSWORD.encode()).hexdigest() in outcome["stderr"]
    assert PASSWORD not in f"{outcome} {context.logs}"
    with pytest.raises(SecretNotFound, match="there is no secret 'OTHER'"):
        await script("true", environment={"P": secret("OTHER")}).execute()


async def test_lines_are_logged_as_they_come():
    """Every line of both streams reaches the log, with its stream, before the program has ended."""
    seen = []

    class Told(StandaloneContext):
        def log(self, line, *, stream="stdout"):
            seen.append((stream, line, time.monotonic()))

    await script("echo one; echo two >&2; sleep 0.3; echo three").bind(Told()).execute()

    assert {("stdout", "one"), ("stderr", "two")} == {(stream, line) for stream, line, _ in seen[:2]}
    assert ("stdout", "three") == seen[2][:2]
    assert seen[2][2] - seen[0][2] > 0.2


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"command": "sleep 60", "timeout": 0.2}, ActionTimeout),
        ({"command": "yes", "max_output": 1000}, OutputTooLarge),
        ({"command": "head -c 100 /dev/urandom"}, OutputInvalid),
        ({"command": "echo {", "output": "json"}, OutputInvalid),
        ({"command": "false"}, ProgramFailed),
        ({"command": [sys.executable, "-c", "bytearray(10**9)"], "limits": {"memory": 200_000_000}}, OutOfMemory),
        ({"command": ["sh", "-c", "kill -9 $$"]}, ProgramFailed),
    ],
)
async def test_each_fault_is_one_typed_error(parameters, error, trace):
    """Hanging, flooding, binary output, invalid JSON, an exit code, no memory: one error each, and nothing is left."""
    with pytest.raises(error) as raised:
        await Local(environment=trace.variables, **parameters).execute()

    assert type(raised.value) is error
    assert json.dumps(raised.value.to_document())


async def test_binary_output_can_be_had_as_base64():
    """Output that is no text is kept when base64 was asked for, and dropped with 'none'."""
    assert "AP/+" == (await script(r"printf '\000\377\376'", output="base64").execute())["output"]
    assert (await script(r"printf '\377'", output="none").execute())["output"] is None


async def test_the_operator_limits_the_time():
    """An operator's longest time holds, whatever a definition asks for."""
    with pytest.raises(ActionTimeout, match=r"longer than 0\.1 s"):
        await Local.under(longest=0.1)(command="sleep 60", timeout=None).execute()


async def test_a_transition_runs_a_program():
    """A1-A10: in a workflow, parameters come from the token, and the key is that of the firing."""
    raw, counted = states("raw", "counted")
    counting = Workflow(
        "counting",
        flow(raw >> counted)
        .transition("count")
        .execute(Local, command=["sh", "-c", "wc -w; echo $CIRCUIT_BREAKER_KEY >&2"], stdin=field("text"), result="wc"),
    )
    async with Engine(counting, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("counting", data={"text": "to be or not"}))

    assert ("counted", 4) == (case.state, case.token.results["wc"]["output"])
    assert case.id in case.token.results["wc"]["stderr"]


def test_nothing_is_left_in_the_system_directory(tmp_path, monkeypatch):
    """After all these programs, their directories are gone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    script("echo > file").execute_sync()

    assert [] == list(tmp_path.iterdir())


def test_a_definition_sets_only_variables_that_the_operator_names():
    """Beside a list of programs no variable is set but those of another list; a pattern opens none that steers."""
    steering = ["PERLLIB", "TAR_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "HOME", "EDITOR", "LESSOPEN", "wgetrc"]
    listed = SubprocessExecutor.under(programs="echo", variables=["REPORT_*", "LANG", "HOME"])
    wide = SubprocessExecutor.under(programs="echo", variables="*")

    def refused(kind, *names):
        given = kind(command="echo", environment=dict.fromkeys(names, "x"))
        try:
            given.check()
        except ParameterInvalid as error:
            return [fault.place for fault in error.faults]
        return []

    places = [f"environment['{name}']" for name in steering]
    assert ["environment['LANG']"] == refused(SubprocessExecutor.under(programs="echo"), "LANG")
    assert ["environment['OTHER']", "environment['PATH']"] == refused(
        listed, "REPORT_DAY", "LANG", "HOME", "OTHER", "PATH"
    )
    assert places == refused(wide, *steering, "ANY")
    assert [] == refused(Local, *steering, "ANY")


async def test_a_secret_with_a_null_character_is_refused_without_being_shown():
    """What no variable can hold is one clear error, and the value is nowhere in it."""
    broken = SubprocessExecutor.under(programs="*", secrets={"K": "hunter2\0hunter2"})
    with pytest.raises(ParameterInvalid, match=r"environment\['KEY'\]: has a null character") as error:
        await broken(command="true", environment={"KEY": secret("K")}).execute()

    assert "hunter2" not in repr(error.value.to_document())
