"""What our routers send for the same step as real ones did: equal but for ids, times and names."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from proton import Message, symbol
from skrouter.amqp import message as messages
from skrouter.amqp.types import ULong
from skrouter_testing.amqp_client import Client, Outcome
from skrouter_testing.captures import CapturedFrame
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.relay import Relay
from skrouter_testing.wire import captured, expected, same, shown

STEPS_01 = (
    *(4, 10, 11, 15, 17, 19, 28, 39, 41, 61, 72, 74, 94, 105, 118, 122, 123, 128, 129, 132, 136, 140),
    *(264, 266, 281, 292, 297, 302),
)
"""Of 01-interior-pair: SASL, opens, begins, attaches, first credit, HELLO to MAR, deliveries and outcomes."""
STEPS_04 = (30, 31, 32, 33, 63, 64, 65, 66, 146, 148, 150, 152, 154, 156, 166, 343, 344, 600)
"""Of 04-tcp-adaptor: attaches, streaming links, stream heads, acknowledgement, window, failed connect."""


class Service(threading.Thread):
    """A TCP server that sends as much as it is asked for, then echoes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server((HOST, 0))
        self.port = self.socket.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                while octets := client.recv(65536):
                    client.sendall(octets)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[tuple[str, tuple[str, ...]]]]:
    """Everything that passed between two routers, by direction."""
    relay_port, router_port, a_port, b_port, tcp_port, dead_port = (free_port() for _ in range(6))
    anonymous = {"saslMechanisms": "ANONYMOUS"}
    service = Service()
    service.start()
    a = "".join((
        section("router", mode="interior", id="A"),
        section("listener", name="ir", host=HOST, port=router_port, role="inter-router", **anonymous),
        section("listener", name="clients", host=HOST, port=a_port, **anonymous),
        section("tcpListener", name="lst-svc", host=HOST, port=tcp_port, address="svc"),
        section("tcpListener", name="lst-dead", host=HOST, port=dead_port, address="dead"),
    ))  # fmt: skip
    a += section("tcpConnector", name="back", host=HOST, port=service.port, address="back")
    b = "".join((
        section("router", mode="interior", id="B"),
        section("connector", name="to-a", host=HOST, port=relay_port, role="inter-router"),
        section("listener", name="clients", host=HOST, port=b_port, **anonymous),
        section("tcpConnector", name="svc", host=HOST, port=service.port, address="svc"),
        section("tcpConnector", name="dead", host=HOST, port=free_port(), address="dead"),
    ))  # fmt: skip
    with Routers(tmp_path_factory.mktemp("wire")) as routers, Relay(relay_port, router_port) as relay:
        routers.start("A", a)
        routers.start("B", b)
        routers["A"].wait_line("Listener lst-svc: listening")
        routers["A"].wait_line("Listener lst-dead: listening")
        exchange_messages(a_port, b_port)
        exchange_octets(tcp_port, dead_port)
        names = {True: "B->A", False: "A->B"}
        seen: set[tuple[str, tuple[str, ...]]] = set()

        def look() -> bool:
            seen.update((names[frame.dialled], shown(frame)) for frame in relay.frames())
            return {expected(frame) for frame in captured("04-tcp-adaptor.txt", (600,))} <= {
                line for _, line in seen
            }

        wait_until(look, "the failed connect to be told", 10)
        yield seen
    service.socket.close()


def exchange_messages(a_port: int, b_port: int) -> None:
    """The deliveries of the capture: accepted, released, modified, rejected, and one of priority seven."""
    with Client(b_port) as there, Client(a_port) as here:
        receiver = there.receiver("foo", answer=None)
        sender = here.sender("foo")
        plain = messages.Message(  # without the header that proton's own class writes
            properties=messages.Properties(message_id=ULong(1)),
            application_properties={"k": "v"},
            body="hello unsettled",
        )
        first = sender.send(messages.encode_message(plain))
        receiver.take()[0].settle("accepted")
        first.outcome()
        for outcome in (
            Outcome("released"),
            Outcome(
                "modified",
                failed=True,
                undeliverable=True,
                annotations={symbol("x-opt-note"): "try elsewhere"},
            ),
            Outcome("rejected", "example:rejected", "rejected on purpose"),
        ):
            sending = sender.send(Message(id=2, body="x"))
            receiver.take()[0].settle(outcome)
            sending.outcome()
        anonymous = here.sender(None)
        last = anonymous.send(Message(id=6, address="foo", priority=7, body="priority seven"))
        receiver.take()[0].settle("accepted")
        last.outcome()


def exchange_octets(tcp_port: int, dead_port: int) -> None:
    """3 MB there and back, and a connection to a server that is not there."""
    with socket.create_connection((HOST, tcp_port)) as client:
        threading.Thread(target=client.sendall, args=(bytes(3_000_000),), daemon=True).start()
        left = 3_000_000
        while left:
            left -= len(client.recv(65536))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    with socket.create_connection((HOST, dead_port)) as client:
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):  # that, or the end, tells that there is no server
            assert client.recv(1) == b""


@pytest.mark.parametrize(
    "frame",
    [*captured("01-interior-pair.txt", STEPS_01), *captured("04-tcp-adaptor.txt", STEPS_04)],
    ids=lambda frame: frame.source,
)
def test_the_same_step_looks_the_same_on_the_wire(
    frame: CapturedFrame, sent: set[tuple[str, tuple[str, ...]]]
) -> None:
    same_kind = {lines for direction, lines in sent if direction == frame.direction and same(lines, frame)}
    print(*sorted(map(str, same_kind)), sep="\n")
    assert expected(frame) in same_kind


def test_the_first_hello_names_nobody(sent: set[tuple[str, tuple[str, ...]]]) -> None:
    """Whose HELLO is the first is chance; the other one has heard it. Who dialled sends on handle 1."""
    (frame,) = captured("01-interior-pair.txt", (116,))
    first = expected(frame)
    changes = {'"0/A"': '"0/B"', '"id": "A"': '"id": "B"', "handle=uint(0)": "handle=uint(1)"}
    other = first
    for of_a, of_b in changes.items():
        other = tuple(line.replace(of_a, of_b) for line in other)
    print(*sorted(str(line) for line in sent if "HELLO" in str(line)), sep="\n")
    assert {("A->B", first), ("B->A", other)} & sent
