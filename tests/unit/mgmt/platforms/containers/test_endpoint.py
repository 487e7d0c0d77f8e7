"""The socket of an engine is where the user's environment, or the engine's habit, has it."""

from __future__ import annotations

import pytest
from skrouter.mgmt.platforms.containers.endpoint import (
    Endpoint,
    EndpointError,
    find_endpoint,
    remedy,
)

OF_PODMAN = "/run/user/7/podman/podman.sock"
BOTH = {"CONTAINER_HOST": "unix:///a", "CONTAINER_ENDPOINT": "/b"}
OF_DOCKER = ("/run/user/7/docker.sock", "/run/docker.sock")


@pytest.mark.parametrize(
    ("engine", "user", "environment", "expected"),
    [
        ("podman", 0, {}, (("/run/podman/podman.sock",), "")),
        ("podman", 7, {}, ((OF_PODMAN,), "")),
        ("podman", 7, {"XDG_RUNTIME_DIR": "/r"}, (("/r/podman/podman.sock",), "")),
        ("podman", 7, {"CONTAINER_HOST": "unix:///a"}, (("/a",), "CONTAINER_HOST")),
        (
            "podman",
            7,
            BOTH,
            (("/b",), "CONTAINER_ENDPOINT"),
        ),
        ("podman", 7, {"DOCKER_HOST": "unix:///a"}, ((OF_PODMAN,), "")),
        ("docker", 0, {}, (("/run/docker.sock",), "")),
        ("docker", 7, {}, (OF_DOCKER, "")),
        ("docker", 7, {"DOCKER_HOST": "unix:///a"}, (("/a",), "DOCKER_HOST")),
        (
            "docker",
            7,
            {"CONTAINER_HOST": "unix:///a", "DOCKER_HOST": ""},
            (OF_DOCKER, ""),
        ),
    ],
)
def test_socket_is_that_of_the_first_variable_or_the_default(
    engine: str, user: int, environment: dict[str, str], expected: tuple[tuple[str, ...], str]
) -> None:
    assert find_endpoint(engine, environment, user_id=user) == Endpoint(engine, *expected)


@pytest.mark.parametrize("value", ["tcp://10.0.0.1:2375", "ssh://me@host/run/podman.sock", "podman.sock"])
def test_engine_of_another_machine_is_refused_with_the_variable_that_names_it(value: str) -> None:
    with pytest.raises(EndpointError, match=r"CONTAINER_HOST is '.*set it to unix:///path"):
        find_endpoint("podman", {"CONTAINER_HOST": value}, user_id=0)


@pytest.mark.parametrize(
    ("engine", "user", "command"),
    [
        ("podman", 0, "`systemctl enable --now podman.socket`"),
        ("podman", 7, "`systemctl --user enable --now podman.socket`"),
        ("docker", 7, "`sudo systemctl enable --now docker.socket`"),
    ],
)
def test_15_4_remedy_is_a_command_that_opens_the_socket(engine: str, user: int, command: str) -> None:
    text = remedy(find_endpoint(engine, {}, user_id=user), user_id=user)
    assert text == f"start it with {command}, or have CONTAINER_ENDPOINT name the socket"
