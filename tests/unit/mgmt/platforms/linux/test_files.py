"""Files are whole or absent, and secrets are never readable for others, not even for a moment."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.host import listened_ports
from skrouter.mgmt.platforms.linux.layout import Layout, data_home
from skrouter.mgmt.platforms.linux.supervise import LONG_LIFE, LONGEST_PAUSE, next_pause
from skrouter.mgmt.platforms.linux.units import unit_directory, unit_text
from skrouter.mgmt.platforms.linux.watcher import snapshot


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_written_file_has_content_and_mode_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        assert files.write(tmp_path / "a/b", b"x", 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "a/b").read_bytes() == b"x" and mode(tmp_path / "a/b") == 0o644


def test_same_content_is_not_written_again_and_its_mode_is_mended(tmp_path: Path) -> None:
    files.write(tmp_path / "a", b"x", 0o644)
    before = (tmp_path / "a").stat().st_ino
    assert not files.write(tmp_path / "a", b"x", 0o600)
    assert (tmp_path / "a").stat().st_ino == before and mode(tmp_path / "a") == 0o600


def test_interrupted_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(tmp_path / "key", b"old", 0o600)
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path / "key", b"new", 0o600)
    assert (tmp_path / "key").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def interrupt(_: int) -> None:
    raise KeyboardInterrupt


def test_killed_writer_leaves_the_old_content_and_what_is_swept(tmp_path: Path) -> None:
    files.write(tmp_path / "key", b"old", 0o600)
    script = (
        "import os, sys, pathlib; from skrouter.mgmt.platforms.linux import files\n"
        "os.fsync = lambda _: os.kill(os.getpid(), 9); files.write(pathlib.Path(sys.argv[1]), b'new', 0o600)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script, str(tmp_path / "key")], check=False)
    assert done.returncode == -9
    assert (tmp_path / "key").read_bytes() == b"old"
    assert [one.name for one in files.entries(tmp_path)] == ["key"]
    assert [mode(one) for one in tmp_path.iterdir()] == [0o600, 0o600]
    (tmp_path / ".mine.new").write_text("of the user")
    files.sweep(tmp_path.parent)
    assert {one.name for one in tmp_path.iterdir()} == {"key", ".mine.new"}


def test_sweeping_spares_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: files.sweep(tmp_path))
    assert files.write(tmp_path / "grants/key", b"new", 0o600)
    assert files.read(tmp_path / "grants/key") == b"new"


def test_sweeping_before_the_writer_has_its_lock_costs_it_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter((files.sweep,))

    def sweep_once(descriptor: int, operation: int) -> None:
        for sweep in turns:
            sweep(tmp_path)
        flock(descriptor, operation)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", sweep_once)
    assert files.write(tmp_path / "key", b"new", 0o600)
    assert files.read(tmp_path / "key") == b"new" and len(list(tmp_path.iterdir())) == 1


def test_of_two_writers_of_a_file_the_one_who_ends_last_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def write_meanwhile(_: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        assert files.write(tmp_path / "key", b"meanwhile")

    monkeypatch.setattr(os, "fsync", write_meanwhile)
    assert files.write(tmp_path / "key", b"last")
    assert files.read(tmp_path / "key") == b"last" and len(list(tmp_path.iterdir())) == 1


def test_removal_takes_directories_and_not_what_links_point_to(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep/file").write_text("x")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/link").symlink_to(tmp_path / "keep")
    files.remove(tmp_path / "gone")
    files.remove(tmp_path / "never")
    assert (tmp_path / "keep/file").exists() and not (tmp_path / "gone").exists()


def test_data_home_is_that_of_root_or_of_the_user() -> None:
    assert data_home({}, user_id=0) == Path("/var/lib/skupper")
    assert data_home({"HOME": "/home/me"}, user_id=1) == Path("/home/me/.local/share/skupper")
    assert data_home({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, user_id=1) == Path("/data/skupper")


def test_layout_is_the_one_that_tools_know() -> None:
    layout = Layout(Path("/d"), "ns")
    assert layout.input_resources == Path("/d/namespaces/ns/input/resources")
    assert layout.router_config == Path("/d/namespaces/ns/runtime/router/skrouterd.json")
    assert layout.platform_file == Path("/d/namespaces/ns/internal/platform.yaml")


def test_listening_ports_are_those_in_state_listen() -> None:
    lines = [
        "  sl  local_address rem_address   st tx_queue",
        "   0: 0100007F:1627 00000000:0000 0A 00000000:00000000",
        "   1: 0100007F:1628 0100007F:9999 01 00000000:00000000",
        "   2: 00000000000000000000000000000000:B26F 00000000000000000000000000000000:0000 0A 0",
    ]
    assert list(listened_ports(lines)) == [5671, 45679]


def test_pauses_between_starts_grow_while_the_router_ends_early() -> None:
    pauses = [0.0]
    for _ in range(12):
        pauses.append(next_pause(pauses[-1], lived=0.1))
    assert pauses[1] < pauses[2] < pauses[3] and pauses[-1] == LONGEST_PAUSE
    assert next_pause(LONGEST_PAUSE, lived=LONG_LIFE) < pauses[1]


def test_unit_starts_the_router_from_its_file_and_quotes_what_systemd_reads() -> None:
    text = unit_text("ns", router="/opt/a b/skrouterd", config=Path("/d/$x/%y.json"), site_id="id")
    assert 'ExecStart="/opt/a b/skrouterd" -c "/d/$$x/%%y.json"' in text
    assert "Description=skupper-ns.service" in text and 'Environment="SKUPPER_SITE_ID=id"' in text
    for line in (
        "TimeoutStopSec=70",
        "Type=simple",
        "WantedBy=default.target",
        "After=network-online.target",
    ):
        assert line in text.splitlines()
    assert unit_directory({}, user_id=0) == Path("/etc/systemd/system")
    assert unit_directory({"HOME": "/h"}, user_id=1) == Path("/h/.config/systemd/user")


def test_snapshot_sees_new_changed_and_removed_files_one_level_down(tmp_path: Path) -> None:
    seen = {snapshot([tmp_path])}
    (tmp_path / "certs").mkdir()
    seen.add(snapshot([tmp_path]))
    files.write(tmp_path / "certs/a", b"1")
    seen.add(snapshot([tmp_path]))
    files.write(tmp_path / "certs/a", b"2")
    seen.add(snapshot([tmp_path]))
    files.remove(tmp_path / "certs/a")
    seen.add(snapshot([tmp_path]))
    assert len(seen) == 5
