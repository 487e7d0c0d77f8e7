"""The management tools start fast: scripts run them hundreds of times."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "asyncio",
    "click",
    "cryptography",
    "email",
    "importlib.metadata",
    "proton",
    "rich",
    "skrouter.amqp.engine.pump",
    "skrouter.config.model",
    "skrouter.mgmt.agent",
    "skrouter.router.forwarder.forwarder",
    "ssl",
    "yaml",
}
"""Not needed to read arguments or to print the usage."""


@pytest.mark.parametrize("program", ["skmanage", "skstat"])
def test_tool_loads_nothing_heavy_before_it_connects(program: str) -> None:
    code = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        f"from skrouter.cli.{program} import build_parser\n"
        "build_parser()\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True, text=True)
    assert HEAVY & set(json.loads(run.stdout)) == set()


HEAVY_TO_CONNECT = {"aiohttp", "asyncio", "cryptography", "proton", "ssl"}


def test_connecting_loads_the_engine_and_nothing_else_heavy() -> None:
    code = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        "import skrouter.cli.skstat, skrouter.mgmt.client.net\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True, text=True)
    assert HEAVY_TO_CONNECT & set(json.loads(run.stdout)) == set()
