"""What the attributes of routers and listeners do on the wire (router-features.md A6, A13, B6, B7, B17)."""

from __future__ import annotations

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section

ANNOTATIONS = b"\x00\x80SKPR--RA"
"""How the section of router annotations begins."""
TRACE = section("log", module="PROTOCOL", enable="debug+")


def test_a6_threads_are_told_and_decide_about_data_connections(routers: Routers) -> None:
    text = section("router", mode="interior", id="A", workerThreads=7)
    router = routers.start("A", text)
    router.wait_line("SERVER (info) Operational, 7 Threads Running (process ID ")
    router.wait_line("ROUTER (info) Inter-router data connections calculated at 4")


def test_a13_the_label_is_told_and_the_random_id_is_in_the_log(routers: Routers) -> None:
    port = free_port()
    text = section("router", mode="interior", metadata="a label of our own")
    router = routers.start("A", text + section("listener", host=HOST, port=port))
    (row,) = query(port, "router")
    assert row["metadata"] == "a label of our own"
    assert row["id"].startswith("Interior_")
    assert len(row["id"]) == len("Interior_") + 15
    router.wait_line(f"SERVER (info) Container Name: {row['id']}")


def test_b6_limits_of_a_listener_are_what_its_open_and_begin_say(routers: Routers) -> None:
    port = free_port()
    limits = {"maxFrameSize": 1024, "maxSessions": 3, "maxSessionFrames": 4, "idleTimeoutSeconds": 8}
    text = section("router", mode="standalone", id="S") + TRACE
    router = routers.start("S", text + section("listener", host=HOST, port=port, **limits))
    with Client(port) as client:
        client.receiver("q")
    opened = "max-frame-size=0x400, channel-max=0x2, idle-time-out=0xfa0"
    router.wait_line("[C1]:FRAME: 0 -> @open(16) ", opened)
    router.wait_line("[C1]:FRAME: 0 -> @begin(17) ", "incoming-window=0x4,")


def test_b6_no_idle_time_out_is_sent_where_none_is_configured(routers: Routers) -> None:
    port = free_port()
    text = section("router", mode="standalone", id="S") + TRACE
    router = routers.start("S", text + section("listener", host=HOST, port=port, idleTimeoutSeconds=0))
    with Client(port):
        assert "idle-time-out" not in router.wait_line("[C1]:FRAME: 0 -> @open(16) ")


@pytest.mark.parametrize(("capacity", "credit"), [(7, 7), (0, 250), (None, 250)])
def test_b7_the_capacity_of_links_is_the_credit_of_senders(
    routers: Routers, capacity: int | None, credit: int
) -> None:
    port = free_port()
    text = section("router", mode="standalone", id="S")
    routers.start("S", text + section("listener", host=HOST, port=port, linkCapacity=capacity))
    with Client(port) as client:
        client.receiver("q")
        sender = client.sender("q")
        sender.wait_credit()
        assert sender.credit == credit


@pytest.mark.parametrize(("strip", "seen"), [("both", False), ("out", False), ("in", True), ("no", True)])
def test_b17_annotations_are_shown_to_clients_where_they_are_not_stripped(
    routers: Routers, strip: str, seen: bool
) -> None:
    port = free_port()
    text = section("router", mode="standalone", id="S")
    routers.start("S", text + section("listener", host=HOST, port=port, stripAnnotations=strip))
    with Client(port) as client:
        receiver = client.receiver("q")
        sender = client.sender("q")
        sender.wait_credit()
        sender.send(Message(body="x"))
        (arrival,) = receiver.take()
    assert arrival.octets.startswith(ANNOTATIONS) is seen


def test_b17_configured_properties_are_in_the_open(routers: Routers) -> None:
    port = free_port()
    text = section("router", mode="standalone", id="S")
    text += f"listener {{\n host: {HOST}\n port: {port}\n openProperties: {{\n"
    text += ' "color": "blue",\n "count": 3\n }\n}\n'
    routers.start("S", text)
    with Client(port) as client:
        shown = client.connection.remote_properties
    assert (shown["color"], shown["count"]) == ("blue", 3)
    assert shown["product"] == "skupper-router"
