"""Who a source is."""

from __future__ import annotations

import pytest
from skrouter.router.vanflow.attributes import Attribute
from skrouter.router.vanflow.source import is_identity, router_attributes, source_id


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("skupper-router-5d8f9c-x7k2p", "x7k2p"),
        ("a-bcdef", "bcdef"),
        ("-bcdef", "RANDO"),
        ("host-a", "RANDO"),
        ("myhost", "RANDO"),
        ("", "RANDO"),
        (None, "RANDO"),
    ],
)
def test_h1_a_source_is_named_after_its_pod_or_at_random(hostname: str | None, expected: str) -> None:
    assert source_id(hostname, "RANDOMTEXT") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcde:0", True),
        ("+_Az0:12345678901234567890", True),
        ("abcde:123456789012345678901", False),
        ("abcd:0", False),
        ("abcdef:0", False),
        ("abcde:", False),
        ("abcde:1x", False),
        ("abcde:１", False),
        ("", False),
    ],
)
def test_h3_an_identity_has_five_characters_a_colon_and_digits(text: str, expected: bool) -> None:
    assert is_identity(text) == expected


def test_h2_the_router_record_tells_of_its_surroundings() -> None:
    environment = {"HOSTNAME": "h", "POD_NAMESPACE": "ns", "APPLICATION_NAME": "app", "VERSION": "v"}
    assert router_attributes(environment, "A", "edge", "1.0") == {
        Attribute.NAMESPACE: "ns",
        Attribute.MODE: "edge",
        Attribute.IMAGE_NAME: "app",
        Attribute.IMAGE_VERSION: "v",
        Attribute.HOSTNAME: "h",
        Attribute.NAME: "0/A",
        Attribute.BUILD_VERSION: "1.0",
    }
    assert set(router_attributes({}, "A", "edge", "1.0").values()) == {None, "edge", "0/A", "1.0"}
