"""The log of a live router: levels, files, queries, its end (router-features.md A7, A8, A12; texts.md §1)."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.managed import Managed
from skrouter_testing.process import (
    HOST,
    PATIENCE,
    RouterProcess,
    Routers,
    free_port,
    section,
    wait_until,
)

DAEMON = (sys.executable, "-P", "-m", "skrouter.cli.skrouterd")
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} [+-]\d{4}"


def standalone(port: int, *more: str, **router: object) -> str:
    text = section("router", mode="standalone", id="S", **router)
    return text + section("listener", name="clients", host=HOST, port=port) + "".join(more)


def log(module: str, **attributes: object) -> str:
    return section("log", module=module, **attributes)


def test_a7_lines_have_stamp_module_level_and_source(routers: Routers) -> None:
    more = (log("DEFAULT", includeSource=True), log("SERVER", includeTimestamp=False, includeSource=False))
    router = routers.start("S", standalone(free_port(), *more))
    line = router.wait_line("ROUTER (info) Version: ")
    assert re.fullmatch(rf"{STAMP} ROUTER \(info\) Version: \S+ \(cli/skrouterd\.py:\d+\)", line)
    line = router.wait_line("Operational")
    assert re.fullmatch(r"SERVER \(info\) Operational, 4 Threads Running \(process ID \d+\)", line)
    fourth = {text.split()[3] for text in router.lines if re.match(STAMP, text)}
    assert {"ROUTER", "AGENT", "CONN_MGR"} <= fourth


def test_a7_the_stamp_has_the_configured_form_in_utc(routers: Routers) -> None:
    text = standalone(free_port(), timestampFormat="%Y <%%06lu> %z", timestampsInUTC=True)
    router = routers.add("S", text, {"TZ": "Asia/Tokyo"}).start()
    assert re.match(r"\d{4} <\d{6}> \+0000 SERVER \(info\) ", router.lines[0])


def test_a7_a_file_is_relative_to_the_working_directory_and_a_module_may_have_its_own(
    routers: Routers, tmp_path: Path
) -> None:
    more = (log("DEFAULT", outputFile="all.log"), log("SERVER", outputFile="server.log"))
    router = routers.add("S", standalone(free_port(), *more)).start(ready=False)
    server, everything = tmp_path / "server.log", tmp_path / "all.log"
    wait_until(lambda: server.exists() and "Operational, " in server.read_text(), "the file")
    assert router.stop() == 0
    assert "SERVER" not in everything.read_text()
    assert "ROUTER (info) Version" in everything.read_text()
    assert router.lines == []


def test_a8_levels_change_live_and_the_log_entity_says_so(one: Managed) -> None:
    mark = one.router.mark()
    changed = one.done("update", "--name", "log/ROUTER_CORE", "--type", "log", "enable=debug+")
    assert isinstance(changed, dict)
    assert (changed["module"], changed["enable"]) == ("ROUTER_CORE", "debug+")
    with Client(one.port):
        one.router.wait_line("ROUTER_CORE (debug) [C", "Connection Opened: dir=in", after=mark)
    text = one.refused("update", "--name", "log/ROUTER_CORE", "--type", "log", "enable=loud")
    levels = "{none, debug, info, warning, error, critical}"
    assert f"'loud' is not a valid log level. Should be one of {levels}." in text
    text = one.refused("update", "--name", "log/ROUTER_CORE", "--type", "log", "outputFile=/none/such")
    assert "Configuration: Failed to open log file '/none/such'" in text
    (row,) = [row for row in query(one.port, "log") if row["module"] == "ROUTER_CORE"]
    assert (row["enable"], row.get("outputFile")) == ("debug+", None)
    one.done("update", "--name", "log/ROUTER_CORE", "--type", "log", "enable=default")


def test_a8_the_newest_entries_are_told_with_their_source(one: Managed) -> None:
    entries = one.done("get-log", "limit=5")
    assert isinstance(entries, list)
    assert len(entries) == 5
    for module, level, text, file, line, moment in entries:
        assert f"{module} ({level}) {text}" in one.router.log
        assert file.endswith(".py")
        assert line > 0
        assert abs(time.time() - moment) < 600
    everything = one.done("get-log")
    assert isinstance(everything, list)
    assert 5 < len(everything) <= 1000
    assert [entry[5] for entry in everything] == sorted(entry[5] for entry in everything)


def test_a8_events_are_counted_by_level_though_not_written(one: Managed) -> None:
    def counts() -> dict[str, int]:
        (row,) = [row for row in query(one.port, "logStats") if row["name"] == "ROUTER_CORE"]
        assert row["identity"] == "logStats/ROUTER_CORE"
        return {name: row[name] for name in ("debugCount", "infoCount", "errorCount")}

    before = counts()
    with Client(one.port):
        pass
    after = counts()
    assert after["debugCount"] > before["debugCount"]
    assert after["errorCount"] == before["errorCount"]


def test_lines_of_json_are_each_an_object(routers: Routers) -> None:
    port = free_port()
    router = routers.add("S", standalone(port, log("ROUTER_CORE", enable="debug+")))
    router.start(command=(*DAEMON, "--log-format", "json", "-c"))
    with Client(port):
        router.wait_line("Connection Opened")
    rows = [json.loads(line) for line in router.lines]
    assert {"time", "module", "level", "text"} <= set.intersection(*(set(row) for row in rows))
    assert [row["connection"] for row in rows if "Connection Opened" in row["text"]] == [1]


def test_a_log_that_cannot_be_written_ends_the_router(routers: Routers) -> None:
    text = standalone(free_port(), log("SERVER", outputFile="/dev/full"))
    router = routers.add("S", text).start(ready=False)
    assert router.wait_exit(timeout=PATIENCE) == 1
    assert router.found("skrouterd: Cannot write the log: No space left on device")


@pytest.fixture
def port() -> int:
    return free_port()


def crash(router: RouterProcess, port: int, named: str) -> int:
    router.start(command=(*DAEMON, "-T", "-c"))
    with Client(port) as client:
        sender = client.sender("io.skupper.router.router/test/crash")
        sender.wait_credit()
        sender.send(Message(body=named), settled=True)
        return router.wait_exit(timeout=PATIENCE)


@pytest.mark.parametrize("named", ["SEGV", "ABRT", "BUS", "FPE", "ILL"])
def test_a12_a_fatal_signal_leaves_the_stacks_and_ends_the_process(
    routers: Routers, port: int, named: str
) -> None:
    router = routers.add("S", standalone(port))
    assert crash(router, port, named) == -signal.Signals[f"SIG{named}"]
    assert router.found("Fatal Python error: ")
    assert router.found("test_hooks.py", "in _crash")
    assert router.found("Native stack (most recent call first")
    assert router.found("poller")


def test_a12_the_stacks_are_in_the_log_file(routers: Routers, port: int, tmp_path: Path) -> None:
    file = tmp_path / "router.log"
    router = routers.add(
        "S", standalone(port, log("DEFAULT", outputFile=str(file)), log("SERVER", outputFile="stderr"))
    )
    assert crash(router, port, "SEGV") == -signal.SIGSEGV
    assert "Native stack" in file.read_text()


def test_a12_the_panic_handler_can_be_left_out(routers: Routers, port: int) -> None:
    router = routers.add("S", standalone(port), {"SKUPPER_ROUTER_DISABLE_PANIC_HANDLER": "1"})
    assert crash(router, port, "SEGV") == -signal.SIGSEGV
    assert router.found("stack") == []
    assert router.found("Fatal Python error") == []
