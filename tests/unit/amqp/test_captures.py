"""What real routers sent: our decoding is the other decoder's, our encoding is theirs, octet for octet."""

import pytest
from skrouter.amqp import codec, message
from skrouter.amqp.message import Message, Properties, decode_head, encode_message
from skrouter.amqp.types import Described
from skrouter_testing import captures
from skrouter_testing.captures import (
    CapturedFrame,
    CapturedMessage,
    render,
    rendered_sections,
    stated_sections,
)
from skrouter_testing.frames import FIELDS

FRAMES = captures.frames()
MESSAGES = captures.messages()
BY_SOURCE = {frame.source: frame for frame in FRAMES}
PERFORMATIVES = [frame for frame in FRAMES if frame.name in FIELDS]
TRANSFERS = [
    frame
    for frame in captures.frames("transfer")
    if any(line.startswith("| ") and not line.startswith(("| continuation", "| raw")) for line in frame.text)
]


def source(item: CapturedFrame | CapturedMessage) -> str:
    """A test id."""
    return item.source


def body_and_payload(frame: CapturedFrame) -> tuple[Described, bytes]:
    """Performative and what follows it."""
    value, end = codec.decode(frame.octets, 4 * frame.octets[4])
    assert isinstance(value, Described)
    return value, frame.octets[end:]


def test_the_captures_hold_every_performative() -> None:
    needed = {"open", "begin", "attach", "flow", "transfer", "disposition", "detach", "end", "close", "empty"}
    assert needed <= {frame.name for frame in FRAMES}


def test_the_captures_hold_every_control_message() -> None:
    text = "\n".join(line for frame in TRANSFERS for line in frame.text)
    assert all(f'opcode": "{opcode}"' in text for opcode in ("HELLO", "RA", "LSR", "LSU"))
    assert all(f':opcode: "{opcode}"' in text for opcode in ("MAU", "MAR"))
    assert text.count('{"V": uint(1)}') >= 4


@pytest.mark.parametrize("frame", PERFORMATIVES, ids=source)
def test_a_frame_is_decoded_as_the_other_decoder_did(frame: CapturedFrame) -> None:
    value, _ = body_and_payload(frame)
    assert render(value) == frame.text[0]


@pytest.mark.parametrize("frame", PERFORMATIVES, ids=source)
def test_a_performative_is_encoded_as_the_real_engine_did(frame: CapturedFrame) -> None:
    value, payload = body_and_payload(frame)
    octets = frame.octets[4 * frame.octets[4] :]
    assert codec.encode(value, codec.COMPACT) + payload == octets or codec.encode(value) + payload == octets


@pytest.mark.parametrize("frame", TRANSFERS, ids=source)
def test_a_message_is_decoded_as_the_other_decoder_did(frame: CapturedFrame) -> None:
    decoded, _ = decode_head(body_and_payload(frame)[1])
    assert rendered_sections(decoded) == stated_sections(frame.text)


@pytest.mark.parametrize("captured", MESSAGES, ids=source)
def test_a_management_message_is_decoded_as_the_other_decoder_did(captured: CapturedMessage) -> None:
    decoded, _ = decode_head(captured.octets)
    assert rendered_sections(decoded) == stated_sections(captured.text)


PYTHON_OPCODES = ("HELLO", "RA", "LSR", "LSU")
COMPOSER_OPCODES = ("MAU", "MAR")


def possible_conventions(decoded: Message) -> tuple[codec.Conventions, ...]:
    """Who composed a message is told by its opcode; clients and engines encode in the shortest form."""
    opcode = (decoded.application_properties or {}).get("opcode")
    if opcode in PYTHON_OPCODES:
        return (codec.REFERENCE,)
    if opcode in COMPOSER_OPCODES:
        return (codec.COMPOSER,)
    if decoded.router_annotations is not None and decoded.router_annotations.flags:
        return (codec.REFERENCE,)
    return (codec.REFERENCE, codec.COMPOSER, codec.COMPACT)


@pytest.mark.parametrize("frame", TRANSFERS, ids=source)
def test_a_message_is_encoded_as_the_real_router_did(frame: CapturedFrame) -> None:
    octets = body_and_payload(frame)[1]
    decoded, end = decode_head(octets)
    assert octets[:end] in [encode_message(decoded, c) for c in possible_conventions(decoded)]


@pytest.mark.parametrize("captured", MESSAGES, ids=source)
def test_a_management_message_is_encoded_as_the_real_router_did(captured: CapturedMessage) -> None:
    decoded, end = decode_head(captured.octets)
    ours = (codec.COMPACT,) if captured.request else (codec.REFERENCE, codec.COMPOSER)
    assert captured.octets[:end] in [encode_message(decoded, c) for c in ours]


def test_only_refusals_of_the_reference_carry_stray_octets_after_the_body() -> None:
    """Its core agent writes an empty map behind the null body of a refused READ; `decode_head` omits it."""
    stray = {item.title: item.octets[decode_head(item.octets)[1] :] for item in MESSAGES}
    assert {title: octets for title, octets in stray.items() if octets} == {
        "### 79. READ routerMetrics": bytes.fromhex("d10000000400000000")
    }


def test_a_decoded_message_says_nothing_that_is_not_on_the_wire() -> None:
    decoded = message.decode_message(MESSAGES[1].octets)
    expected = Properties(to="amqp:/_topo/0/A/temp.FlU66PKRTkmck+l", correlation_id=1)
    assert decoded.properties == expected
