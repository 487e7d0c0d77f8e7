"""Memory of this process as the system tells it."""

import os
from pathlib import Path

import pytest
from skrouter.cli.view_process import memory_use


def test_sizes_are_pages_in_octets(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("20 3 2 1 0 5 0\n")
    page = os.sysconf("SC_PAGE_SIZE")
    assert memory_use(statm) == (20 * page, 3 * page)


@pytest.mark.parametrize("content", ["", "7", "a b c"])
def test_what_cannot_be_read_is_unknown(tmp_path: Path, content: str) -> None:
    statm = tmp_path / "statm"
    statm.write_text(content)
    assert memory_use(statm) == (None, None)


def test_without_the_file_both_are_unknown(tmp_path: Path) -> None:
    assert memory_use(tmp_path / "statm") == (None, None)


def test_this_process_has_some() -> None:
    virtual, resident = memory_use()
    assert virtual is not None
    assert resident is not None
    assert virtual > resident > 1 << 20
