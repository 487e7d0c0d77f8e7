"""Policy holds on real sockets: what the recorded cases do not show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from skrouter.amqp import codec
from skrouter.config.model import VhostConfig
from skrouter_testing import frames
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import AMQP_HEADER, Peer, composite, message
from skrouter_testing.policy_cases import Client

CONF = """
router {
    mode: interior
    id: A
}
policy {
    enableVhostPolicy: true
}
listener {
    name: clients
    host: 127.0.0.1
    port: 0
    authenticatePeer: no
    saslMechanisms: ANONYMOUS
}
vhost {
    hostname: open
    allowUnknownUser: true
    groups: {
        "$default": {
            "remoteHosts": "*",
            "sources": "*",
            "targets": "*",
            "allowAnonymousSender": true,
            "allowUserIdProxy": true
        }
    }
}
vhost {
    hostname: narrow
    allowUnknownUser: true
    maxMessageSize: 400000
    groups: {
        "$default": {
            "remoteHosts": "*",
            "sources": "in*",
            "targets": "out*",
            "maxSessions": 2,
            "maxSenders": 2,
            "maxReceivers": 1,
            "allowAnonymousSender": true,
            "allowAdminStatusUpdate": false
        }
    }
}
"""
WINDOWS = {"next_outgoing_id": 0, "incoming_window": 100, "outgoing_window": 100}
USER = b"\x00\x53\x73\xc0\x07\x02\x40\xa0\x03eve\x00\x53\x75\xa0\x01x"
"""Properties with user-id eve, and a body."""


@pytest.fixture
def the_bench(tmp_path: Path) -> Iterator[Bench]:
    """A router of its own; in the end nothing of its peers is left in it."""
    with bench(tmp_path) as made:
        node = made.node(CONF)
        before = node.live()
        yield made
        made.drop_peers()
        made.rest()
        made.run_until(lambda: node.router.policy.rules.totals.current == 0, "a socket is still counted")
        assert node.live() == before
        for tally in node.router.policy.rules.tallies.values():
            assert tally.current == 0
            assert not any((*tally.users.connections.values(), *tally.hosts.connections.values()))
        assert vars(node.router.policy)["_permits"] == vars(node.router.policy)["_links"] == {}


@pytest.fixture
def node(the_bench: Bench) -> Node:
    return the_bench.nodes[0]


def told(node: Node, *parts: str) -> list[str]:
    lines = [one.text for one in node.router.log.entries if one.module == "POLICY"]
    return [line for line in lines if all(part in line for part in parts)]


def narrow(the_bench: Bench) -> Peer:
    return the_bench.peer(the_bench.nodes[0].ports[0], hostname="narrow")


def changed(node: Node, **values: Any) -> VhostConfig:
    """The vhost `narrow` with other settings for its group."""
    old = next(one for one in node.router.policy.rules.vhosts if one.hostname == "narrow")
    groups = {"$default": {**old.groups["$default"], **values}}
    fields = {name: getattr(old, name) for name in VhostConfig.__dataclass_fields__}
    return VhostConfig(**{**fields, "groups": groups})


def test_a_thousand_refused_connections_leave_nothing(the_bench: Bench, node: Node) -> None:
    policy = node.router.policy.rules
    for some in range(20):
        clients = [Client(node.ports[0]) for _ in range(50)]
        for number, client in enumerate(clients, start=some * 50):
            octets = frames.raw_frame(_encoded("open", container_id="c", hostname=f"none{number}"))
            client.say(AMQP_HEADER + octets + frames.raw_frame(_encoded("begin", **WINDOWS)))
        the_bench.run_until(lambda clients=clients: all(map(_is_closed, clients)), "not refused")
        for client in clients:
            client.close()
    the_bench.run_until(lambda: policy.totals.current == 0, "a connection stays")
    assert policy.totals.processed == 1000
    assert node.router.shell.open_connections == {}
    assert vars(node.router.shell)["_peers"] == vars(node.router.shell)["_denied"] == {}


def test_sessions_begun_before_the_peer_knows_its_limit_are_counted_too(the_bench: Bench, node: Node) -> None:
    client = Client(node.ports[0])
    octets = AMQP_HEADER + frames.raw_frame(_encoded("open", container_id="c", hostname="narrow"))
    for channel in range(3):
        octets += frames.raw_frame(_encoded("begin", **WINDOWS), channel=channel)
    source, target = composite("source", address="in"), composite("target")
    attach = _encoded("attach", name="r", handle=0, role=True, source=source, target=target)
    client.say(octets + frames.raw_frame(attach, channel=2))
    the_bench.run_until(lambda: _is_closed(client), "no close")
    names = [_name(frame) for frame in client.heard()]
    assert names == ["header", "open", "begin", "begin", "close"]
    assert b"amqp:resource-limit-exceeded" in client.heard()[-1]
    assert b"session disallowed by local policy" in client.heard()[-1]
    client.close()
    the_bench.run_until(lambda: told(node, "closed with resources"), "not closed")
    (line,) = told(node, "closed with resources")
    assert "n_sessions=2, n_senders=0, n_receivers=0, sessions_denied=1" in line
    assert node.router.policy.rules.tallies["narrow"].sessions_denied == 1
    assert node.router.policy.rules.totals.denials == 1


def _encoded(performative: str, /, **fields: Any) -> bytes:
    return codec.encode(composite(performative, **fields), codec.COMPACT)


def _is_closed(client: Client) -> bool:
    """Whether the router has said close."""
    return _name((client.heard() or [AMQP_HEADER])[-1]) == "close"


def _name(frame: bytes) -> str:
    return "header" if frame[:4] == b"AMQP" else frames.NAMES[frame[10]]


def test_ended_sessions_and_links_make_room(the_bench: Bench, node: Node) -> None:
    peer = narrow(the_bench)
    first, second, third = (peer.sender("out") for _ in range(3))
    the_bench.run_until(lambda: third.detach is not None, "the third sender is not refused")
    assert third.detach is not None
    assert third.detach["error"].value[0] == "amqp:resource-limit-exceeded"
    assert first.detach is second.detach is None
    first.close()
    the_bench.run_until(lambda: first.detach is not None, "not detached")
    fourth = peer.sender("out")
    the_bench.run_until(lambda: fourth.attach is not None, "no room")
    the_bench.rest()
    assert fourth.detach is None
    peer.end()
    the_bench.rest()
    peer.close()
    the_bench.run_until(lambda: told(node, "closed with resources"), "not closed")
    assert "n_sessions=0, n_senders=0, n_receivers=0" in told(node, "closed with resources")[0]


def test_a_link_that_policy_allows_and_the_core_refuses_is_not_counted(the_bench: Bench, node: Node) -> None:
    node.router.policy.put_vhost(changed(node, sources="*"))
    peer = narrow(the_bench)
    for address in ("_topo/0/B/x", "/", "_topo/0/B/y", "in"):
        link = peer.receiver(address)
        the_bench.run_until(lambda link=link: link.attach is not None, "no answer")
        the_bench.rest()
        assert (link.detach is None) == (address == "in")


def test_d20_a_stream_that_grows_too_large_is_refused_behind_its_beginning(
    the_bench: Bench, node: Node
) -> None:
    receiver = the_bench.peer(node.ports[0], hostname="open").receiver("out", 10)
    sender = narrow(the_bench).sender("out")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sender.send(message(b"x" * 900_000)[:350_000], more=True)
    the_bench.run_until(lambda: receiver.received and len(receiver.received[0].octets) > 250_000, "not begun")
    sender.go_on(b"x" * 100_000, more=True)
    the_bench.run_until(lambda: sender.peer.heard("close"), "the connection stays")
    sender.peer.close()
    the_bench.run_until(lambda: receiver.received[0].aborted, "not aborted")
    (disposition,) = sender.peer.heard("disposition")
    assert disposition["state"].value[0].value[0] == "amqp:link:message-size-exceeded"
    (close,) = sender.peer.heard("close")
    assert close["error"].value[:2] == ["amqp:connection:forced", "Message size exceeded"]
    (detach,) = sender.peer.heard("detach")
    assert (detach["closed"], detach["error"]) == (True, None)
    assert len(told(node, "[L", "DENY AMQP Transfer maxMessageSize exceeded")) == 1
    assert node.router.policy.rules.totals.sizes_denied == 1
    assert receiver.peer.alive


@pytest.mark.parametrize("settled", [True, False])
def test_others_on_a_connection_with_too_large_a_message_learn_their_end(
    the_bench: Bench, node: Node, settled: bool
) -> None:
    receiver = the_bench.peer(node.ports[0], hostname="open").receiver("out", 10)
    peer = narrow(the_bench)
    large, small = peer.sender("out"), peer.sender("out1")
    own = peer.receiver("in", 10)
    the_bench.run_until(lambda: large.credit and own.attach is not None, "no credit")
    large.send(message(b"first"), settled=settled)
    large.send(message(b"x" * 500_000), settled=settled)
    large.send(message(b"third"), settled=settled)
    the_bench.run_until(lambda: peer.heard("close"), "the connection stays")
    peer.close()
    the_bench.rest()
    assert [one.content for one in receiver.received if one.complete] == [message(b"first")]
    assert small.detach is None
    assert len(peer.heard("close")) == 1


def test_f3_an_address_is_judged_once_and_the_judgment_kept(the_bench: Bench, node: Node) -> None:
    receiver = the_bench.peer(node.ports[0], hostname="open").receiver("out/a", 20)
    sender = narrow(the_bench).sender(None)
    the_bench.run_until(lambda: sender.credit, "no credit")
    allowed = [sender.send(message(b"x", to="out/a")) for _ in range(3)]
    denied = [sender.send(message(b"x", to="secret")) for _ in range(3)]
    nowhere = sender.send(message(b"x"))
    the_bench.run_until(lambda: len(receiver.received) == 3 and nowhere.is_settled, "not delivered")
    for one in receiver.received:
        receiver.settle(one)
    the_bench.run_until(lambda: all(one.is_settled for one in allowed), "no outcome")
    assert {one.outcome for one in allowed} == {"accepted"}
    assert {one.outcome for one in denied} == {"rejected"}
    assert denied[0].fields[0].value[:2] == [  # type: ignore[attr-defined]
        "amqp:unauthorized-access",
        "policy violation on target",
    ]
    assert nowhere.outcome == "rejected"
    assert len(told(node, "ALLOW AMQP message to 'out/a'")) == 1
    assert len(told(node, "DENY AMQP message to 'secret'")) == 1
    assert sender.peer.alive


def test_more_addresses_than_are_remembered_are_still_judged_right(the_bench: Bench) -> None:
    sender = narrow(the_bench).sender(None)
    the_bench.run_until(lambda: sender.credit, "no credit")
    for number in range(200):
        long = "x" * 300 if number % 7 == 0 else ""
        bad = sender.send(message(b"x", to=f"secret{number}{long}"))
        good = sender.send(message(b"x", to=f"out{number}{long}"))
        the_bench.run_until(lambda good=good: good.is_settled, "no outcome")
        assert (bad.outcome, good.outcome) == ("rejected", "released")


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (message(b"x"), "released"),
        (b"\x00\x53\x73\xc0\x04\x02\x40\xa0\x00\x00\x53\x75\xa0\x01x", "released"),
        (USER, "rejected"),
        (USER.replace(b"\xa0\x03eve", b"\xa1\x03eve"), "rejected"),
        (b"\x00\xa3\x14amqp:properties:list\xc0\x07\x02\x40\xa0\x03eve\x00\x53\x75\xa0\x01x", "rejected"),
        (b"\x00\x53\x73\xc0\x09\x02\x00\x53\x01\x40\xa0\x03eve\x00\x53\x75\xa0\x01x", "rejected"),
        (b"\x00\x53\x71\xb1" + (70_000).to_bytes(4) + b"a" * 70_000 + USER, "rejected"),
    ],
    ids=[
        "no properties",
        "empty user",
        "another user",
        "as a string",
        "symbolic",
        "described",
        "far",
    ],
)
def test_d20_only_the_user_of_the_connection_may_be_named(
    the_bench: Bench, content: bytes, outcome: str
) -> None:
    """The user here has no name. What we cannot read, somebody else might."""
    sender = narrow(the_bench).sender("out/nobody")
    consumer = the_bench.peer(the_bench.nodes[0].ports[0], hostname="open").receiver("out/nobody", 0)
    the_bench.run_until(lambda: sender.credit, "no credit")
    consumer.close()
    the_bench.rest()
    sent = sender.send(content)
    the_bench.run_until(lambda: sent.is_settled, "no outcome")
    assert sent.outcome == outcome
    if outcome == "rejected":
        assert sent.fields[0].value[:2] == [  # type: ignore[attr-defined]
            "amqp:unauthorized-access",
            "user_id proxy violation",
        ]


def test_a_proxy_may_name_anybody(the_bench: Bench, node: Node) -> None:
    receiver = the_bench.peer(node.ports[0], hostname="open").receiver("x", 10)
    sender = the_bench.peer(node.ports[0], hostname="open").sender("x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sender.send(USER)
    the_bench.run_until(lambda: receiver.received, "not delivered")


def test_f7_a_change_holds_for_connections_to_come(the_bench: Bench, node: Node) -> None:
    before = narrow(the_bench)
    node.router.policy.put_vhost(changed(node, targets="new"))
    after = narrow(the_bench)
    links = [(before.sender("out"), True), (before.sender("new"), False)]
    links += [(after.sender("out"), False), (after.sender("new"), True)]
    the_bench.run_until(lambda: all(link.attach is not None for link, _ in links), "no answers")
    the_bench.rest()
    assert [(link.detach is None) == allowed for link, allowed in links] == [True] * 4
    node.router.policy.put_vhost(changed(node))
    node.router.policy.remove_vhost("narrow")
    refused = Peer(node.ports[0], hostname="narrow")
    the_bench.peers.append(refused)
    the_bench.run_until(lambda: refused.heard("close"), "not refused")
    assert before.alive
    assert told(node, "Deleted policy rules for vhost narrow")
    before.kill()
    after.kill()


def test_f6_whether_others_may_be_closed_is_a_matter_of_the_group(the_bench: Bench, node: Node) -> None:
    narrow(the_bench)
    the_bench.peer(node.ports[0], hostname="open")
    first, second = node.router.shell.open_connections
    assert not node.router.policy.may_update(first)
    assert node.router.policy.may_update(second)
    assert node.router.policy.may_update(0)


def test_counters_are_true_after_a_loss(the_bench: Bench, node: Node) -> None:
    peer = narrow(the_bench)
    peer.sender("out")
    peer.receiver("in")
    the_bench.rest()
    tally = node.router.policy.rules.tallies["narrow"]
    assert (tally.current, tally.users.connections) == (1, {"": [peer.host]})
    the_bench.drop_peers()
    assert (tally.approved, tally.current, tally.users.connections) == (1, 0, {"": []})
    assert "n_sessions=1, n_senders=1, n_receivers=1" in told(node, "closed with resources")[0]


DIALLING = """
router {{
    mode: interior
    id: B
}}
policy {{
    enableVhostPolicy: true
}}
connector {{
    name: broker
    host: 127.0.0.1
    port: {port}
    role: normal
    policyVhost: v
}}
vhost {{
    hostname: v
    groups: {{
        "{group}": {{
            "remoteHosts": "*",
            "maxFrameSize": 1024
        }}
    }}
}}
"""


def test_f4_a_connector_takes_the_limits_of_its_vhost(the_bench: Bench, node: Node) -> None:
    node.router.policy.put_vhost(_any_vhost(node))
    dialling = the_bench.node(DIALLING.format(port=node.ports[0], group="$connector"))
    the_bench.run_until(lambda: node.router.shell.open_connections, "not connected")
    (facts,) = node.router.shell.open_connections.values()
    assert facts.max_frame_size == 1024
    assert told(dialling, "ALLOW AMQP Open of a connector")
    dialling.router.shell.remove_connector(dialling.router.shell.connectors[0].config.identity)
    the_bench.run_until(lambda: not node.router.shell.open_connections, "not closed")
    the_bench.run_until(lambda: told(dialling, "closed with resources"), "not counted")


def test_f4_a_connector_without_a_group_for_it_is_closed(the_bench: Bench, node: Node) -> None:
    node.router.policy.put_vhost(_any_vhost(node))
    dialling = the_bench.node(DIALLING.format(port=node.ports[0], group="$default"))
    the_bench.run_until(lambda: told(dialling, "DENY AMQP Open of a connector"), "not refused")
    text = "amqp:resource-limit-exceeded connection disallowed by local policy"
    the_bench.run_until(
        lambda: text in dialling.router.shell.connectors[0].report().connection_msg, "not told"
    )
    dialling.router.shell.remove_connector(dialling.router.shell.connectors[0].config.identity)


def _any_vhost(node: Node) -> VhostConfig:
    """The vhost `open` for every host name."""
    old = next(one for one in node.router.policy.rules.vhosts if one.hostname == "open")
    fields = {name: getattr(old, name) for name in VhostConfig.__dataclass_fields__}
    return VhostConfig(**{**fields, "hostname": "$default"})
