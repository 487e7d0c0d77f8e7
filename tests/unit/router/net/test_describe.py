"""Texts about connections, compared with captured log lines."""

from __future__ import annotations

import uuid

import pytest
from skrouter.amqp.capabilities import OfferedCapabilities, OpenProperties
from skrouter.amqp.types import Array, Described, Int, Symbol, ULong
from skrouter.router.core.facts import ConnectionFacts
from skrouter.router.net import describe

CAPTURED_PROPERTIES = (
    '{:product="skupper-router", :version="3.0.0+e2ec51a4", :"qd.conn-id"=2, :"qd.inter-router-role"=4, '
    ':"qd.group-correlator"="ot_h3Y+eJZBHDGv", :"qd.annotations-version"=2}'
)


def facts(**other: object) -> ConnectionFacts:
    known: dict[str, object] = {
        "connection": 1,
        "number": 5,
        "incoming": True,
        "role": "inter-router",
        "port_name": "x",
        "cost": 1,
        "host": "127.0.0.1:34292",
        "container": "B",
        "hostname": None,
        "user": "anonymous",
        "mechanism": "ANONYMOUS",
        "tls_protocol": None,
        "tls_cipher": None,
        "tls_bits": 0,
        "max_frame_size": 16384,
        "link_capacity": 250,
        "strip_inbound": False,
        "strip_outbound": False,
        "offered": OfferedCapabilities(),
        "properties": OpenProperties(),
    }
    return ConnectionFacts(**{**known, **other})  # type: ignore[arg-type]


def test_an_incoming_connection_reads_as_captured() -> None:
    assert describe.opened(facts()) == (
        "Connection Opened: dir=in host=127.0.0.1:34292 encrypted=no"
        " auth=ANONYMOUS user=anonymous container_id=B"
    )


def test_an_outgoing_connection_has_no_user() -> None:
    outgoing = facts(incoming=False, host="127.0.0.1:21404", user=None, container="A")
    assert describe.opened(outgoing) == (
        "Connection Opened: dir=out host=127.0.0.1:21404 encrypted=no"
        " auth=ANONYMOUS user=(null) container_id=A"
    )


def test_tls_and_no_sasl_are_shown() -> None:
    text = describe.opened(facts(tls_protocol="TLSv1.3", mechanism=None, user=None))
    assert "encrypted=TLSv1.3 auth=no user=(null)" in text


def test_properties_read_as_captured() -> None:
    properties = {
        Symbol("product"): "skupper-router",
        Symbol("version"): "3.0.0+e2ec51a4",
        Symbol("qd.conn-id"): Int(2),
        Symbol("qd.inter-router-role"): Int(4),
        Symbol("qd.group-correlator"): "ot_h3Y+eJZBHDGv",
        Symbol("qd.annotations-version"): Int(2),
    }
    assert describe.value(properties) == CAPTURED_PROPERTIES


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (ULong(7), "7"),
        (1.5, "1.5"),
        (b"a\x00", r'b"a\x00"'),
        ('a"b\nc', r'"a\"b\x0ac"'),
        ([1, Symbol("x"), []], "[1, :x, []]"),
        ({}, "{}"),
        (Array(0xA3, (Symbol("a"), Symbol("b-c"))), '@PN_ARRAY[:a, :"b-c"]'),
        (Described(ULong(3), "x"), '@3 "x"'),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_every_kind_of_value_has_a_form(item: object, text: str) -> None:
    assert describe.value(item) == text


def test_failures_read_as_captured() -> None:
    place = "from 127.0.0.1:34274 (to 127.0.0.1:21101)"
    assert describe.failed(place, "amqp:connection:framing-error", "connection aborted") == (
        f"Connection {place} failed: amqp:connection:framing-error connection aborted"
    )
    assert describe.failed("to h:1", "", "") == "Connection to h:1 failed"


@pytest.mark.parametrize(
    ("role", "level"), [("normal", "debug"), ("edge", "info"), ("route-container", "info")]
)
def test_clients_are_told_of_at_debug_only(role: str, level: str) -> None:
    assert describe.level(facts(role=role)) == level
