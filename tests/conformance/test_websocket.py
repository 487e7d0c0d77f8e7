"""AMQP over WebSocket by a client that others have made: rhea on ws (B15)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from skrouter_testing.process import HOST, Routers, free_port, section

TIMEOUT = 180.0


@pytest.mark.parametrize(("count", "size"), [(10_000, 20), (2, 5_000_000)], ids=["many", "big"])
def test_b15_rhea_is_content(tmp_path: Path, count: int, size: int) -> None:
    directory = os.environ.get("SKROUTER_RHEA")
    assert directory is not None, "make conformance installs rhea and ws, and sets SKROUTER_RHEA"
    port = free_port()
    text = section("router", mode="standalone", id="W")
    text += section("listener", name="web", host=HOST, port=port, http=True)
    script = Path(__file__).with_name("rhea_websocket.mjs")
    command = ["node", str(script), f"ws://{HOST}:{port}/", str(count), str(size)]
    with Routers(tmp_path) as routers:
        routers.start("W", text)
        found = subprocess.run(command, cwd=directory, capture_output=True, timeout=TIMEOUT, check=False)
    assert found.stdout.decode().splitlines() == [
        json.dumps({"arrived": count, "accepted": count, "wrong": 0}, separators=(",", ":"))
    ], found.stderr.decode()
