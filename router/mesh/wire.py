"""Protocol messages to and from octets, in the two styles of the reference (spec: routing protocol §12).

Belongs here: the style of each message. Does not: values and their validation (messages.py), AMQP types.
"""

from skrouter.amqp import codec
from skrouter.amqp.annotations import RouterAnnotations
from skrouter.amqp.message import CONTROL_HEADER, Message, Properties, decode_message, encode_message
from skrouter.amqp.types import Long, Symbol
from skrouter.router.mesh.messages import (
    Body,
    KnownMessage,
    MeshMessage,
    MessageError,
    from_message,
    to_message,
)

_LONG_FIELDS = frozenset({"pv", "mobile_seq", "have_seq"})
_MOBILE_OPCODES = frozenset({"MAU", "MAR"})


def encode(message: KnownMessage, annotations: RouterAnnotations | None = None) -> bytes:
    """Octets as the reference would write them, after the router annotations if these are given."""
    to, opcode, body = to_message(message)
    mobile = opcode in _MOBILE_OPCODES
    return encode_message(
        Message(
            header=CONTROL_HEADER,
            # Up to correlation-id, the string style writes fields that are null.
            properties=Properties(to=to, on_wire=0 if mobile else 6),
            application_properties={Symbol("opcode") if mobile else "opcode": opcode},
            body=_symbolic(body) if mobile else body,
            router_annotations=annotations,
        ),
        codec.COMPOSER if mobile else codec.REFERENCE,
    )


def _symbolic(body: Body) -> dict[object, object]:
    return {Symbol(key): _long(key, value) for key, value in body.items()}


def _long(key: str, value: object) -> object:
    return Long(value) if key in _LONG_FIELDS and isinstance(value, int) else value


def decode(data: bytes) -> MeshMessage:
    """The message in these octets; DecodeError if they are no AMQP message, MessageError if none of ours."""
    return read(decode_message(data))


def read(message: Message) -> MeshMessage:
    """The protocol message that an AMQP message carries; MessageError if it is none."""
    opcode = (message.application_properties or {}).get("opcode")
    if not isinstance(opcode, str):
        raise MessageError(
            f"application property opcode is {opcode!r}, must be a string; the message is ignored"
        )
    return from_message(opcode, message.body)
