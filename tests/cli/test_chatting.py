"""The command line: talking to models, and asking which there are."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from circuit_breaker.cli import providers
from circuit_breaker.cli.conversation import Talk
from circuit_breaker.cli.providers import VARIABLES
from circuit_breaker.errors import RequestRefused
from circuit_breaker.llm.parts import ToolCall


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """Nobody's keys are used by a test."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_model_answers_once(cb):
    """A text on the command line is answered, without a key and without a network."""
    assert "I am a script and no model. You said: hello\n" == cb("chat", "-p", "scripted", "hello").out


def test_tools_are_called(cb):
    """K11: with tools the model can call them; the call is shown on standard error, the answer on standard output."""
    done = cb("chat", "-p", "scripted", "--tools", "default", "what is 6 * 7?")

    assert '"result": "42"' in done.out
    assert "calling calculator" in done.err


def test_tools_are_named(cb):
    """Tools can be named one by one, and a wrong name is told."""
    assert "42" in cb("chat", "-p", "scripted", "--tools", "calculator, sentiment", "6*7").out
    assert "did you mean 'calculator'?" in cb("chat", "-p", "scripted", "--tools", "calculater", "x", code=1).err


def test_lines_are_said_one_after_the_other(cb):
    """J3: each line that is piped in is a turn of one conversation; empty ones are not."""
    done = cb("chat", "-p", "scripted", stdin="one\n\ntwo\n/usage\n/clear\n/quit\nthree\n")

    assert ["one", "two"] == [line.rpartition("said: ")[2] for line in done.out.splitlines()]
    assert "tokens taken" in done.err


def test_the_outcome_is_json(cb):
    """With --json each turn is the outcome of an assistant."""
    outcome = cb("chat", "-p", "scripted", "--json", "--temperature", "0.5", "hello").document

    assert ("completed", "scripted", "demo") == tuple(outcome[name] for name in ("status", "provider", "model"))


def test_a_conversation_is_kept(cb, here):
    """J3: with --conversation the talk goes on where it was, with its system prompt, and nobody else can read it."""
    cb("chat", "-p", "scripted", "-c", "talk.json", "--system", "Be brief.", "one")
    cb("chat", "-p", "scripted", "-c", "talk.json", "two")
    kept = json.loads((here / "talk.json").read_text())

    assert "Be brief." == kept["system_prompt"]
    assert ["user", "assistant", "user", "assistant"] == [message["role"] for message in kept["messages"]]
    assert 0o600 == (here / "talk.json").stat().st_mode & 0o777


def test_a_file_without_a_conversation_is_refused(cb, here):
    """A file that holds something else is left as it is."""
    (here / "other.json").write_text("[1]")

    assert "holds no conversation" in cb("chat", "-p", "scripted", "-c", "other.json", "hi", code=1).err
    assert "[1]" == (here / "other.json").read_text()


@pytest.mark.parametrize(("said", "wanted"), [("y\n", "42"), ("n\n", "not approved"), ("", "not approved")])
def test_a_person_is_asked_before_a_tool(cb, said, wanted):
    """K11: with --approve a call is made after a yes only."""
    done = cb("chat", "-p", "scripted", "--tools", "calculator", "--approve", "calculator", "6 * 7", stdin=said)

    assert wanted in done.out
    assert "call calculator with" in done.err


def test_a_provider_without_a_key_is_told(cb):
    """Without a key the error says which variable is to be set; an unknown provider is told with those there are."""
    assert "set OPENAI_API_KEY" in cb("chat", "-p", "openai", "hi", code=2).err
    assert "ollama, scripted" in cb("chat", "-p", "nobody", "hi", code=2).err


def test_a_provider_that_is_down_is_one_error(cb, monkeypatch):
    """G30: where Ollama cannot be reached, the error says so; the key of another provider is not in it."""
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    done = cb("chat", "-p", "ollama", "-m", "llama3", "--json", "hi", code=1)

    assert "sk-very-secret" not in done.out + done.err
    assert done.error["message"]


def test_a_model_whose_vendor_has_no_key_here_is_warned_of(cb, monkeypatch):
    """Whoever forgot a key is told its name, and not only that somebody else cannot be reached."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        done = cb("chat", "-m", "gpt-4o", "hello", code=1)

    assert "without OPENAI_API_KEY in the environment 'gpt-4o' is asked of whoever there is" in done.err
    assert "the default provider, since none is of openai" in cb("route", "gpt-4o", "--explain").out


def test_whoever_has_no_key_at_all_is_told_what_can_be_had_without(cb):
    """The first talk on a bare machine says that a key is missing, and which provider needs none."""
    assert "only Ollama is asked; --provider scripted needs neither" in cb("chat", "-m", "no/such", "hi", code=1).err


def test_models_are_listed(cb, monkeypatch):
    """H6: virtual models are shown with what stands for them now, what it costs, and why."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    done = cb("models")
    records = {record["name"]: record for record in reversed(cb("models", "--json").records)}

    assert "cb:smart-chat" in done.out
    assert "openai" == records["cb:smart-chat"]["provider"]
    assert "sk-very-secret" not in done.out + done.err


def test_names_are_resolved(cb):
    """ZA15: a name is shown with who serves it; one that nobody serves says why."""
    known, unknown = cb("models", "--json", "llama3", "cb:nothing").records

    assert ("ollama", "llama3") == (known["provider"], known["model"])
    assert unknown["provider"] is None
    assert "no virtual model" in unknown["why"]
    assert "nobody" in cb("models", "cb:reasoning").out


def test_the_health_of_providers_is_asked(cb, monkeypatch):
    """G30: with --health each provider is asked how it is."""
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:1")

    assert "unhealthy" == cb("models", "--json", "--health", "llama3").records[-1]["status"]
    assert "unhealthy" in cb("models", "--health", "llama3").out
    assert "healthy" == cb("models", "-p", "scripted", "--json", "--health", "demo").records[-1]["status"]


def test_a_route_is_told(cb, monkeypatch):
    """H6: route says whom a request would go to, with --explain in which order and why not the others."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    assert "anthropic/" in cb("route", "cb:reasoning").out

    explained = cb("route", "auto", "--explain", "--task", "coding", "--tools", "--strategy", "lowest_cost").out
    assert "left out:" in explained
    assert "cb:coding" in explained
    assert "lowest_cost" == cb("route", "auto", "--strategy", "lowest_cost", "--json").document["strategy"]


def test_a_request_that_goes_to_nobody_is_told(cb):
    """A virtual model that nobody can stand for is told with the reasons."""
    assert cb("route", "cb:reasoning").out.startswith("nobody: no provider")


def test_what_is_typed_is_answered_and_errors_are_told(cb, monkeypatch):
    """Where a person types, each line has a prompt, an error does not end the talk, and the end of input does."""
    monkeypatch.setattr(Talk, "interactive", True)
    turns = iter([KeyboardInterrupt(), RequestRefused("not that"), "fine"])
    monkeypatch.setattr(providers, "_answer", lambda request: next(turns))
    done = cb("chat", "-p", "scripted", stdin="one\ntwo\nthree\n")

    assert ["stopped", "not that"] == [word for word in ("stopped", "not that") if word in done.err]
    assert "fine" in done.out
    assert "Ctrl-D" in done.err


def test_an_interrupt_ends_what_is_piped(cb, monkeypatch):
    """Where a program is answered, an interrupt ends the command."""
    monkeypatch.setattr(providers, "_answer", lambda request: KeyboardInterrupt())

    assert "interrupted" in cb("chat", "-p", "scripted", stdin="one\n", code=130).err


def test_work_that_ends_early_is_warned_of(cb, monkeypatch):
    """An answer that a limit has ended is shown, and said to be none."""
    again = ToolCall(id="one", name="calculator", arguments='{"expression": "1 + 1"}')
    monkeypatch.setattr(providers, "_answer", lambda request: again)

    assert "ended early: repeated_calls" in cb("chat", "-p", "scripted", "--tools", "calculator", "x").err


def test_a_tool_that_fails_is_told(cb):
    """K11: the failure of a tool is shown beside the answer."""
    assert "calculator failed" in cb("chat", "-p", "scripted", "--tools", "calculator", "1 / 0").err


class Terminal:
    """A chat in a terminal of its own."""

    def __init__(self, *arguments):
        self.ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "circuit_breaker.cli", "chat", *arguments]
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        environment = {**os.environ, "TERM": "dumb"}
        self.process = subprocess.Popen(command, **streams, env=environment, start_new_session=True)
        os.close(theirs)
        self._seen = ""

    def until(self, text, seconds=60.0, *, nudge=lambda: None):
        """Waits until the terminal shows this text, after what was waited for before."""
        patience = time.monotonic() + seconds
        while text not in self._seen:
            assert time.monotonic() < patience, self._seen
            if select.select([self.ours], [], [], 1.0)[0]:
                self._seen += os.read(self.ours, 4096).decode()
            else:
                nudge()
        self._seen = self._seen.partition(text)[2]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def type(self, text):
        os.write(self.ours, text.encode())

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal(here):
    """Starts the chat in a terminal, and ends it."""
    with contextlib.ExitStack() as stack:

        def start(*arguments):
            made = Terminal(*arguments)
            stack.callback(made.close)
            return made

        yield start


def test_an_interrupt_stops_the_answer_and_not_the_program(terminal, monkeypatch):
    """Ctrl-C ends an answer that does not come, and closes its connection; the talk goes on, and Ctrl-D ends it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        talk = terminal("-p", "ollama", "-m", "llama3")
        talk.until("> ")
        talk.type("hello\n")
        silent.settimeout(30)
        asked, _ = silent.accept()
        with asked:
            asked.settimeout(10)
            assert b"hello" in asked.recv(65536)
            talk.interrupt()
            talk.until("stopped")
            assert b"" == asked.recv(65536)
    talk.until("> ")
    talk.interrupt()
    # A signal that comes just before the terminal is read is noticed only afterwards.
    talk.until("> ", nudge=talk.interrupt)
    talk.type("\x04")

    assert 0 == talk.process.wait(timeout=20)


def test_an_error_does_not_end_the_talk(terminal, monkeypatch):
    """In a terminal an error is told, and the next line is heard."""
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:1")
    talk = terminal("-p", "ollama", "-m", "llama3")
    talk.until("> ")
    talk.type("hello\n")
    talk.until("error:", seconds=60)
    talk.until("> ")
    talk.type("/quit\n")

    assert 0 == talk.process.wait(timeout=20)
