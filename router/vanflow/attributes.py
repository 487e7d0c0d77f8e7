"""Record types and attributes by number: a contract with every collector (spec: vanflow §5, §6)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class RecordType(IntEnum):
    """What a record is about. This router makes some of them; the others are a controller's."""

    SITE = 0x00
    ROUTER = 0x01
    LINK = 0x02
    CONTROLLER = 0x03
    LISTENER = 0x04
    CONNECTOR = 0x05
    FLOW = 0x06
    PROCESS = 0x07
    IMAGE = 0x08
    INGRESS = 0x09
    EGRESS = 0x0A
    COLLECTOR = 0x0B
    PROCESS_GROUP = 0x0C
    HOST = 0x0D
    LOG = 0x0E
    ROUTER_ACCESS = 0x0F
    BIFLOW_TPORT = 0x10
    BIFLOW_APP = 0x11


class Attribute(IntEnum):
    """Attributes; `log_name` of one is how log lines call it."""

    __hash__ = int.__hash__  # that of enumerations is a Python function, and each record has a dozen

    RECORD_TYPE = 0
    IDENTITY = 1
    PARENT = 2
    START_TIME = 3
    END_TIME = 4
    COUNTERFLOW = 5
    PEER = 6
    PROCESS = 7
    SIB_ORDINAL = 8
    LOCATION = 9
    PROVIDER = 10
    PLATFORM = 11
    NAMESPACE = 12
    MODE = 13
    SOURCE_HOST = 14
    DEST_HOST = 15
    PROTOCOL = 16
    SOURCE_PORT = 17
    DEST_PORT = 18
    VAN_ADDRESS = 19
    IMAGE_NAME = 20
    IMAGE_VERSION = 21
    HOSTNAME = 22
    OCTETS = 23
    LATENCY = 24
    TRANSIT_LATENCY = 25
    BACKLOG = 26
    METHOD = 27
    RESULT = 28
    REASON = 29
    NAME = 30
    TRACE = 31
    BUILD_VERSION = 32
    LINK_COST = 33
    DIRECTION = 34
    OCTET_RATE = 35
    OCTETS_OUT = 36
    OCTETS_UNACKED = 37
    WINDOW_CLOSURES = 38
    WINDOW_SIZE = 39
    FLOW_COUNT_L4 = 40
    FLOW_COUNT_L7 = 41
    FLOW_RATE_L4 = 42
    FLOW_RATE_L7 = 43
    DURATION = 44
    IMAGE = 45
    GROUP = 46
    STREAM_ID = 47
    LOG_SEVERITY = 48
    LOG_TEXT = 49
    SOURCE_FILE = 50
    SOURCE_LINE = 51
    LINK_COUNT = 52
    OPER_STATUS = 53
    ROLE = 54
    UP_TIME_STAMP = 55
    DOWN_TIME_STAMP = 56
    DOWN_COUNT = 57
    OCTETS_REVERSE = 58
    OCTET_RATE_REVERSE = 59
    CONNECTOR = 60
    PROCESS_LATENCY = 61
    PROXY_HOST = 62
    PROXY_PORT = 63
    ERROR_LISTENER_SIDE = 64
    ERROR_CONNECTOR_SIDE = 65
    ACTIVE_TLS_ORDINAL = 66
    HTTP_PROXY = 67

    @property
    def log_name(self) -> str:
        """`FLOW_COUNT_L4` is `flowCountL4`."""
        return LOG_NAMES[self]


def _log_name(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


LOG_NAMES: Final = {one: _log_name(one.name) for one in Attribute}

NUMBERS: Final = frozenset(
    {
        Attribute.RECORD_TYPE,
        Attribute.START_TIME,
        Attribute.END_TIME,
        Attribute.SIB_ORDINAL,
        Attribute.OCTETS,
        Attribute.LATENCY,
        Attribute.TRANSIT_LATENCY,
        Attribute.BACKLOG,
        Attribute.LINK_COST,
        *(Attribute(number) for number in range(Attribute.OCTET_RATE, Attribute.IMAGE)),
        Attribute.STREAM_ID,
        Attribute.LOG_SEVERITY,
        Attribute.SOURCE_LINE,
        Attribute.LINK_COUNT,
        *(Attribute(number) for number in range(Attribute.UP_TIME_STAMP, Attribute.CONNECTOR)),
        Attribute.PROCESS_LATENCY,
        Attribute.ACTIVE_TLS_ORDINAL,
    }
)
"""Attributes whose value is a number; those of all others are strings."""

FLOW_TYPES: Final = frozenset({RecordType.FLOW, RecordType.BIFLOW_TPORT, RecordType.BIFLOW_APP})
"""Discretionary types: told at an address of their own, and not made when there are too many."""

Value = int | str
Attributes = dict[Attribute, Value]
