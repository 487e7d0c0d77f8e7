"""Containers have the names, labels, mounts and users that tools and habits of the reference expect."""

from __future__ import annotations

import pytest
from skrouter.mgmt.platforms.containers import boot, shapes
from skrouter.mgmt.platforms.containers.endpoint import Endpoint
from skrouter.mgmt.platforms.containers.images import Image
from skrouter.mgmt.platforms.containers.shapes import RunAs


def test_router_container_is_that_of_the_reference() -> None:
    one = shapes.router("west", "site-1", Image("r:1"), "/d/namespaces/west/runtime", RunAs(7, 8, "keep-id"))
    assert one.name == "west-skupper-router"
    assert one.body == {
        "Image": "r:1",
        "Env": [
            "APPLICATION_NAME=skupper-router",
            "QDROUTERD_CONF=/etc/skupper-router/config/skrouterd.json",
            "QDROUTERD_CONF_TYPE=json",
            "SKUPPER_SITE_ID=site-1",
            "SSL_PROFILE_BASE_PATH=/etc/skupper-router",
        ],
        "Labels": {
            "application": "skupper-v2",
            "skupper.io/v2-component": "router",
            "skupper.io/site-id": "site-1",
        },
        "User": "7:8",
        "StopTimeout": 10,
        "HostConfig": {
            "NetworkMode": "host",
            "RestartPolicy": {"Name": "always"},
            "Binds": [
                "/d/namespaces/west/runtime/router:/etc/skupper-router/config:z",
                "/d/namespaces/west/runtime/certs:/etc/skupper-router/runtime/certs:z",
            ],
            "UsernsMode": "keep-id",
        },
    }


def test_controller_container_has_the_engine_and_the_data_home_of_its_user() -> None:
    one = shapes.controller(
        "me",
        Image("c:1"),
        RunAs(0, 0),
        engine="docker",
        socket="/run/docker.sock",
        home="/d",
        reload_type="auto",
        settings={"SKUPPER_ROUTER_IMAGE": "x"},
    )
    body = one.body
    assert one.name == "me-skupper-controller"
    assert body["Env"] == [
        "CONTAINER_ENDPOINT=unix:///var/run/docker.sock",
        "CONTAINER_ENGINE=docker",
        "SKUPPER_OUTPUT_PATH=/d",
        "SKUPPER_ROUTER_IMAGE=x",
        "SKUPPER_SYSTEM_RELOAD_TYPE=auto",
    ]
    assert body["HostConfig"]["Binds"] == ["/d:/output:z", "/run/docker.sock:/var/run/docker.sock"]
    assert body["HostConfig"]["SecurityOpt"] == ["label=disable"]
    assert "UsernsMode" not in body["HostConfig"]


@pytest.mark.parametrize(
    ("engine", "user", "rootless", "expected"),
    [
        ("podman", 0, False, RunAs(0, 5)),
        ("docker", 0, False, RunAs(0, 5)),
        ("podman", 7, True, RunAs(7, 5, "keep-id")),
        ("docker", 7, False, RunAs(7, 99, "host")),
        ("docker", 7, True, RunAs(0, 0)),
    ],
)
def test_container_runs_as_the_user_who_owns_the_files(
    engine: str, user: int, rootless: bool, expected: RunAs
) -> None:
    found = shapes.run_as(engine, user_id=user, group_id=5, socket_group=99, rootless=rootless)
    assert found == expected


def test_scripts_start_and_stop_all_containers_with_the_labels() -> None:
    found = boot.scripts(Endpoint("docker", ("/run/docker.sock",)), {"skupper.io/site-id": "a b"})
    filters = "--filter label=application=skupper-v2 --filter 'label=skupper.io/site-id=a b'"
    assert f"$(docker container ls {filters} --all --quiet)" in found["start.sh"]
    assert 'docker start "$id"' in found["start.sh"]
    assert 'docker stop -t 10 "$id"' in found["stop.sh"]


@pytest.mark.parametrize(("engine", "option"), [("podman", "--url"), ("docker", "--host")])
def test_scripts_use_the_engine_that_the_user_named(engine: str, option: str) -> None:
    found = boot.scripts(Endpoint(engine, ("/my socket",), "CONTAINER_ENDPOINT"), {})
    assert f"{engine} {option} 'unix:///my socket' start" in found["start.sh"]


def test_unit_waits_for_the_containers_and_runs_the_scripts() -> None:
    lines = boot.unit_text("skupper-a.service", runtime="/run/user/7", directory="/d/100%/$a").splitlines()
    assert "RequiresMountsFor=/run/user/7/containers" in lines
    assert "RemainAfterExit=yes" in lines and "Type=simple" in lines and "TimeoutStopSec=70" in lines
    assert 'ExecStart=/bin/bash "/d/100%%/$$a/start.sh"' in lines
    assert 'ExecStop=/bin/bash "/d/100%%/$$a/stop.sh"' in lines
    assert "WantedBy=default.target" in lines
