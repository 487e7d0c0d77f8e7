"""Edge routers in a network of processes: interior routers A - B, three edges on A, two on B, one on both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, Outcome, Receiver
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.tcp_peers import Service, connect, exchange
from skrouter_testing.topology import Link, Topology
from skrouter_testing.traffic import carry
from skrouter_testing.trickle import Trickle

EDGES = {"E1": "A", "E2": "A", "E3": "A", "E4": "B", "E5": "B"}
LOST = Outcome("modified", failed=True)
WAYS = [("E1", "A"), ("A", "E1"), ("E1", "B"), ("B", "E1"), ("E1", "E2"), ("E1", "E4"), ("E6", "E4")]
"""Every kind of way: up, down, further on, and from edge to edge near and far."""
TCP_WAYS = {"near": ("E1", "E2"), "far": ("E1", "E4"), "up": ("E2", "B"), "down": ("A", "E4")}


class Net(Topology):
    """The network, and a TCP service at the end of each way in `TCP_WAYS`."""

    def __init__(self, routers: Routers) -> None:
        links = [Link("B", "A"), *(Link(edge, interior) for edge, interior in EDGES.items())]
        links += [Link("E6", "A"), Link("E6", "B")]
        self.services = {name: Service() for name in TCP_WAYS}
        self.tcp_ports = {name: free_port() for name in TCP_WAYS}
        extra: dict[str, str] = {}
        for name, (first, last) in TCP_WAYS.items():
            listener = section(
                "tcpListener", name=f"in-{name}", host=HOST, port=self.tcp_ports[name], address=f"tcp-{name}"
            )
            connector = section(
                "tcpConnector",
                name=f"out-{name}",
                host=HOST,
                port=self.services[name].port,
                address=f"tcp-{name}",
            )
            extra[first] = extra.get(first, "") + listener
            extra[last] = extra.get(last, "") + connector
        super().__init__(routers, ["A", "B", *EDGES, "E6"], links, extra=extra)

    def way(self, first: str, last: str) -> tuple[int, int]:
        """The clients' ports of two routers."""
        return self.ports[first], self.ports[last]

    def tools(self, tool: str, at: str, *arguments: str) -> str:
        """What a tool prints. AssertionError unless it ends well."""
        command = [sys.executable, "-P", "-m", f"skrouter.cli.{tool}", "-b", f"{HOST}:{self.ports[at]}"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with Routers(tmp_path_factory.mktemp("edge")) as routers, ExitStack() as stack:
        net = Net(routers)
        for service in net.services.values():
            stack.enter_context(service)
        yield net.start()


def clients(stack: ExitStack, net: Net, names: tuple[str, ...]) -> dict[str, Client]:
    return {name: stack.enter_context(Client(net.ports[name])) for name in names}


def counts(receivers: dict[str, Receiver]) -> dict[str, int]:
    return {name: len(receiver.arrivals) for name, receiver in receivers.items()}


# --- anycast


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_c11_messages_pass_every_way_once_and_in_order(net, address, way, settled):
    carry(net.way(*way), address, [100] * 200, settled=settled)


@pytest.mark.parametrize("way", [("E1", "E4"), ("E2", "A"), ("B", "E3")], ids="-".join)
def test_five_megabytes_and_two_thousand_small_messages_pass_in_order(net, address, way):
    carry(net.way(*way), address, [*[50] * 1000, 5_000_000, *[50] * 1000], timeout=60)


def test_c13_an_anonymous_sender_reaches_every_router(net, address):
    with ExitStack() as stack:
        at = clients(stack, net, ("E1", "E2", "E4", "A", "B"))
        receivers = {name: at[name].receiver(f"{address}/{name}") for name in at}
        for name in at:
            net.wait_reachable("A", f"{address}/{name}")
            net.wait_reachable("B", f"{address}/{name}")
        for sender in at.values():
            anonymous = sender.sender(None)
            for name in at:
                sent = anonymous.send(Message(address=f"{address}/{name}", body=name))
                assert sent.outcome().state == "accepted"
        assert counts(receivers) == dict.fromkeys(at, 5)


def test_an_address_that_nobody_serves_gives_no_credit_and_releases_what_is_sent(net, address):
    with Client(net.ports["E1"]) as client:
        assert client.sender(address).credit == 0
        sent = client.sender(None).send(Message(address=address, body="x"))
        assert sent.outcome() == Outcome("released")


def test_closest_stays_at_the_edge_and_then_takes_its_interior_router(net, address_below):
    address = address_below("closest")
    with ExitStack() as stack:
        at = clients(stack, net, ("E1", "A", "B"))
        receivers = {name: at[name].receiver(address) for name in at}
        wait_until(lambda: net.destinations("A", address) == (2, 1), "all consumers to be known")
        sender = at["E1"].sender(address)
        sender.wait_credit()
        for _ in range(10):
            assert sender.send(Message(body="x")).outcome().state == "accepted"
        assert sum(counts(receivers).values()) == 10
        assert counts(receivers)["B"] == 0
        receivers["E1"].close()
        wait_until(lambda: net.destinations("A", address) == (1, 1), "the edge's consumer to be gone")
        for _ in range(10):
            assert sender.send(Message(body="x")).outcome().state == "accepted"
        assert counts(receivers)["A"] >= 10
        assert counts(receivers)["B"] == 0
        receivers["A"].close()
        wait_until(lambda: net.destinations("A", address) == (0, 1), "the interior's consumer to be gone")
        assert sender.send(Message(body="x")).outcome().state == "accepted"
        assert counts(receivers)["B"] == 1


def test_balanced_gives_unsettled_messages_to_all_of_the_network(net, address):
    with ExitStack() as stack:
        at = clients(stack, net, ("E1", "E2", "E4"))
        receivers = {name: at[name].receiver(address, answer=None) for name in at}
        wait_until(lambda: net.destinations("A", address) == (2, 1), "all consumers to be known")
        sender = at["E1"].sender(address)
        sender.wait_credit()
        wait_until(lambda: net.destinations("E1", address) == (2, 0), "E1 to know that there are others")
        for _ in range(30):
            sender.send(Message(body="x"))
        wait_until(lambda: sum(counts(receivers).values()) == 30, "all to arrive")
        assert min(counts(receivers).values()) > 2, counts(receivers)


# --- multicast

CONSUMERS = ("E1", "E2", "E4", "E6", "A", "B")


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
@pytest.mark.parametrize("anonymous", [False, True], ids=["to its target", "anonymous"])
@pytest.mark.parametrize("origin", ["E1", "E3", "A", "B"])
def test_multicast_reaches_each_consumer_exactly_once(net, address_below, origin, anonymous, settled):
    address = address_below("multicast")
    with ExitStack() as stack:
        at = clients(stack, net, CONSUMERS)
        receivers = {f"{name}{n}": at[name].receiver(address) for name in CONSUMERS for n in (1, 2)}
        client = stack.enter_context(Client(net.ports[origin]))
        sender = client.sender(None if anonymous else address)
        if not anonymous:
            sender.wait_credit()
        both = {name: net.destinations(name, "E6", "H")[0] for name in "AB"}
        wait_until(lambda: net.destinations("A", address) == (4 + both["A"], 1), "A to know all")
        wait_until(lambda: net.destinations("B", address) == (3 + both["B"], 1), "B to know all")
        if origin in EDGES and not anonymous:
            local = 2 if origin in CONSUMERS else 0
            wait_until(lambda: net.destinations(origin, address) == (local + 1, 0), "the way to others")

        sent = [sender.send(Message(address=address, body=number), settled=settled) for number in range(20)]

        for name, receiver in receivers.items():
            assert [arrival.body for arrival in receiver.take(20)] == list(range(20)), name
        assert {each.outcome().state for each in sent} == {"settled" if settled else "accepted"}
        assert sender.send(Message(address=address, body="fence")).outcome().state == "accepted"
        assert counts(receivers) == dict.fromkeys(receivers, 21)


# --- replies


@pytest.mark.parametrize("server", ["E1", "E4", "E6", "A", "B"])
def test_c13_replies_reach_dynamic_addresses_in_all_directions(net, address, server):
    with ExitStack() as stack:
        at = clients(stack, net, ("E1", "E2", "E4", "E6", "A", "B"))
        service = at[server].receiver(address)
        answers = at[server].sender(None)
        for name, client in at.items():
            replies = client.receiver(None, dynamic=True)
            kind = f"amqp:/_edge/{name}/temp." if name in {*EDGES, "E6"} else f"amqp:/_topo/0/{name}/temp."
            assert replies.address.startswith(kind)
            request = client.sender(address)
            request.wait_credit()
            assert request.send(Message(body=name, reply_to=replies.address)).outcome().state == "accepted"
            question = service.take()[0].message
            sent = answers.send(Message(address=question.reply_to, body=f"to {question.body}"))
            assert sent.outcome().state == "accepted", name
            assert replies.take()[0].body == f"to {name}"


def test_a_reply_address_of_a_client_that_has_gone_is_released(net):
    with Client(net.ports["E1"]) as here, Client(net.ports["E4"]) as there:
        replies = here.receiver(None, dynamic=True)
        gone = replies.address
        replies.close()
        assert there.sender(None).send(Message(address=gone, body="x")).outcome() == Outcome("released")


# --- management


@pytest.mark.parametrize(("at", "router"), [("E1", "A"), ("E1", "B"), ("E4", "A")])
def test_c7_an_interior_router_is_managed_from_an_edge(net, at, router):
    assert [row["id"] for row in query(net.ports[at], "router", router=router)] == [router]


@pytest.mark.parametrize(("at", "edge"), [("A", "E1"), ("B", "E1"), ("E1", "E1"), ("E4", "E1"), ("E1", "E6")])
def test_c7_an_edge_router_is_managed_from_anywhere(net, at, edge):
    rows = query(net.ports[at], "router", edge=edge)
    assert [(row["id"], row["mode"]) for row in rows] == [(edge, "edge")]


def test_an_edges_own_agent_is_the_one_without_address(net):
    assert [row["id"] for row in query(net.ports["E2"], "router")] == ["E2"]


def test_skstat_shows_edges_and_speaks_through_them(net):
    directly = net.tools("skstat", "E1", "-g")
    assert net.tools("skstat", "B", "-g", "-d", "E1").splitlines()[1:3] == directly.splitlines()[1:3]
    assert "Router is Standalone - No Router List" in net.tools("skstat", "E1", "-n")
    assert "interior" in net.tools("skstat", "E1", "-g", "-r", "B")
    shown = net.tools("skstat", "A", "-e")
    assert all(name in shown for name in ("E1", "E2", "E3")), shown
    assert "E4" not in shown


# --- TCP


@pytest.mark.parametrize("way", TCP_WAYS)
def test_c15_tcp_passes_edges_both_ways_at_once(net, way):
    net[TCP_WAYS[way][0]].wait_line(f"Listener in-{way}: listening for client connections")
    with connect(net.tcp_ports[way]) as client, net.services[way].accept() as server:
        exchange(client, server, 5_000_000, 30)


# --- ends


@pytest.mark.parametrize("origin", ["E1", "B"])
def test_killing_an_edge_modifies_what_it_had_and_it_is_found_again(net, address, origin):
    with Client(net.ports[origin]) as here:
        there = Client(net.ports["E5"]).__enter__()
        receiver = there.receiver(address, credit=5, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = [sender.send(Message(body=number)) for number in range(20)]
        receiver.take(5)

        net["E5"].kill()

        outcomes = [each.outcome() for each in sent]
        assert all(outcome in (LOST, Outcome("released")) for outcome in outcomes)
        assert outcomes[:5] == [LOST] * 5
        there.kill()
        net.wait_gone("B", address)
        net.start("E5")
        carry(net.way(origin, "E5"), address, [10, 100_000] * 10)
        wait_until(lambda: net.destinations("B", "E5", "H") == (1, 0), "one downlink of E5")


def test_consumers_that_come_and_go_leave_no_links_behind(net, address):
    def links() -> int:
        return sum(row["owningAddr"] != "" for row in query(net.ports["E2"], "router.link"))

    before = links()
    with Client(net.ports["E2"]) as client:
        for number in range(30):
            receiver = client.receiver(f"{address}/{number}")
            sender = client.sender(f"{address}/{number}")
            receiver.close()
            sender.close()
    wait_until(lambda: links() <= before, "all links to be gone")


@pytest.fixture
def pair(routers: Routers) -> Topology:
    """E1 at both of A and B, which are neighbors."""
    return Topology(routers, ["A", "B", "E1"], [Link("B", "A"), Link("E1", "A"), Link("E1", "B")]).start()


def active_of(pair: Topology) -> str:
    def found() -> list[str]:
        return [name for name in "AB" if pair.routers[name].running and pair.destinations(name, "E1", "H")[0]]

    wait_until(lambda: len(found()) == 1, "one active uplink")
    return found()[0]


@pytest.mark.parametrize("towards", ["in", "out"])
def test_c11_failover_moves_traffic_within_a_second_and_loses_nothing_accepted(pair, address, towards):
    wait_until(
        lambda: sum(row["role"] == "edge" for row in query(pair.ports["E1"], "connection")) == 2,
        "two uplinks",
    )
    active = active_of(pair)
    other = "B" if active == "A" else "A"
    ports = (pair.ports["E1"], pair.ports[other])
    with Trickle(ports if towards == "out" else ports[::-1], address) as trickle:
        pair[active].kill()
        assert trickle.wait_moved() < 1
        pair[active].start()
        pair.wait_settled()
        assert active_of(pair) == other
        trickle.finish()
