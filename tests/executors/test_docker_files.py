"""Files that go into a container, and what comes out of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import OutputInvalid, OutputTooLarge
from circuit_breaker.executors.docker.delivery import Delivery
from circuit_breaker.executors.docker.files import packed, read_file

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


def delivered(target, *trees, limit=100):
    """Puts down trees, each at its path, as one work does."""
    with Delivery.to(target, "work", limit=limit) as delivery:
        for path, tree in trees:
            delivery.take(archive(*tree), PurePosixPath(path))


def tree_of(content):
    return [
        ("result", b"", tarfile.DIRTYPE),
        ("result/deep", b"", tarfile.DIRTYPE),
        ("result/deep", b"", tarfile.DIRTYPE),
        ("result/deep/a", content, tarfile.REGTYPE),
    ]


def test_a_tree_arrives_whole(tmp_path):
    """Directories and files arrive in a directory of the work, under the names of their paths."""
    delivered(tmp_path, ("/out/result", tree_of(b"new")), ("/out/b", [("b", b"", tarfile.REGTYPE)]), limit=3)

    assert b"new" == (tmp_path / "work" / "result" / "deep" / "a").read_bytes()
    assert ["b", "result"] == sorted(path.name for path in (tmp_path / "work").iterdir())
    assert ["work"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("before", ["file", "link", "directory"])
def test_only_what_the_same_work_left_is_replaced(before, tmp_path):
    """What else is there stays; a link in the place of the directory is not followed."""
    elsewhere, place = tmp_path / "elsewhere", tmp_path / "target" / "work"
    (elsewhere / "result").mkdir(parents=True)
    place.parent.mkdir()
    (place.parent / "result").write_text("of somebody else")
    {"file": place.touch, "link": lambda: place.symlink_to(elsewhere), "directory": (place / "old").mkdir}[before](
        **({"parents": True} if before == "directory" else {})
    )

    delivered(place.parent, ("/out/result", tree_of(b"x")))
    assert ["result"] == [path.name for path in place.iterdir()]
    assert not place.is_symlink()
    assert [] == list((elsewhere / "result").iterdir())
    assert "of somebody else" == (place.parent / "result").read_text()


def test_no_link_is_followed_on_the_way(tmp_path):
    """A directory that somebody has put a link in place of is not entered, and nothing is written elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "target").symlink_to(elsewhere)

    with pytest.raises(OutputInvalid, match=r"'target' of .* is no directory any more"):
        delivered(tmp_path / "target", ("/out/result", tree_of(b"x")))
    assert [] == list(elsewhere.iterdir())


def test_no_link_is_followed_below(tmp_path):
    """The same while the files arrive: a directory that just arrived is not trusted either."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def swapping(content):
        for number in range(0, len(content), 512):
            yield content[number : number + 512]
            for folder in tmp_path.glob(".incoming-*/result/deep"):
                if not folder.is_symlink():
                    folder.rmdir()
                    folder.symlink_to(elsewhere)

    folders = [(name, b"", tarfile.DIRTYPE) for name in ("result", "result/deep")]
    tree = [*folders, ("result/pad", bytes(30_000), tarfile.REGTYPE), ("result/deep/evil", b"x", tarfile.REGTYPE)]
    with (
        pytest.raises(OutputInvalid, match="is no directory any more"),
        Delivery.to(tmp_path, "work", limit=40_000) as delivery,
    ):
        delivery.take(swapping(b"".join(archive(*tree))), RESULT)
    assert [elsewhere] == list(tmp_path.iterdir())
    assert [] == list(elsewhere.iterdir())


def test_a_place_that_cannot_be_taken_is_an_error(tmp_path, monkeypatch):
    """Somebody else who is always faster is no reason to wait for ever."""
    monkeypatch.setattr("circuit_breaker.executors.docker.delivery._TRIES", 0)

    with pytest.raises(OutputInvalid, match="'work' cannot be put where the artifacts go"):
        delivered(tmp_path, ("/out/result", tree_of(b"x")))
    assert [] == list(tmp_path.iterdir())


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
        delivered(target, ("/out/result", [(name, b"", kind)]))
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
        delivered(tmp_path, ("/out/result", tree), limit=3)
    assert [] == list(tmp_path.iterdir())


def test_artifacts_are_not_too_many(tmp_path, monkeypatch):
    """A flood of empty files is refused too."""
    monkeypatch.setattr("circuit_breaker.executors.docker.delivery._MOST_FILES", 2)
    tree = [("result", b"", tarfile.DIRTYPE), *((f"result/{n}", b"", tarfile.REGTYPE) for n in range(2))]

    with pytest.raises(OutputTooLarge, match="more than 2 files"):
        delivered(tmp_path, ("/out/result", tree), limit=3)
