"""VanFlow messages as a collector reads them: written from the tables of the specification alone.

Knows nothing of the router's own encoder. Whatever the tables forbid is an AssertionError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proton import Message, symbol, uint, ulong

TYPES = {
    0: "SITE",
    1: "ROUTER",
    2: "LINK",
    4: "LISTENER",
    5: "CONNECTOR",
    14: "LOG",
    15: "ROUTER_ACCESS",
    16: "BIFLOW_TPORT",
    17: "BIFLOW_APP",
}
"""Those that a router tells."""

# number, name, and U: number, C: counter, S: string, R: identity of a record, T: trace
_TABLE = """
0 recordType U      1 identity R        2 parent R          3 startTime U       4 endTime U
5 counterflow R     6 peer R            7 process R         8 sibOrdinal U      9 location S
10 provider S       11 platform S       12 namespace S      13 mode S           14 sourceHost S
15 destHost S       16 protocol S       17 sourcePort S     18 destPort S       19 vanAddress S
20 imageName S      21 imageVersion S   22 hostname S       23 octets C         24 latency U
25 transitLatency U 26 backlog U        27 method S         28 result S         29 reason S
30 name S           31 trace T          32 buildVersion S   33 linkCost U       34 direction S
35 octetRate U      36 octetsOut C      37 octetsUnacked U  38 windowClosures C 39 windowSize U
40 flowCountL4 C    41 flowCountL7 C    42 flowRateL4 U     43 flowRateL7 U     44 duration U
45 image R          46 group R          47 streamId U       48 logSeverity U    49 logText S
50 sourceFile S     51 sourceLine U     52 linkCount C      53 operStatus S     54 role S
55 upTimeStamp U    56 downTimeStamp U  57 downCount C      58 octetsReverse C  59 octetRateReverse U
60 connector R      61 processLatency U 62 proxyHost S      63 proxyPort S      64 errorListenerSide S
65 errorConnectorSide S                 66 activeTlsOrdinal U                   67 httpProxy S
"""

_WORDS = _TABLE.split()
NAMES = {
    int(number): (name, kind in "UC")
    for number, name, kind in zip(_WORDS[::3], _WORDS[1::3], _WORDS[2::3], strict=True)
}
"""By number: the name, and whether the value is a number."""

MAX_RECORDS = 50
_SHAPES = {
    "BEACON": {"v": uint, "sourceType": str, "id": str, "address": str, "direct": str},
    "HEARTBEAT": {"v": uint, "now": ulong, "id": str},
}

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """One message; `records` as maps by attribute name, with the type's name for `recordType`."""

    number: int
    to: str
    subject: str
    properties: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)


def decode(octets: bytes) -> Heard:
    """A message of a source; sections must be properties, application-properties (or not), amqp-value."""
    assert octets[:3] == b"\x00\x53\x73", "properties come first, there is no header"
    message = Message()
    message.decode(octets)
    body: Any = message.body
    properties: Any = message.properties
    assert not message.user_id
    heard = Heard(_message_id(octets), str(message.address), str(message.subject))
    if heard.subject == "RECORD":
        assert not properties
        assert 0 < len(body) <= MAX_RECORDS
        heard.records.extend(read_record(one) for one in body)
    else:
        assert body is None
        shape = _SHAPES[heard.subject]
        assert list(properties) == list(shape)
        for name, kind in shape.items():
            assert type(properties[name]) is kind
        assert all(type(name) is symbol for name in properties)
        heard.properties.update({str(name): value for name, value in properties.items()})
    return heard


def _message_id(octets: bytes) -> int:
    """The first property, which proton does not show: the standard has no long there."""
    at = 12 if octets[3] == 0xD0 else 6  # behind the size and count of list32, list8
    width = {0x55: 1, 0x81: 8}[octets[at]]  # smalllong, long
    return int.from_bytes(octets[at + 1 : at + 1 + width], "big", signed=True)


def read_record(body: dict[Any, Any]) -> Record:
    """One map: type, identity, then the other attributes in ascending order."""
    assert all(type(key) is uint for key in body)
    keys = [int(key) for key in body]
    assert keys == sorted(keys)
    assert keys[:2] == [0, 1]
    assert type(body[uint(0)]) is uint
    record: Record = {"recordType": TYPES[int(body[uint(0)])]}
    for key, value in list(body.items())[1:]:
        name, is_number = NAMES[int(key)]
        assert type(value) is (ulong if is_number else str), f"{name} is {value!r}"
        record[name] = int(value) if is_number else value
    return record
