"""The addresses and watches that --test-hooks opens, and that nobody has them without it (texts.md §5)."""

from __future__ import annotations

import signal
import sys
import threading

import pytest
from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container
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


def told(events):
    (arrival,) = events.take()
    return arrival.message.subject, arrival.body["local"], arrival.body["producers"]


class Peer(MessagingHandler):
    """A client in a thread that ends by itself."""

    container_id = None

    def __init__(self, port):
        super().__init__()
        self.port = port

    def start(self):
        container = Container(self)
        if self.container_id is not None:
            container.container_id = self.container_id
        thread = threading.Thread(target=container.run, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()

    def on_start(self, event):
        self.connection = event.container.connect(f"{HOST}:{self.port}", reconnect=False)
        self.begin(event)


class Looped(Peer):
    """Attaches one link to echo and uses the one that comes back."""

    def __init__(self, port):
        super().__init__(port)
        self.addresses, self.got, self.ended, self.sent = [], [], "", False

    def run(self, attach):
        self.attach = attach
        self.start()

    def begin(self, event):
        make = event.container.create_receiver if self.attach == "receiver" else event.container.create_sender
        self.link = make(self.connection, f"{TEST}echo")

    def on_link_opening(self, event):
        link = event.link
        self.addresses.append((link.remote_source.address, link.remote_target.address))
        link.source.address, link.target.address = self.addresses[-1]
        link.open()
        if link.is_receiver:
            link.flow(10)

    def on_sendable(self, event):
        if not self.got and not self.sent:
            self.sent = True
            event.sender.send(Message(body="number 1"))

    def on_message(self, event):
        self.got.append(event.message.body)
        self.link.close()

    def on_link_closed(self, event):
        if event.link != self.link:
            self.ended = "closed with the other"
            self.connection.close()

    on_link_closing = on_link_closed


class Answering(Peer):
    """The container that the client inside the router speaks to."""

    container_id = "io.skupper.router.test_core_client"

    def __init__(self, port):
        super().__init__(port)
        self.asked = []

    def run(self):
        self.start()

    def begin(self, _event):
        self.replies = None

    def on_link_opening(self, event):
        link = event.link
        if link.is_sender:
            assert link.remote_source.dynamic
            link.source.address = "replies"
            self.replies = link
        else:
            assert link.remote_target.address == "test_core_client_address"
            link.target.address = link.remote_target.address
        link.open()

    def on_message(self, event):
        message = event.message
        assert message.reply_to == "replies"
        self.asked.append(message.correlation_id)
        self.replies.send(Message(correlation_id=message.correlation_id, body="done"))
        if len(self.asked) == 4:
            self.connection.close()


def test_a14_sinks_accept_and_deny_refuses(hooked, port):
    with Client(port) as client:
        for name in ("sink", "discard"):
            sender = client.sender(TEST + name)
            sender.wait_credit()
            assert sender.send(Message(body="x")).outcome().state == "accepted"
        for link in (client.sender(f"{TEST}deny", ready=False), client.receiver(f"{TEST}deny", ready=False)):
            assert client.wait(lambda link=link: link.trouble, "the refusal").condition == "amqp:not-found"


@pytest.mark.parametrize(("name", "settled"), [("source_ps", True), ("source", False)])
def test_a14_a_source_sends_for_as_long_as_there_is_credit(hooked, port, name, settled):
    with Client(port) as client:
        receiver = client.receiver(TEST + name, credit=0)
        receiver.flow(700)
        arrivals = receiver.take(700)
        numbers = [int(arrival.body) for arrival in arrivals]
        assert numbers == list(range(numbers[0], numbers[0] + 700))
        assert {arrival.settled for arrival in arrivals} == {settled}


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


def test_a14_a_link_to_echo_is_answered_by_one_the_other_way(hooked, port):
    peer = Looped(port)
    peer.run("receiver")
    assert peer.addresses == [(f"{TEST}echo", f"{TEST}echo")]
    assert peer.got == ["number 1"]
    assert peer.ended == "closed with the other"


def test_a14_what_is_sent_to_echo_comes_back_on_its_own_link(hooked, port):
    peer = Looped(port)
    peer.run("sender")
    assert peer.got == ["number 1"]
    assert peer.ended == "closed with the other"


def test_a14_the_client_inside_asks_a_container_of_its_name(hooked, port):
    peer = Answering(port)
    peer.run()
    assert peer.asked[:3] == [1, 2, 3]
    for number in (1, 2, 3):
        hooked.wait_line("ROUTER_CORE (info) client test request done error=None", f"request={number} ")


def test_a14_watches_come_and_go_by_message(hooked, port):
    with Client(port) as client:
        events = client.receiver("_local/_testhook/watch_event")
        control = client.sender("_local/_testhook/address_watch")
        control.wait_credit()
        control.send(Message(subject="watch-on", body="looked/at"))
        assert told(events) == ("looked/at", 0, 0)
        client.receiver("looked/at")
        assert told(events) == ("looked/at", 1, 0)
        client.sender("looked/at")
        assert told(events) == ("looked/at", 1, 1)
        control.send(Message(subject="watch-off", body="looked/at"))
        control.send(Message(subject="watch-off", body="looked/at"))
        hooked.wait_line("ADDRESS_WATCH (error) test hook: watch-off looked/at: nothing to do")
        client.receiver("looked/at")
        control.send(Message(subject="watch-on", body="looked/at"))
        assert told(events) == ("looked/at", 2, 1)
        control.send(Message(subject="watch", body="looked/at"))
        hooked.wait_line("ADDRESS_WATCH (error) test hook: a watch needs the subject")


def test_a14_what_the_log_hook_gets_is_logged(hooked, port):
    with Client(port) as client:
        sender = client.sender(f"{TEST}log")
        sender.wait_credit()
        sender.send(Message(body="hear, hear"))
        hooked.wait_line("ROUTER_CORE (error) test hook: hear, hear")


@pytest.mark.parametrize(("named", "number"), [("SIGSEGV", signal.SIGSEGV), ("term", signal.SIGTERM)])
def test_a14_crash_ends_the_process_by_the_signal_named(hooked, port, named, number):
    with Client(port) as client:
        sender = client.sender(f"{TEST}crash")
        sender.wait_credit()
        sender.send(Message(body=named), settled=True)
        assert hooked.wait_exit() == -number


def test_a14_ten_addresses_are_watched(hooked, port):
    for number in range(10):
        hooked.wait_line(f"ADDRESS_WATCH (info) on_watch({number}): loc: 0 rem: 0 prod: 0")
    with Client(port) as client:
        client.receiver("addr_watch/test_address/3")
        hooked.wait_line("on_watch(3): loc: 1 rem: 0 prod: 0")
        client.sender("addr_watch/test_address/3")
        hooked.wait_line("on_watch(3): loc: 1 rem: 0 prod: 1")


def test_a14_without_the_option_there_are_no_hooks(routers, port):
    text = section("router", mode="standalone", id="S")
    text += section("listener", name="clients", host=HOST, port=port)
    router = routers.start("S", text)
    with Client(port) as client:
        sender = client.sender(f"{TEST}crash")
        assert sender.credit == 0
        client.receiver(f"{TEST}deny")
    assert router.running
