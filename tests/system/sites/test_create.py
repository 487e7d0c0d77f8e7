"""Rows 15 of the coverage list: sites of this machine from their creation to their end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from skrouter_testing.machine import Machine
from skrouter_testing.process import wait_until

UNIT = "skupper-default.service"


def routers(machine: Machine, namespace: str = "default") -> set[int]:
    """Routers of a namespace."""
    config = str(machine.namespace(namespace) / "runtime/router/skrouterd.json")
    found = machine.processes(config)
    return {pid for pid, line in found.items() if "supervise" not in line}


def files(directory: Path) -> set[str]:
    return {str(one.relative_to(directory)) for one in directory.rglob("*") if one.is_file()}


def test_rows_15_1_and_15_7_to_15_10_life_of_a_site(each_machine: Machine) -> None:
    machine, root = each_machine, each_machine.namespace()
    written = root / "input/resources/Site-my-site.yaml"
    assert machine.skupper("site create my-site").splitlines() == [
        f"File written to {written}",
        "Waiting for status...",
        'Site "my-site" is ready.',
    ]
    assert files(machine.data) == {"namespaces/default/input/resources/Site-my-site.yaml"}
    assert routers(machine) == set() and machine.units() == []

    started = machine.skupper("system start").splitlines()
    assert 'Site "my-site" has been created on namespace "default"' in started
    assert "Platform: linux" in started
    assert len(routers(machine)) == 1 and machine.is_open(5671)
    assert machine.units() == ([UNIT] if machine.systemd else [])
    if machine.systemd:
        assert machine.run("systemctl", "--user", "is-enabled", UNIT).out == "enabled\n"
    assert machine.rows("site status") == [["NAME", "STATUS", "MESSAGE"], ["my-site", "Ready", "OK"]]
    assert {"runtime/router/skrouterd.json", "internal/platform.yaml"} <= files(root)
    assert machine.skupper("system start", status=1) == "namespace already exists: default\n"

    assert machine.skupper("site delete my-site") == 'Site "my-site" is deleted\n'
    assert not written.exists() and len(routers(machine)) == 1
    assert machine.skupper("system stop") == 'Namespace "default" has been removed\n'
    assert routers(machine) == set() and machine.units() == [] and not root.exists()
    assert machine.processes("supervise") == {} and not machine.is_open(5671)


def test_row_15_2_sites_of_two_namespaces_run_side_by_side(each_machine: Machine) -> None:
    machine = each_machine
    machine.skupper("site create systemd-site -p linux -n linux-ns")
    machine.skupper("--namespace second-site site create second")
    machine.skupper("system start -n linux-ns")
    machine.skupper("--namespace second-site system start")
    assert machine.rows("site status -n linux-ns")[1] == ["systemd-site", "Ready", "OK"]
    assert machine.rows("--namespace second-site site status")[1] == ["second", "Ready", "OK"]
    assert len(routers(machine, "linux-ns")) == len(routers(machine, "second-site")) == 1
    assert machine.is_open(5671) and machine.is_open(5672)
    machine.skupper("system stop -n linux-ns")
    assert machine.rows("site status -n second-site")[1] == ["second", "Ready", "OK"]


def test_row_15_3_version_is_a_table_of_components(machine: Machine) -> None:
    rows = machine.rows("version")
    assert rows[0] == ["COMPONENT", "VERSION"]
    assert {row[0] for row in rows[1:]} == {"router", "controller", "cli"}
    assert all(len(row) == 2 for row in rows)


def test_row_15_5_lingering_is_recommended_where_it_is_off(each_machine: Machine) -> None:
    machine = each_machine
    user = machine.run("id", "-un").out.strip() or "1000"
    machine.skupper("site create a")
    said = machine.run("skupper", "system", "start").err
    if not machine.systemd:
        assert "nothing starts the site again after a restart of this machine" in said
        return
    advice = f"It is recommended to enable lingering for {user}, otherwise Skupper may not start on boot."
    assert advice in said.splitlines()
    assert (
        machine.run("sh", "-c", f"mkdir /var/lib/systemd/linger; >/var/lib/systemd/linger/{user}").status == 0
    )
    assert "enable lingering" not in machine.run("skupper", "system", "reload").err


def test_row_15_5_site_survives_the_end_of_the_session_that_started_it(each_machine: Machine) -> None:
    machine = each_machine
    machine.skupper("site create a")
    script = "skupper system start >/dev/null; kill -HUP 0"
    found = machine.run("setsid", "--wait", "bash", "-c", script)
    assert found.status != 0
    assert len(routers(machine)) == 1
    assert machine.rows("site status")[1] == ["a", "Ready", "OK"]


def test_row_15_5_killed_router_is_started_again(each_machine: Machine) -> None:
    machine = each_machine
    machine.skupper("site create a")
    machine.skupper("system start")
    (first,) = routers(machine)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: routers(machine) not in (set(), {first}), "another router")
    wait_until(lambda: machine.rows("site status")[1] == ["a", "Ready", "OK"], "the site", 30)


def test_rows_15_6_and_15_11_there_is_nothing_to_install_on_linux(machine: Machine) -> None:
    refusal = "the selected platform is not supported by this command. There is nothing to "
    assert machine.skupper("system install", status=1) == f"{refusal}install\n"
    assert machine.skupper("system uninstall", status=1) == f"{refusal}uninstall\n"
