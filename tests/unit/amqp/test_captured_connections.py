"""Every frame of the recorded connections between real routers: guarded, decoded, its message understood.

One test a file: what is wrong is a list of frames, which must be empty.
"""

import re
from dataclasses import replace

import pytest
from skrouter.amqp import codec
from skrouter.amqp.annotations import decode_annotations
from skrouter.amqp.capabilities import OpenProperties, decode_symbols, offered_capabilities, open_properties
from skrouter.amqp.engine.guard import NAMES, Guard
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import BodyKind, Message, decode_head, decode_message
from skrouter.amqp.types import Described, Long, Symbol
from skrouter.router.forwarder.sections import parse_head
from skrouter.router.mesh import wire
from skrouter.router.mesh.messages import Hello, RouterAdvertisement
from skrouter_testing import captures
from skrouter_testing.captures import (
    CONNECTION_FILES,
    CapturedDelivery,
    CapturedFrame,
    render,
    rendered_sections,
    stated_sections,
)
from skrouter_testing.frames import FIELDS
from skrouter_testing.heads import head_of

MAX_FRAME_SIZE = 16384
CHANNEL_MAX = 32767
FRAMES = {file: captures.connection_frames(file) for file in CONNECTION_FILES}
DELIVERIES = {file: captures.deliveries(frames) for file, frames in FRAMES.items()}
of_each_file = pytest.mark.parametrize("file", CONNECTION_FILES)


def test_the_recorded_connections_are_all_there() -> None:
    assert {file: len(frames) for file, frames in FRAMES.items()} == {
        "connections/01-interior-pair.txt": 458,
        "connections/02-line-AB.txt": 235,
        "connections/02-line-BC.txt": 383,
        "connections/03-edge-E1.txt": 169,
        "connections/03-edge-E2.txt": 89,
        "connections/08-inter-edge.txt": 98,
        "connections/08-inter-edge-uplink-E1.txt": 64,
        "connections/08-inter-edge-uplink-E2.txt": 103,
        "connections/09-inter-network.txt": 66,
    }
    assert sum(len(deliveries) for deliveries in DELIVERIES.values()) == 302


# --- frames


def streams(frames: list[CapturedFrame]) -> dict[tuple[int, str], bytes]:
    """What each side of each connection sent from its AMQP header on; octets that are not recorded are 0."""
    found: dict[tuple[int, str], bytes] = {}
    for frame in frames:
        key = (frame.connection, frame.direction)
        if frame.name == "protocol-header" and frame.octets[4] == 0:
            found[key] = frame.octets
        elif not frame.name.startswith(("protocol-header", "sasl")):
            found[key] += frame.octets + bytes(frame.missing)
    return found


@of_each_file
def test_both_sides_of_every_connection_pass_the_guard(file: str) -> None:
    both_sides = streams(FRAMES[file])
    connections = {connection for connection, _ in both_sides}
    assert len(both_sides) == 2 * len(connections) >= 2
    for side, octets in both_sides.items():
        error, passed = Guard(MAX_FRAME_SIZE, CHANNEL_MAX).scan(octets)
        assert (NAMES[error], passed) == ("OK", len(octets)), side


def performative(frame: CapturedFrame) -> tuple[Described, bytes]:
    """Performative and what follows it."""
    value, end = codec.decode(frame.octets, 4 * frame.octets[4])
    assert isinstance(value, Described)
    return value, frame.octets[end:]


@of_each_file
def test_every_performative_is_decoded_as_the_other_decoder_did_and_encoded_as_the_engine_did(
    file: str,
) -> None:
    frames = [frame for frame in FRAMES[file] if frame.name in FIELDS]
    assert {frame.name for frame in FRAMES[file]} - set(FIELDS) <= {"protocol-header", "empty"}
    wrong = []
    for frame in frames:
        value, payload = performative(frame)
        octets = frame.octets[4 * frame.octets[4] :]
        forms = [codec.encode(value, way) + payload for way in (codec.COMPACT, codec.REFERENCE)]
        if render(value) != frame.text[0] or octets not in forms:
            wrong.append(frame)
    assert wrong == []


@of_each_file
def test_every_open_is_understood(file: str) -> None:
    for frame in FRAMES[file]:
        if frame.name != "open":
            continue
        fields = performative(frame)[0].value
        assert isinstance(fields, list)
        offered = offered_capabilities(decode_symbols(fields[7], "offered-capabilities"))
        found = open_properties(fields[9])
        assert offered.streaming_links
        assert offered.connection_trunking
        assert offered.inter_edge == (file == "connections/08-inter-edge.txt")
        assert found.product == "skupper-router"
        assert f":qd.conn-id: int({found.connection_id})" in frame.text[0]
        cost = re.search(r"qd.inter-router-cost: int\((\d+)\)", frame.text[0])
        assert found.inter_router_cost == (int(cost[1]) if cost else 1)
        assert (found.access_id or "-") in frame.text[0]
        assert (found.access_id is None) == ("qd.access-id" not in frame.text[0])


# --- messages


def annotated(delivery: CapturedDelivery) -> bool:
    """Every message between routers begins with router annotations."""
    annotations, _ = decode_annotations(delivery.content)
    stated = stated_sections(delivery.first.text)[0]
    return annotations is not None and rendered_sections(Message(router_annotations=annotations))[0] == stated


@of_each_file
def test_every_message_has_the_router_annotations_that_the_other_decoder_found(file: str) -> None:
    assert [delivery for delivery in DELIVERIES[file] if not annotated(delivery)] == []


@of_each_file
def test_every_message_is_decoded_as_the_other_decoder_did(file: str) -> None:
    whole = [delivery for delivery in DELIVERIES[file] if delivery.complete]
    assert len(whole) >= len(DELIVERIES[file]) - 2, "the two large messages of the first file are cut"
    wrong = []
    for delivery in whole:
        decoded, end = decode_head(delivery.content)
        if rendered_sections(decoded) != stated_sections(delivery.first.text):
            wrong.append(delivery)
        if end != len(delivery.content):
            # Behind the head of a TCP stream is what the TCP connection carried.
            assert decoded.application_properties == {"V": 1}
    assert wrong == []


@of_each_file
def test_the_native_reader_finds_the_head_of_every_message(file: str) -> None:
    for delivery in DELIVERIES[file]:
        result, found = parse_head(delivery.content, True)
        assert result == "done", delivery.first.source
        _, end = decode_annotations(delivery.content)
        if delivery.complete:
            expected = head_of(decode_head(delivery.content)[0], end)
            assert {name: found[name] for name in expected} == expected, delivery.first.source
        else:
            assert found["to_override"] == b"foo"
            assert found["body"] == end


@of_each_file
def test_every_protocol_message_is_understood_and_built_again_octet_for_octet(file: str) -> None:
    control = [delivery for delivery in DELIVERIES[file] if delivery.capability == "qd.router"]
    assert bool(control) == (file[12:14] in ("01", "02")), "only interior routers speak the protocol"
    opcodes = set()
    for delivery in control:
        decoded = decode_message(delivery.content)
        message = wire.read(decoded)
        assert message == wire.decode(delivery.content)
        to = decoded.properties.to if decoded.properties else None
        target = re.fullmatch(r"amqp:/_topo/0/(.*)/qdrouter(\.ma)?", to or "")
        assert target or isinstance(message, Hello) or "/all/" in str(to)
        if target and not isinstance(message, Hello | RouterAdvertisement):
            message = replace(message, target=target[1])  # type: ignore[arg-type]
        built = wire.encode(message, decoded.router_annotations)  # type: ignore[arg-type]
        assert built.hex() == delivery.content.hex(), delivery.first.source
        opcodes.add((decoded.application_properties or {})["opcode"])
    assert opcodes == ({"HELLO", "RA", "LSR", "LSU", "MAU", "MAR"} if control else set())


# --- what edges and their interiors tell each other


def told(file: str, terminus: str) -> list[tuple[str, Message]]:
    """Direction and message of every delivery on links with this source or target address."""
    return [
        (delivery.first.direction, decode_message(delivery.content))
        for delivery in DELIVERIES[file]
        if terminus in (delivery.source, delivery.target)
    ]


TRACKED = {
    "03-edge-E1": [
        *(("Mweb", True), ("Mia", True), ("Mia", False), ("Mee", True), ("Mee", False)),
        ("Mweb", True),
    ],
    "08-inter-edge-uplink-E1": [("Mib", True), ("Mib", False)],
}


@pytest.mark.parametrize(
    "name", ["03-edge-E1", "03-edge-E2", "08-inter-edge-uplink-E1", "08-inter-edge-uplink-E2"]
)
def test_address_tracking_says_which_addresses_the_interior_reaches(name: str) -> None:
    edge = name[-2:]
    found = told(f"connections/{name}.txt", "_$qd.edge_addr_tracking")
    for direction, message in found:
        assert direction == f"I->{edge}"
        assert message.header is not None
        assert message.header.durable is False
        assert isinstance(message.body, list)
    pairs = [tuple(message.body) for _, message in found]  # type: ignore[arg-type]
    mobile = [pair for pair in pairs if not str(pair[0]).startswith(("Msfe", "Mvfcr"))]
    assert mobile == TRACKED.get(name, [])


MESH_IDS = {
    "03-edge-E1": ["1gVdizO2rd0mJnN", "2mLIkpNof8dJXzH"],
    "03-edge-E2": ["RFSMZerTDcggcgp"],
    "08-inter-edge-uplink-E1": ["BzlYrIUhDDvSVpq"],
    "08-inter-edge-uplink-E2": ["BzlYrIUhDDvSVpq", "A17fIenlHuOICS1", "BzlYrIUhDDvSVpq"],
}


@pytest.mark.parametrize(("name", "ids"), list(MESH_IDS.items()))
def test_mesh_discovery_tells_the_mesh_of_the_edge(name: str, ids: list[str]) -> None:
    found = told(f"connections/{name}.txt", "_$qd.mesh_discovery")
    assert [direction for direction, _ in found] == [f"{name[-2:]}->I"] * len(ids)
    for (_, message), mesh_id in zip(found, ids, strict=True):
        assert message.application_properties == {Symbol("meshid"): mesh_id}
        assert message.router_annotations is not None
        assert message.router_annotations.ingress_mesh == mesh_id
        assert (message.header, message.properties, message.body_kind) == (None, None, BodyKind.NONE)


def test_mesh_id_negotiation_tells_ordinal_and_id_both_ways_on_each_connection() -> None:
    found = told("connections/08-inter-edge.txt", "_$qd.mesh_id_negotiation")
    first, other, again = 1795398749668478, 1795398751665647, 1795398778679053
    assert [(direction, message.application_properties) for direction, message in found] == [
        ("E1->E2", {"ordinal": first, "id": "BzlYrIUhDDvSVpq"}),
        ("E2->E1", {"ordinal": other, "id": "4dmgPGHs6iuufXD"}),
        ("E1->E2", {"ordinal": first, "id": "BzlYrIUhDDvSVpq"}),
        ("E2->E1", {"ordinal": again, "id": "A17fIenlHuOICS1"}),
    ]
    for _, message in found:
        assert message.application_properties is not None
        assert isinstance(message.application_properties["ordinal"], Long)


# --- the encrypted connections of a certificate rotation: the daemons' own trace

TRACE_LINE = re.compile(
    r"t=(\S+) (\w) PROTOCOL \[C(\d+)\]:FRAME: (\d+) (->|<-) @(\w+)\(\d+\) \[(.*?)\](?: \((\d+)\) (.*))?$"
)
TRACE = [
    matched
    for line in (captures.FOLDER / "connections/10-rotation.txt").read_text().splitlines()
    if (matched := TRACE_LINE.match(line))
]


def unescaped(text: str) -> bytes:
    """The octets that the trace shows, up to where it cuts the line."""
    shown = text.removesuffix("... (cut)")
    shown = re.sub(r"\\(x[0-9a-f]?)?$", "", shown) if shown != text else shown
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), shown.encode())


def test_traced_messages_are_read_as_far_as_the_trace_shows_them() -> None:
    transfers = [line for line in TRACE if line[6] == "transfer" and line[9]]
    readable, control = 0, 0
    for line in transfers:
        octets = unescaped(line[9])
        assert len(octets) <= int(line[8])
        if not octets.startswith(b"\x00\x80SKPR"):
            continue
        annotations, end = decode_annotations(octets)
        assert annotations is not None
        assert annotations.ingress in ("0/A", "0/B")
        assert annotations.trace == (annotations.ingress,)
        result, found = parse_head(octets, True)
        assert (result, found["body"]) == ("done", end), line[0]
        readable += 1
        to = (found["to"] or b"").decode() if isinstance(found["to"], bytes | None) else ""
        control += to.startswith(("amqp:/_local/qdhello", "amqp:/_topo/0/", "_topo/0/all/qdrouter.ma"))
        if line[4] == "0" and "settled=true" in line[7] and not annotations.to_override:
            assert "qd" in to, line[0]
    assert readable >= 60
    assert control >= 50


OPENS = [line[0] for line in TRACE if line[6] == "open"]


@pytest.mark.parametrize("line", OPENS)
def test_traced_opens_of_each_ordinal_are_understood(line: str) -> None:
    text = line[line.index("properties={") + len("properties={") : line.rindex("}")]
    stated = dict(re.findall(r':"?([\w.-]+)"?=("[^"]*"|[0-9a-fx]+)', text))
    typed: dict[object, object] = {}
    for key, value in stated.items():
        number = None if value.startswith('"') else int(value, 0)
        typed[Symbol(key)] = value.strip('"') if number is None else number
    found = open_properties(codec.decode_one(codec.encode(typed)))
    assert found == OpenProperties(
        product="skupper-router",
        version="3.0.0+e2ec51a4",
        connection_id=int(stated["qd.conn-id"], 0),
        data_connection=stated.get("qd.inter-router-role") == "4",
        correlator=stated["qd.group-correlator"].strip('"') if "qd.group-correlator" in stated else None,
        ordinal=int(stated["qd.group-ordinal"], 0) if "qd.group-ordinal" in stated else None,
        access_id=stated["qd.access-id"].strip('"') if "qd.access-id" in stated else None,
        annotations_version=2,
    )


def test_the_traced_opens_are_of_three_ordinals_and_both_sides() -> None:
    ordinals = set(re.findall(r'qd.group-ordinal"=0x(\d)', "\n".join(OPENS)))
    assert ordinals == {"0", "1", "2"}
    assert any("qd.access-id" in line for line in OPENS)


def test_annotations_of_a_cut_message_are_an_error_and_no_crash() -> None:
    whole = next(d for d in DELIVERIES["connections/03-edge-E1.txt"] if d.complete).content
    _, end = decode_annotations(whole)
    for length in range(10, end):
        with pytest.raises(DecodeError):
            decode_annotations(whole[:length])
