"""Rows 16 of the coverage list: links between sites of this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skrouter.config.resources.documents import dump
from skrouter_testing.grant_server import as_answer, grants
from skrouter_testing.machine import Machine
from skrouter_testing.process import wait_until

HEADINGS = ["NAME", "STATUS", "COST", "MESSAGE"]


def started_west(machine: Machine) -> str:
    """A site that others can link to; the link to it."""
    machine.skupper("site create west -n west --enable-link-access")
    machine.skupper("system start -n west")
    return machine.skupper("link generate -n west --host 127.0.0.1")


def wait_ready(machine: Machine, name: str) -> None:
    wait_until(
        lambda: machine.rows("link status -n east")[1:] == [[name, "Ready", "1", "OK"]], "the link", 30
    )


def test_row_16_1_token_is_redeemed_into_a_link(machine: Machine, tmp_path: Path) -> None:
    answer = as_answer(started_west(machine), "from-cluster")
    machine.skupper("site create east -n east")
    machine.skupper("system start -n east")
    file = tmp_path / "token.yaml"
    with grants(machine, tmp_path, answer, name="from-cluster") as token:
        file.write_text(dump([token], status=False))
        output = machine.skupper(f"token redeem {file} -n east").splitlines()
        file.write_text(dump([replace(token, spec=replace(token.spec, code="wrong"))], status=False))
        refused = machine.skupper(f"token redeem {file} -n east", status=1)
    directory = machine.namespace("east") / "input/resources"
    assert sorted(output) == [
        f"File written to {directory}/Link-from-cluster.yaml",
        f"File written to {directory}/Secret-from-cluster.yaml",
        'Token "from-cluster" has been redeemed.',
    ]
    assert refused == "Received HTTP Response 404: No such claim\n"
    machine.skupper("system reload -n east")
    wait_ready(machine, "from-cluster")


def test_row_16_3_link_access_of_the_only_site_is_enabled_without_its_name(machine: Machine) -> None:
    machine.skupper("site create my-site")
    machine.skupper("system start")
    assert machine.skupper("link generate", status=1).startswith("this site is not enabled for link access")
    assert not machine.is_open(55671) and not machine.is_open(45671)
    machine.skupper("site update --enable-link-access")
    machine.skupper("site reload")
    assert machine.is_open(55671) and machine.is_open(45671)
    names = {one.name for one in (machine.namespace() / "runtime/links").iterdir()}
    assert {"link-my-site-127.0.0.1.yaml", "link-my-site-0.0.0.0.yaml"} <= names
    machine.skupper("site update my-site --enable-link-access=false")
    machine.skupper("system reload")
    assert not machine.is_open(55671) and not machine.is_open(45671)
    assert not list((machine.namespace() / "runtime/links").glob("*"))


def test_rows_16_4_and_16_5_generated_link_is_applied_and_becomes_ready(
    machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "link.yaml"
    file.write_text(started_west(machine))
    machine.skupper("site create east -n east")
    assert machine.skupper("link status -n east") == "There are no link resources in the namespace\n"
    assert machine.skupper(f"system apply -f {file} -n east").splitlines() == [
        "Secret link-west added",
        "Link link-west added",
        "Custom resources are applied.",
    ]
    resources = machine.namespace("east") / "input/resources"
    assert {one.name for one in resources.iterdir()} >= {"Secret-link-west.yaml", "Link-link-west.yaml"}
    assert machine.rows("link status -n east") == [HEADINGS, ["link-west", "Pending", "1", "Not Operational"]]
    machine.skupper("system start -n east")
    wait_ready(machine, "link-west")
    assert machine.skupper("link status link-west -n east").splitlines()[:2] == [
        "Name:\t\tlink-west",
        "Status:\t\tReady",
    ]
    machine.skupper("link delete link-west -n east")
    machine.skupper("system reload -n east")
    assert machine.skupper("link status -n east") == "There are no link resources in the namespace\n"
