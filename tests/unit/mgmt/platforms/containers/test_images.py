"""Images have the names and pull policies that the user's environment asks for."""

from __future__ import annotations

import pytest
from skrouter.mgmt.platforms.containers.images import (
    CONTROLLER,
    ROUTER,
    Component,
    Image,
    PolicyError,
    find_image,
    tag_of,
)


@pytest.mark.parametrize(
    ("component", "environment", "expected"),
    [
        (ROUTER, {}, Image("localhost/skrouter/skupper-router:1.2", "IfNotPresent")),
        (CONTROLLER, {}, Image("localhost/skrouter/system-controller:1.2", "IfNotPresent")),
        (ROUTER, {"SKUPPER_IMAGE_REGISTRY": "r/t/"}, Image("r/t/skupper-router:1.2")),
        (ROUTER, {"SKUPPER_ROUTER_IMAGE": "x/y:3", "SKUPPER_IMAGE_REGISTRY": "r"}, Image("x/y:3")),
        (CONTROLLER, {"SKUPPER_ROUTER_IMAGE": "x/y:3"}, Image("localhost/skrouter/system-controller:1.2")),
        (
            ROUTER,
            {"SKUPPER_ROUTER_IMAGE_PULL_POLICY": "Always"},
            Image("localhost/skrouter/skupper-router:1.2", "Always"),
        ),
        (
            CONTROLLER,
            {"SKUPPER_SYSTEM_CONTROLLER_IMAGE": "c", "SKUPPER_SYSTEM_CONTROLLER_IMAGE_PULL_POLICY": "Never"},
            Image("c", "Never"),
        ),
    ],
)
def test_image_is_the_one_of_the_environment_or_of_this_version(
    component: Component, environment: dict[str, str], expected: Image
) -> None:
    assert find_image(component, environment, "1.2") == expected


def test_unknown_pull_policy_is_refused_with_those_that_exist() -> None:
    with pytest.raises(PolicyError, match="'always'; use one of Always, IfNotPresent, Never"):
        find_image(ROUTER, {"SKUPPER_ROUTER_IMAGE_PULL_POLICY": "always"}, "1")


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("a/b:1.2", "1.2"),
        ("host:5000/b", "latest"),
        ("host:5000/b:3", "3"),
        ("b", "latest"),
        ("a/b@sha256:00", "sha256:00"),
    ],
)
def test_version_of_an_image_is_its_tag(name: str, tag: str) -> None:
    assert tag_of(name) == tag
