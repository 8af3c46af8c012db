"""Files that go into a container, and what comes out of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import OutputInvalid, OutputTooLarge
from circuit_breaker.executors.docker.files import copied, packed, read_file

RESULT = PurePosixPath("/out/result")


def archive(*entries):
    """Pieces of an archive of ``(name, content, type)``."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content, kind in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            entry.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(content))
    return [whole.getvalue()[start : start + 700] for start in range(0, len(whole.getvalue()), 700)]


@given(st.binary(max_size=5000), st.integers(1, 3000))
def test_a_file_comes_out_as_it_went_in(content, piece):
    """What was packed is read again, in whatever pieces it comes."""
    packet = packed([], {"/out/result": content})
    pieces = [packet[start : start + piece] for start in range(0, len(packet), piece)]

    assert content == read_file(pieces, RESULT, limit=len(content))


def test_directories_are_packed_for_everybody():
    """A program that is not root can write to the directories of its output."""
    with tarfile.open(fileobj=io.BytesIO(packed(["/out/deep"], {}))) as tar:
        assert [("out/deep", True, 0o1777)] == [(entry.name, entry.isdir(), entry.mode) for entry in tar]


@pytest.mark.parametrize(
    ("entries", "error", "words"),
    [
        ([("result", b"x" * 11, tarfile.REGTYPE)], OutputTooLarge, "longer than 10 bytes"),
        ([("result", b"", tarfile.SYMTYPE)], OutputInvalid, "no plain file"),
        ([("result", b"", tarfile.DIRTYPE)], OutputInvalid, "no plain file"),
        ([], OutputInvalid, "no plain file"),
    ],
)
def test_only_a_plain_file_within_the_limit_is_output(entries, error, words):
    """A link, a directory or too long a file is one clear error."""
    with pytest.raises(error, match=words):
        read_file(archive(*entries), RESULT, limit=10)


def test_an_archive_that_breaks_off_is_an_error():
    """Half a file is none."""
    with pytest.raises(OutputInvalid, match="did not come out of the container whole"):
        read_file([b"no archive" * 100], RESULT, limit=10)
    with pytest.raises(OutputInvalid, match="did not come out of the container whole"):
        read_file(archive(("result", b"x" * 5000, tarfile.REGTYPE))[:3], RESULT, limit=5000)


def test_a_tree_is_copied_whole(tmp_path):
    """Directories and files arrive under the name of the path, and replace what was there."""
    tree = [
        ("result", b"", tarfile.DIRTYPE),
        ("result/deep", b"", tarfile.DIRTYPE),
        ("result/deep/a", b"new", tarfile.REGTYPE),
    ]
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "old").touch()

    assert (tmp_path / "result", 3) == copied(archive(*tree), RESULT, tmp_path, limit=3)
    assert b"new" == (tmp_path / "result" / "deep" / "a").read_bytes()
    assert not (tmp_path / "result" / "old").exists()
    assert ["result"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("before", ["file", "link", "directory"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_what_arrives_replaces_what_was_there(before, kind, tmp_path):
    """A file can replace a directory and the other way round; a link that was there is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / "target" / "result"
    place.parent.mkdir()
    {"file": place.touch, "link": lambda: place.symlink_to(elsewhere), "directory": place.mkdir}[before]()

    copied(archive(("result", b"", kind)), RESULT, place.parent, limit=1)
    assert (kind == tarfile.DIRTYPE) is place.is_dir()
    assert not place.is_symlink()
    assert elsewhere.is_dir()


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("../evil", tarfile.REGTYPE, "leads out of"),
        ("/evil", tarfile.REGTYPE, "leads out of"),
        ("result/../../evil", tarfile.REGTYPE, "leads out of"),
        ("other", tarfile.REGTYPE, "leads out of"),
        ("result", tarfile.SYMTYPE, "no plain file or directory"),
        ("result", tarfile.LNKTYPE, "no plain file or directory"),
        ("result", tarfile.CHRTYPE, "no plain file or directory"),
        ("result", tarfile.FIFOTYPE, "no plain file or directory"),
    ],
)
def test_nothing_gets_out_of_its_directory(name, kind, words, tmp_path):
    """A name that leads elsewhere, a link or a device is refused, and nothing is left behind."""
    target = tmp_path / "target"
    target.mkdir()

    with pytest.raises(OutputInvalid, match=words):
        copied(archive((name, b"", kind)), RESULT, target, limit=100)
    assert [target] == list(tmp_path.iterdir())
    assert [] == list(target.iterdir())


def test_artifacts_have_a_limit(tmp_path):
    """More bytes than allowed are refused before they are written."""
    tree = [
        ("result", b"", tarfile.DIRTYPE),
        ("result/a", b"xx", tarfile.REGTYPE),
        ("result/b", b"xx", tarfile.REGTYPE),
    ]

    with pytest.raises(OutputTooLarge, match="more than 3 bytes"):
        copied(archive(*tree), RESULT, tmp_path, limit=3)
    assert [] == list(tmp_path.iterdir())


def test_artifacts_are_not_too_many(tmp_path, monkeypatch):
    """A flood of empty files is refused too."""
    monkeypatch.setattr("circuit_breaker.executors.docker.files._MOST_FILES", 2)
    tree = [("result", b"", tarfile.DIRTYPE), *((f"result/{n}", b"", tarfile.REGTYPE) for n in range(2))]

    with pytest.raises(OutputTooLarge, match="more than 2 files"):
        copied(archive(*tree), RESULT, tmp_path, limit=3)
