"""Networks that share no topology: what autoLinks let pass between them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.tcp_peers import Service, connect, exchange
from skrouter_testing.topology import Link, Topology

NETWORKS = {"A": "net-a", "B": "net-b"}


def auto_links(network: str, connection: str, *services: str) -> str:
    """What a network pulls: the replies for itself, and these services' requests."""
    link = {"connection": connection, "direction": "in"}
    replies = section("autoLink", name="replies", externalAddress=f"_xtopo/{network}", **link)
    return replies + "".join(
        section("autoLink", name=f"pull-{service}", address=service, **link) for service in services
    )


@dataclass(frozen=True, slots=True)
class Sides:
    """A and B with one connection, from B to A; services `in-a` and `in-b` are served there."""

    topology: Topology
    tcp_port: int = 0

    def port(self, name: str) -> int:
        return self.topology.ports[name]

    def wait_joined(self) -> None:
        """Until every autoLink of both is active."""
        for name in NETWORKS:
            wait_until(partial(self.has_links, name, "active"), f"the autoLinks of {name}")

    def has_links(self, name: str, state: str) -> bool:
        """Whether all autoLinks of a router are in this state."""
        return {row["operStatus"] for row in query(self.port(name), "router.config.autoLink")} == {state}


def make_sides(routers: Routers, service_port: int = 0, tcp_port: int = 0) -> Sides:
    extra = {
        "A": auto_links("net-a", "inter-network", "in-a", "both"),
        "B": auto_links("net-b", "to-A", "in-b", "both", "web"),
    }
    if service_port:
        extra["A"] += section("tcpListener", name="web", host=HOST, port=tcp_port, address="web")
        extra["B"] += section("tcpConnector", name="web", host=HOST, port=service_port, address="web")
    link = Link("B", "A", role="inter-network")
    return Sides(Topology(routers, "AB", [link], networks=NETWORKS, extra=extra), tcp_port)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[Sides]:
    with Routers(tmp_path_factory.mktemp("networks")) as routers:
        made = make_sides(routers, service.port, free_port())
        made.topology.start()
        made.wait_joined()
        yield made


def ask(topology: Topology, asks: str, serves: str, border: str, address: str) -> str:
    """A request from one router, its reply from another; the address that the reply went to.

    `border` is the router that pulls the address: credit that it has given once it does not take back.
    """
    with Client(topology.ports[serves]) as there, Client(topology.ports[asks]) as here:
        requests = there.receiver(address)
        topology.wait_reachable(border, address)
        replies = here.receiver(None, dynamic=True)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(reply_to=replies.address, body="question"))
        (request,) = requests.take()
        assert sent.outcome().state == "accepted"
        answer = there.sender(None).send(Message(address=request.message.reply_to, body="answer"))
        assert answer.outcome().state == "accepted"
        assert replies.take()[0].body == "answer"
        return str(request.message.reply_to)


@pytest.mark.parametrize(("asks", "serves", "address"), [("B", "A", "in-a"), ("A", "B", "in-b")])
def test_b4_a_request_and_its_reply_cross_between_networks(
    sides: Sides, asks: str, serves: str, address: str
) -> None:
    reply_to = ask(sides.topology, asks, serves, serves, address)
    assert reply_to.startswith(f"amqp:/_xtopo/{NETWORKS[asks]}/0/{asks}/temp.")


@pytest.mark.parametrize(("asks", "serves", "address"), [("B", "A", "in-a"), ("A", "B", "in-b")])
def test_b4_what_crosses_is_counted_on_both_sides(sides: Sides, asks: str, serves: str, address: str) -> None:
    def counts() -> dict[str, list[int]]:
        names = ("deliveriesEgressInterNetwork", "deliveriesIngressInterNetwork")
        rows = {name: query(sides.port(name), "routerMetrics")[0] for name in NETWORKS}
        return {name: [row[one] for one in names] for name, row in rows.items()}

    before = counts()
    ask(sides.topology, asks, serves, serves, address)
    after = counts()
    changes = {
        name: [new - old for new, old in zip(after[name], before[name], strict=True)] for name in after
    }
    assert changes == {"A": [1, 1], "B": [1, 1]}  # the request one way, the reply the other


def test_b4_an_address_without_auto_link_does_not_cross(sides: Sides) -> None:
    with Client(sides.port("A")) as there, Client(sides.port("B")) as here:
        there.receiver("plain")
        sent = here.sender(None).send(Message(address="plain", body="x"))
        assert sent.outcome().state == "released"
        assert sides.topology.destinations("B", "plain") == (0, 0)


def test_requests_are_pulled_and_not_pushed(sides: Sides) -> None:
    """A pulls `in-a`; a consumer of it in B is none of A's."""
    with Client(sides.port("B")) as there, Client(sides.port("A")) as here:
        there.receiver("in-a")
        sent = here.sender(None).send(Message(address="in-a", body="x"))
        assert sent.outcome().state == "released"


def test_an_address_that_both_pull_does_not_go_round(sides: Sides) -> None:
    with Client(sides.port("A")) as here:
        sent = here.sender(None).send(Message(address="both", body="x"))
        assert sent.outcome().state == "released"


def test_the_other_network_is_one_address(sides: Sides) -> None:
    assert sides.topology.destinations("A", "net-b", "N") == (1, 0)
    assert sides.topology.destinations("B", "net-a", "N") == (1, 0)
    assert sides.topology.known("A") == {"A"}


def test_the_service_of_another_network_is_reached_by_tcp(sides: Sides, service: Service) -> None:
    sides.topology["A"].wait_line("Listener web: listening for client connections")
    for _ in range(3):
        client = connect(sides.tcp_port)
        server = service.accept()
        with client, server:
            exchange(client, server, 3_000_000, 20)


def test_a_network_that_was_lost_is_joined_again(routers: Routers) -> None:
    sides = make_sides(routers)
    sides.topology.start()
    sides.wait_joined()
    ask(sides.topology, "B", "A", "A", "in-a")
    sides.topology["B"].kill()
    wait_until(partial(sides.has_links, "A", "inactive"), "A to notice")
    sides.topology["B"].start()
    sides.wait_joined()
    ask(sides.topology, "B", "A", "A", "in-a")
    ask(sides.topology, "A", "B", "B", "in-b")


# --- networks of several routers


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[tuple[Topology, int]]:
    """E1 - A3 - A2 - A1 = B1 - B2 - B3 - E2, `=` between networks; TCP from E1 to a service at E2."""
    names = ["A1", "A2", "A3", "B1", "B2", "B3", "E1", "E2"]
    links = [Link(*pair) for pair in (("A2", "A1"), ("A3", "A2"), ("B2", "B1"), ("B3", "B2"))]
    links += [Link("E1", "A3"), Link("E2", "B3"), Link("B1", "A1", role="inter-network")]
    networks = {name: "net-a" if name in {"A1", "A2", "A3", "E1"} else "net-b" for name in names}
    tcp_port = free_port()
    extra = {
        "A1": auto_links("net-a", "inter-network")
        + section(
            "autoLink",
            name="renamed",
            address="mine",
            externalAddress="theirs",
            connection="inter-network",
            direction="in",
        ),
        "B1": auto_links("net-b", "to-A1", "in-b", "web"),
        "E1": section("tcpListener", name="web", host=HOST, port=tcp_port, address="web"),
        "E2": section("tcpConnector", name="web", host=HOST, port=service.port, address="web"),
    }
    with Routers(tmp_path_factory.mktemp("wide")) as routers:
        yield Topology(routers, names, links, networks=networks, extra=extra).start(), tcp_port


def test_every_router_of_a_network_knows_the_way_to_the_other(wide: tuple[Topology, int]) -> None:
    topology, _ = wide
    for name, network in (("A2", "net-b"), ("A3", "net-b"), ("B2", "net-a"), ("B3", "net-a")):
        found = partial(topology.destinations, name, network, "N")
        wait_until(lambda found=found: found() == (0, 1), f"{network} at {name}")


@pytest.mark.parametrize(("asks", "serves"), [("A3", "B3"), ("E1", "B3"), ("A3", "E2"), ("E1", "E2")])
def test_a_request_crosses_from_any_router_to_any_router(
    wide: tuple[Topology, int], asks: str, serves: str
) -> None:
    topology, _ = wide
    for name in ("A1", "A2"):
        found = partial(topology.destinations, name, "E1", "H")
        wait_until(lambda found=found: found() == (0, 1), f"E1 at {name}")
    reply_to = ask(topology, asks, serves, "B1", "in-b")
    kind = "_xedge/net-a/" if asks == "E1" else "_xtopo/net-a/0/"
    assert reply_to.startswith(f"amqp:/{kind}{asks}/temp.")


def test_a_renamed_address_keeps_its_new_name_on_every_hop(wide: tuple[Topology, int]) -> None:
    topology, _ = wide
    with Client(topology.ports["A3"]) as there, Client(topology.ports["B3"]) as here:
        receiver = there.receiver("mine")
        topology.wait_reachable("A1", "mine")
        topology.wait_reachable("B3", "theirs")
        for sender in (here.sender("theirs"), here.sender(None)):
            assert sender.send(Message(address="theirs", body="x")).outcome().state == "accepted"
            receiver.take()


def test_a_tcp_service_behind_an_edge_router_is_reached_from_behind_another(
    wide: tuple[Topology, int], service: Service
) -> None:
    topology, port = wide
    topology["E1"].wait_line("Listener web: listening for client connections")
    topology.wait_reachable("B1", "web")
    client = connect(port)
    server = service.accept()
    with client, server:
        exchange(client, server, 3_000_000, 20)
