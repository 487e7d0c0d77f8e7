"""Files are opened below the root or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from skrouter.router.net.http.disk import IsDirectory, OpenFile, open_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root, and a secret beside it."""
    made = tmp_path / "root"
    (made / "sub").mkdir(parents=True)
    (made / "empty").mkdir()
    (made / "a.txt").write_bytes(b"hello")
    (made / "sub" / "index.html").write_bytes(b"page")
    (tmp_path / "secret").write_bytes(b"secret")
    return made


@contextmanager
def opened(root: Path, *parts: str) -> Iterator[OpenFile]:
    found = open_below(str(root), parts)
    try:
        yield found
    finally:
        found.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_is_read_in_pieces_with_its_facts(root: Path) -> None:
    with opened(root, "a.txt") as found:
        assert found.facts.size == 5
        assert found.facts.modified_ns == (root / "a.txt").stat().st_mtime_ns
        assert [found.read(2), found.read(2), found.read(2), found.read(2)] == [b"he", b"ll", b"o", b""]


def test_a_link_that_stays_below_the_root_is_followed(root: Path) -> None:
    (root / "..data").symlink_to("sub")
    (root / "page").symlink_to("..data/index.html")
    with opened(root, "page") as found:
        assert found.read(9) == b"page"


def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    with opened(link, "a.txt") as found:
        assert found.read(9) == b"hello"


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd"])
def test_a_link_out_of_the_root_is_refused(root: Path, target: str) -> None:
    (root / "out").symlink_to(target)
    with pytest.raises(PermissionError, match="leads out of"):
        open_below(str(root), ("out",))


def test_a_directory_linked_from_outside_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "dir").symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="leads out of"):
        open_below(str(root), ("dir", "secret"))


def test_a_root_whose_name_begins_another_is_not_that_other(root: Path, tmp_path: Path) -> None:
    beside = tmp_path / "root2"
    beside.mkdir()
    (beside / "x").write_bytes(b"x")
    (root / "x").symlink_to("../root2/x")
    with pytest.raises(PermissionError):
        open_below(str(root), ("x",))


def test_what_is_no_file_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "null").symlink_to("/dev/null")
    for name in ("pipe", "null", "empty", "nothing", "a.txt/b"):
        with pytest.raises(OSError, match=r".+"):
            open_below(str(root), tuple(name.split("/")))


def test_a_directory_with_an_index_is_told_from_one_without(root: Path) -> None:
    with pytest.raises(IsDirectory):
        open_below(str(root), ("sub",))
    with pytest.raises(FileNotFoundError):
        open_below(str(root), ("empty",))


def test_no_descriptor_is_left_behind(root: Path) -> None:
    (root / "out").symlink_to("../secret")
    before = descriptors()
    for name in ("a.txt", "out", "sub", "empty", "nothing"):
        try:
            open_below(str(root), (name,)).close()
        except (OSError, IsDirectory):
            continue
    assert descriptors() == before


def test_a_missing_root_has_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_below(str(tmp_path / "disabled"), ("index.html",))
