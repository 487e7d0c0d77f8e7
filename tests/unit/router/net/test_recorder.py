"""The file of a recording: private, appended to, written in time, given up once."""

import asyncio
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import ControlLinkUp, Tick
from skrouter.router.mesh.recording import RecordingHeader, read, replay
from skrouter.router.net import recorder as recorder_module
from skrouter.router.net.recorder import MeshRecorder, RecordError

CONFIG = MeshConfig("A", 1)


class Bench:
    """An engine, a loop that runs when told, and what the router was told of failures."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mesh.jsonl"
        self.loop = asyncio.new_event_loop()
        self.engine = MeshEngine(CONFIG, 0.0)
        self.failures: list[str] = []

    def recorder(self, path: Path | None = None) -> MeshRecorder:
        """A recorder of the engine."""
        header = RecordingHeader(CONFIG, 0.0, 0.0)
        return MeshRecorder(path or self.path, self.engine, header, self.loop, self.failures.append)

    def lines(self) -> list[str]:
        """What the file holds."""
        return self.path.read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.loop.close()


def test_the_file_is_private_whatever_it_was_before(bench: Bench) -> None:
    bench.path.touch(0o644)
    bench.path.chmod(0o644)
    bench.recorder().close()
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600
    bench.path.unlink()
    old = os.umask(0)
    try:
        bench.recorder().close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600


def test_events_are_written_within_a_second_or_when_it_is_closed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    recorder = bench.recorder()
    assert recorder.handle(ControlLinkUp(0, 1), 0.5) == []
    assert len(bench.lines()) == 1
    bench.loop.run_until_complete(asyncio.sleep(0.01))
    assert len(bench.lines()) == 2
    assert len(recorder.handle(Tick(), 1.0)) == 1
    recorder.close()
    recorder.close()
    (found,) = read(bench.lines())
    assert [step.agrees for step in replay(found)] == [True, True]


def test_much_at_once_does_not_wait_for_the_second(bench: Bench) -> None:
    recorder = bench.recorder()
    for number in range(2000):
        recorder.handle(Tick(), float(number))
    assert bench.path.stat().st_size >= recorder_module.FLUSH_OCTETS
    recorder.close()
    assert len(bench.lines()) == 2001


def test_a_second_life_is_appended_even_after_a_line_that_was_cut(bench: Bench) -> None:
    recorder = bench.recorder()
    recorder.handle(Tick(), 1.0)
    recorder.close()
    with bench.path.open("a") as file:
        file.write('{"now":2.0,"ev')
    bench.recorder().close()
    assert [len(found.events) for found in read(bench.lines())] == [1, 0]


def test_a_failed_write_ends_the_recording_with_one_report_and_not_the_router(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = bench.recorder()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(recorder_module.os, "write", full)
        for number in range(3000):
            recorder.handle(Tick(), float(number))
        recorder.close()
    assert bench.failures == [
        f"Recording of mesh events stopped, {bench.path}: No space left on device",
    ]
    assert recorder.handle(Tick(), 3000.0) == []
    assert len(bench.lines()) == 1


def test_an_event_on_which_the_engine_fails_is_the_last_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = bench.recorder()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.engine, "handle", fail)
    with pytest.raises(ZeroDivisionError):
        recorder.handle(Tick(), 1.0)
    recorder.close()
    assert [item.digest for item in read(bench.lines())[0].events] == [None]


def test_what_cannot_be_written_is_refused_in_one_sentence(bench: Bench, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "file", "No such file or directory"),
        (pipe, "not a regular file"),
        (Path("/dev/full"), "not a regular file"),
    ):
        with pytest.raises(RecordError) as caught:
            bench.recorder(path)
        assert str(caught.value) == f"mesh events cannot be recorded to {path}: {reason}"
