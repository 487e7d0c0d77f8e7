"""The addresses and watches that --test-hooks opens, and that nobody has them without it (texts.md §5)."""

from __future__ import annotations

import signal
import sys

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, RouterProcess, Routers, free_port, section, wait_until

COMMAND = (sys.executable, "-P", "-m", "skrouter.cli.skrouterd", "-T", "-c")
TEST = "io.skupper.router.router/test/"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def hooked(routers: Routers, port: int) -> RouterProcess:
    text = section("router", mode="standalone", id="S")
    text += section("listener", name="clients", host=HOST, port=port)
    return routers.add("S", text).start(command=COMMAND)


def test_sinks_accept_and_deny_refuses(hooked, port):
    with Client(port) as client:
        for name in ("sink", "discard"):
            sender = client.sender(TEST + name)
            sender.wait_credit()
            assert sender.send(Message(body="x")).outcome().state == "accepted"
        for link in (client.sender(f"{TEST}deny", ready=False), client.receiver(f"{TEST}deny", ready=False)):
            assert client.wait(lambda link=link: link.trouble, "the refusal").condition == "amqp:not-found"


def test_source_sends_for_as_long_as_there_is_credit(hooked, port):
    with Client(port) as client:
        receiver = client.receiver(f"{TEST}source_ps", credit=0)
        receiver.flow(700)
        numbers = [int(arrival.body) for arrival in receiver.take(700)]
    assert numbers == list(range(numbers[0], numbers[0] + 700))


def test_d13_stuck_deliveries_are_found_after_seconds_and_forgotten_when_settled(hooked, port):
    with Client(port) as client:
        receiver = client.receiver("stuck", answer=None)
        sender = client.sender("stuck")
        sender.wait_credit()
        sent = sender.send(Message(body="x"))
        (arrival,) = receiver.take()
        hooked.wait_line("has a delivery that has not been settled for 3 seconds")
        wait_until(lambda: query(port, "routerMetrics")[0]["deliveriesStuck"] == 2, "both links to have one")
        rows = [row for row in query(port, "router.link") if row["owningAddr"] == "Mstuck"]
        assert [row["deliveriesStuck"] for row in rows] == [1, 1]
        arrival.settle("accepted")
        sent.outcome()
        assert query(port, "routerMetrics")[0]["deliveriesStuck"] == 0


def test_what_the_log_hook_gets_is_logged(hooked, port):
    with Client(port) as client:
        sender = client.sender(f"{TEST}log")
        sender.wait_credit()
        sender.send(Message(body="hear, hear"))
        hooked.wait_line("ROUTER_CORE (error) test hook: hear, hear")


@pytest.mark.parametrize(("named", "number"), [("SIGSEGV", signal.SIGSEGV), ("term", signal.SIGTERM)])
def test_crash_ends_the_process_by_the_signal_named(hooked, port, named, number):
    with Client(port) as client:
        sender = client.sender(f"{TEST}crash")
        sender.wait_credit()
        sender.send(Message(body=named), settled=True)
        assert hooked.wait_exit() == -number


def test_ten_addresses_are_watched(hooked, port):
    for number in range(10):
        hooked.wait_line(f"ADDRESS_WATCH (info) on_watch({number}): loc: 0 rem: 0 prod: 0")
    with Client(port) as client:
        client.receiver("addr_watch/test_address/3")
        hooked.wait_line("on_watch(3): loc: 1 rem: 0 prod: 0")
        client.sender("addr_watch/test_address/3")
        hooked.wait_line("on_watch(3): loc: 1 rem: 0 prod: 1")


def test_without_the_option_there_are_no_hooks(routers, port):
    text = section("router", mode="standalone", id="S")
    text += section("listener", name="clients", host=HOST, port=port)
    router = routers.start("S", text)
    with Client(port) as client:
        sender = client.sender(f"{TEST}crash")
        assert sender.credit == 0
        client.receiver(f"{TEST}deny")
    assert router.running
