"""How a journal is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from circuit_breaker.errors import StorageError
from circuit_breaker.storage import Address, connect
from circuit_breaker.storage.memory import MemoryJournal
from circuit_breaker.storage.sqlite import SqliteJournal


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///work.db", "{here}/work.db"),
        ("sqlite:///./data/work.db", "{here}/data/work.db"),
        ("sqlite:////var/lib/work.db", "/var/lib/work.db"),
        ("SQLite:///work.db?synchronous=NORMAL&busy_timeout=0.5", "{here}/work.db"),
        ("sqlite:///a%20b%3F.db", "{here}/a b?.db"),
        ("work.db", "{here}/work.db"),
        ("/var/work.sqlite3", "/var/work.sqlite3"),
        (Path("work"), "{here}/work"),
        (Path("odd:name?x"), "{here}/odd:name?x"),
    ],
    ids=str,
)
def test_a_file_is_named_by_url_or_path(url, path, tmp_path, monkeypatch):
    """Three slashes are relative, four absolute, as in other libraries; a path stands for itself."""
    monkeypatch.chdir(tmp_path)

    journal = connect(url)

    assert isinstance(journal, SqliteJournal)
    assert path.format(here=tmp_path.resolve()) == str(journal.path)


def test_memory_is_a_storage():
    """Y1: ``memory://`` is the journal in memory, for whichever tenant."""
    assert isinstance(connect("memory://"), MemoryJournal)
    assert isinstance(connect("memory://?tenant=acme"), MemoryJournal)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("sqllite:///work.db", "no storage is called 'sqllite:'.*did you mean 'sqlite'"),
        ("mongodb://host/db", "no storage is called 'mongodb:'.*known: memory, sqlite"),
        ("work", "'work' names no storage.*sqlite:///work.db"),
        ("", "names no storage"),
        ("sqlite://", "needs a file.*memory:// to keep nothing"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///work.db?synchronus=FULL", "no option 'synchronus'.*did you mean 'synchronous'"),
        ("sqlite:///work.db?synchronous=OFF", "no synchronous=OFF.*FULL, NORMAL, EXTRA"),
        ("sqlite:///work.db?busy_timeout=soon", "busy_timeout=soon is no number of seconds"),
        ("sqlite:///work.db?busy_timeout=-1", "busy_timeout=-1 is no number"),
        ("sqlite:///work.db?busy_timeout=inf", "busy_timeout=inf is no number"),
        ("sqlite:///work.db?&&", "cannot be read"),
        ("memory://?size=3", "'memory:' has no option 'size'"),
        ("sqlite://[bad/work.db", "cannot be read"),
        ("sqlite:///work.db?tenant=acme", "names the tenant 'acme', and the program 'zeta'"),
    ],
)
def test_a_wrong_name_is_an_error_with_a_remedy(url, fault):
    """What cannot be a journal is refused when it is named, with the value and what to write instead."""
    with pytest.raises(StorageError, match=fault):
        connect(url, tenant="zeta" if "tenant" in url else "")


def test_a_tenant_has_a_file_of_its_own_by_the_url():
    """ZA37: ``{tenant}`` in the path is the tenant's name, from the URL or from the program."""
    assert "acme.db" == connect("sqlite:///{tenant}.db", tenant="acme").path.name
    assert "acme.db" == connect("sqlite:///{tenant}.db?tenant=acme").path.name
    assert "acme.db" == connect(Path("{tenant}.db"), tenant="acme").path.name


@pytest.mark.parametrize("tenant", ["", "..", "../x", "a/b", ".hidden", "a%2Fb", "x" * 200, "a\n"])
def test_a_tenant_that_is_no_file_name_is_refused(tenant):
    """ZA37: no name of a tenant leads out of the directory."""
    with pytest.raises(StorageError, match="is no file name"):
        connect("sqlite:///data/{tenant}.db", tenant=tenant)


def test_a_password_is_never_shown():
    """A URL may hold a password: neither the address nor an error shows it."""
    address = Address.parse("postgres://ann:s3cret@host/db?sslkey=s3cret")

    assert "s3cret" not in repr(address)
    assert "postgres://ann:s3cret@host/db" == address.url
    with pytest.raises(StorageError) as raised:
        connect("postgrs://ann:s3cret@host/db")
    assert "s3cret" not in str(raised.value)
    with pytest.raises(StorageError) as raised:
        connect("ann:s3cret@host")
    assert "s3cret" not in str(raised.value)


def test_no_driver_is_loaded_before_it_is_needed():
    """Importing the storage, and connecting to memory, loads no SQLite."""
    probe = (
        "import sys\n"
        "from circuit_breaker.storage import connect\n"
        "connect('memory://')\n"
        "assert 'sqlite3' not in sys.modules\n"
        "connect('sqlite:///work.db')\n"
        "assert 'sqlite3' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)
