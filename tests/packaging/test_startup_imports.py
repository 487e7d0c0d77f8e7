"""Starting the daemon loads only what it needs: start-up time and memory are paid by every router."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp",
    "click",
    "cryptography",
    "h11",
    "jinja2",
    "jsonschema",
    "kubernetes_asyncio",
    "prometheus_client",
    "proton",
    "pydantic",
    "rich",
    "unittest",
    "yaml",
}
MOST_MODULES = 250
"""Of others: 230, most by asyncio and dataclasses. Growth past this is to be looked at first."""


def modules_loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_measure_sees_what_a_module_loads() -> None:
    assert "json.decoder" in modules_loaded_by("json")


def test_daemon_loads_no_heavy_library() -> None:
    loaded = {name.partition(".")[0] for name in modules_loaded_by("skrouter.cli.skrouterd")}
    assert loaded & HEAVY == set()


def test_help_of_skupper_loads_click_and_no_other_heavy_library() -> None:
    loaded = {name.partition(".")[0] for name in modules_loaded_by("skrouter.cli.skupper")}
    assert loaded & HEAVY == {"click"}


@pytest.mark.parametrize("command", ["site", "listener", "connector", "link", "token", "system", "version"])
def test_commands_of_skupper_load_no_router_before_they_need_one(command: str) -> None:
    loaded = modules_loaded_by(f"skrouter.cli.commands.{command}")
    native = [name for name in loaded if name.startswith(("skrouter.router", "skrouter.amqp", "cproton_ffi"))]
    assert native == [] and "cryptography" not in loaded


@pytest.mark.parametrize(
    "command", ["site create west", "listener create web 8080", "connector delete web", "link status"]
)
def test_commands_without_a_running_site_load_neither_site_model_nor_network(
    command: str, tmp_path: Path
) -> None:
    code = (
        "import os, sys; os.getuid = lambda: 1000; from skrouter.cli.skupper import run; "
        "run(sys.argv[1:]); print('modules', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", code, *command.split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "SKUPPER_PLATFORM": "linux"},
    )
    loaded = result.stdout.rpartition("modules ")[2].split()
    assert "skrouter.cli.commands.local" in loaded
    avoided = (
        "skrouter.mgmt.sites",
        "skrouter.mgmt.client",
        "skrouter.router",
        "cryptography",
        "ssl",
        "asyncio",
    )
    assert [name for name in loaded if name.startswith(avoided)] == []


def test_daemon_loads_few_modules_of_others() -> None:
    loaded = {name for name in modules_loaded_by("skrouter.cli.skrouterd") if not name.startswith("skrouter")}
    assert len(loaded) <= MOST_MODULES, sorted(loaded)
