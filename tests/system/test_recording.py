"""`skrouterd --record`: the recorded life of a real router is lived again, to the same end."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from skrouter.router.mesh.effects import Effect, RemoteAddressesChanged, RoutesChanged
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import ControlLinkDown
from skrouter.router.mesh.recording import engine_of, read, replay
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.process import Routers, wait_until
from skrouter_testing.router_line import RouterLine


def recording_to(path: Path) -> tuple[str, ...]:
    """The daemon's command; the name of its configuration comes behind it."""
    return sys.executable, "-P", "-m", "skrouter.cli.skrouterd", "--record", str(path), "-c"


def nodes(line: RouterLine, name: str) -> list[tuple[Any, ...]]:
    """What the live router says of the mesh."""
    keys = ("id", "instance", "cost", "linkState", "validOrigins")
    return [tuple(row[key] for key in keys) for row in query(line.ports[name], "router.node")]


def seen_by(engine: MeshEngine) -> list[tuple[Any, ...]]:
    """The same of an engine."""
    return [
        (row.router_id, row.instance, row.cost, list(row.link_state), list(row.valid_origins))
        for row in engine.nodes()
    ]


def live_again(path: Path) -> tuple[list[tuple[Any, ...]], list[Effect]]:
    """The mesh as `nodes` and all effects until the neighbor stops; every step must be as recorded."""
    (recording,) = read(path.read_text().splitlines())
    engine = engine_of(recording)
    steps = replay(recording, engine)
    rows, effects = seen_by(engine), []
    for step in steps:
        assert step.agrees, step
        if isinstance(step.event, ControlLinkDown):
            break
        rows = seen_by(engine)
        effects += step.effects
    assert all(step.agrees for step in steps)
    return rows, effects


def test_two_recorded_routers_come_to_the_same_state_in_the_replay(routers: Routers, tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.jsonl" for name in "AB"}
    line = RouterLine(routers, "AB")
    for name in "AB":
        line[name].start(command=recording_to(paths[name]))
    with Client(line.ports["B"]) as client:
        client.receiver("foo")
        line.wait_address("A", "foo", remote=1)
        wait_until(
            lambda: (
                all([row[3] for row in nodes(line, name)] == [["B"], ["A"]] for name in "AB")
                or all(sorted(row[3] for row in nodes(line, name)) == [["A"], ["B"]] for name in "AB")
            ),
            "both to have the link state of the other",
        )
        live = {name: nodes(line, name) for name in "AB"}
        assert [line[name].stop() for name in "AB"] == [0, 0]
    replayed = {name: live_again(paths[name]) for name in "AB"}
    assert {name: rows for name, (rows, _) in replayed.items()} == live
    told = {a.key for e in replayed["A"][1] if isinstance(e, RemoteAddressesChanged) for a in e.added}
    assert {key for key in told if not key.startswith(("Msfe.", "Mvfcr."))} == {"Mfoo"}
    last = [effect for effect in replayed["A"][1] if isinstance(effect, RoutesChanged)][-1]
    assert [(route.router_id, route.next_hop_id, route.cost) for route in last.routes] == [("B", "B", 1)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths.values()] == [0o600, 0o600]


def test_a_router_that_cannot_record_does_not_start(routers: Routers, tmp_path: Path) -> None:
    line = RouterLine(routers, "AB")
    router = line["A"]
    router.start(ready=False, command=recording_to(tmp_path))
    assert router.wait_exit("refuse to start") == 1
    text = f"mesh events cannot be recorded to {tmp_path}: Is a directory"
    assert router.lines[-1] == f"skrouterd: {text}"
    assert len(router.found(text)) == 2, "once in the log, once for who started it"


def test_a_router_without_a_mesh_refuses_to_record_it(routers: Routers, tmp_path: Path) -> None:
    router = RouterLine(routers, "S")["S"]
    router.start(ready=False, command=recording_to(tmp_path / "mesh.jsonl"))
    assert router.wait_exit("refuse to start") == 1
    assert "only interior routers have any" in router.lines[-1]
