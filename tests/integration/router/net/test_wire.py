"""Our opens have the fields of skupper-router's captured ones (s1, interior pair), with their types.

Not octet for octet: the engine writes arrays and maps in their wide forms.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from skrouter.amqp import codec
from skrouter.amqp.sasl.frames import AMQP_HEADER, SASL_HEADER
from skrouter.amqp.types import Symbol, UByte
from skrouter_testing import frames

VERSION = "3.0.0+e2ec51a4"
CORRELATOR = "k8Ed9YvCkHQYYxb"
MECHANISMS = bytes.fromhex("0000001c02010000005340c00f01e00c01a309414e4f4e594d4f5553")
CONTROL_OPEN = bytes.fromhex(
    "0000014202000000005310d0000001320000000aa10142a1093132372e302e302e317000004000607fff7000001f404040e04503b3"
    "0000000f414e4f4e594d4f55532d52454c41590000001271642e73747265616d696e672d6c696e6b730000001671642e636f6e6e65"
    "6374696f6e5f7472756e6b696e67e04503b30000000f414e4f4e594d4f55532d52454c41590000001271642e73747265616d696e67"
    "2d6c696e6b730000001671642e636f6e6e656374696f6e5f7472756e6b696e67c1810aa30770726f64756374a10e736b7570706572"
    "2d726f75746572a30776657273696f6ea10e332e302e302b6532656335316134a30a71642e636f6e6e2d69645403a31371642e6772"
    "6f75702d636f7272656c61746f72a10f6b384564395976436b485159597862a31671642e616e6e6f746174696f6e732d7665727369"
    "6f6e5402"
)
DATA_OPEN = bytes.fromhex(
    "0000015a02000000005310d00000014a0000000aa10142a1093132372e302e302e317000004000607fff7000001f404040e04503b3"
    "0000000f414e4f4e594d4f55532d52454c41590000001271642e73747265616d696e672d6c696e6b730000001671642e636f6e6e65"
    "6374696f6e5f7472756e6b696e67e04503b30000000f414e4f4e594d4f55532d52454c41590000001271642e73747265616d696e67"
    "2d6c696e6b730000001671642e636f6e6e656374696f6e5f7472756e6b696e67c1990ca30770726f64756374a10e736b7570706572"
    "2d726f75746572a30776657273696f6ea10e332e302e302b6532656335316134a30a71642e636f6e6e2d69645402a31471642e696e"
    "7465722d726f757465722d726f6c655404a31371642e67726f75702d636f7272656c61746f72a10f6b384564395976436b48515959"
    "7862a31671642e616e6e6f746174696f6e732d76657273696f6e5402"
)
LISTENER_OPEN = bytes.fromhex(
    "0000012902000000005310d0000001190000000aa10141407000004000607fff7000001f404040e04503b30000000f414e4f4e594d"
    "4f55532d52454c41590000001271642e73747265616d696e672d6c696e6b730000001671642e636f6e6e656374696f6e5f7472756e"
    "6b696e67e04503b30000000f414e4f4e594d4f55532d52454c41590000001271642e73747265616d696e672d6c696e6b7300000016"
    "71642e636f6e6e656374696f6e5f7472756e6b696e67c1720aa30770726f64756374a10e736b75707065722d726f75746572a30776"
    "657273696f6ea10e332e302e302b6532656335316134a30a71642e636f6e6e2d69645405a30c71642e6163636573732d6964a10749"
    "5951412b3a31a31671642e616e6e6f746174696f6e732d76657273696f6e5402"
)


class Dictated:
    """Randomness that chooses these characters in turn."""

    def __init__(self, text: str) -> None:
        self._left = list(text)

    def choice(self, seq: Sequence[str], /) -> str:
        character = self._left.pop(0)
        assert character in seq
        return character


def exactly(peer: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        more = peer.recv(count - len(octets))
        assert more, f"the stream ended after {octets!r}"
        octets += more
    return octets


def frame(peer: socket.socket) -> bytes:
    head = exactly(peer, 4)
    return head + exactly(peer, int.from_bytes(head) - 4)


def fields(octets: bytes) -> str:
    """What a frame says, with the type of every value."""
    return repr(codec.decode_one(octets[8:]))


def open_of(server: socket.socket) -> bytes:
    """Accept one of our connections, let it through SASL, and return its open."""
    peer, _ = server.accept()
    with peer:
        peer.settimeout(10)
        assert exactly(peer, 8) == SASL_HEADER
        peer.sendall(SASL_HEADER + MECHANISMS)
        assert b"ANONYMOUS" in frame(peer)
        peer.sendall(frames.sasl_frame("sasl-outcome", code=UByte(0)))
        assert exactly(peer, 8) == AMQP_HEADER
        return frame(peer)


def test_a_connector_opens_as_captured(make_side: Callable[..., Any], options: Callable[..., object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        make_side(
            "router {\n id: B\n mode: interior\n dataConnectionCount: 2\n}\n"
            f"connector {{\n host: 127.0.0.1\n port: {server.getsockname()[1]}\n role: inter-router\n"
            " saslMechanisms: ANONYMOUS\n}\n",
            options=options(version=VERSION, random=Dictated(CORRELATOR)),
        )
        opens = [fields(open_of(server)) for _ in range(3)]
    assert fields(CONTROL_OPEN) in opens
    assert fields(DATA_OPEN) in opens


def test_a_listener_opens_as_captured(make_side: Callable[..., Any], options: Callable[..., object]) -> None:
    side = make_side(
        "router {\n id: A\n mode: interior\n}\n"
        "listener {\n host: 127.0.0.1\n port: 0\n role: inter-router\n saslMechanisms: ANONYMOUS\n}\n",
        options=options(version=VERSION, access_id="IYQA+:1"),
    )
    for _ in range(4):  # the captured connection was the fifth
        socket.create_connection(("127.0.0.1", side.port)).close()
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        peer.sendall(SASL_HEADER)
        assert exactly(peer, 8) == SASL_HEADER
        assert frame(peer) == MECHANISMS
        peer.sendall(frames.sasl_frame("sasl-init", mechanism=Symbol("ANONYMOUS"), initial_response=b"x"))
        assert frame(peer)
        peer.sendall(AMQP_HEADER + CONTROL_OPEN)
        assert exactly(peer, 8) == AMQP_HEADER
        assert fields(frame(peer)) == fields(LISTENER_OPEN)
        side.wait(lambda: side.ups, "not up")
    (facts,) = side.ups
    assert (facts.role, facts.container, facts.hostname) == ("inter-router", "B", "127.0.0.1")
    assert facts.properties.correlator == CORRELATOR
    side.wait_line(
        'container_id=B props={:product="skupper-router", :version="3.0.0+e2ec51a4", :"qd.conn-id"=3, '
        ':"qd.group-correlator"="k8Ed9YvCkHQYYxb", :"qd.annotations-version"=2}'
    )
