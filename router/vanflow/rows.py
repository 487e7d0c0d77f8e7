"""Rows: what the data plane tells of connections and requests, as attributes of their records."""

from __future__ import annotations

from typing import Final, NamedTuple

from skrouter.router.vanflow.attributes import Attribute, Attributes, RecordType, Value

TPORT: Final = 0x10
APP: Final = 0x11
CO: Final = 0x110
"""Kinds of rows: a connection of a listener, a request in it, what a connector adds to the former."""

Request = tuple[str, str, str, str, str, int]
RawRow = tuple[int, int, str, int, int, int, int, int, int, str, str, str, str, Request | None]
"""As the data plane gives them: see `Row`."""


class Row(NamedTuple):
    """One record as it is now; a tuple, as the data plane gives it.

    `number` is of the record, `identity` of the record that a CO row adds to. `parent`: number of the
    listener's or the connection's record; of a CO row the connector's. `started`, `ended`: microseconds since
    1970, `ended` 0: not yet. `octets`: to the server. `latency`: microseconds, 0: no answer yet. `host`,
    `port`: the client's; of a CO row our end of the connection to the server. `request`: protocol, method,
    result, reason, source host, stream id; unknown ones are empty or 0.
    """

    kind: int
    number: int
    identity: str
    parent: int
    started: int
    ended: int
    octets: int
    octets_reverse: int
    latency: int
    host: str
    port: str
    trace: str
    error: str
    request: Request | None = None

    @property
    def record_type(self) -> RecordType:
        """Of its record."""
        return RecordType.BIFLOW_APP if self.kind == APP else RecordType.BIFLOW_TPORT


def row_attributes(row: Row, source: str) -> Attributes:
    """What is known; `source`: the id in front of the parent's number."""
    if row.kind == CO:
        found = _addition(row, source)
    elif row.kind == APP:
        found = _request(row)
    else:
        found = _connection(row)
    return {name: value for name, value in found.items() if value is not None}


def _connection(row: Row) -> dict[Attribute, Value | None]:
    return {
        Attribute.SOURCE_HOST: row.host or None,
        Attribute.SOURCE_PORT: row.port or None,
        Attribute.OCTETS: row.octets,
        Attribute.LATENCY: row.latency or None,
        Attribute.OCTETS_REVERSE: row.octets_reverse,
        Attribute.ERROR_LISTENER_SIDE: row.error or None,
    }


def _request(row: Row) -> dict[Attribute, Value | None]:
    protocol, method, result, reason, source_host, stream = row.request or ("", "", "", "", "", 0)
    return {
        Attribute.SOURCE_HOST: source_host or None,
        Attribute.PROTOCOL: protocol or None,
        Attribute.OCTETS: row.octets,
        Attribute.LATENCY: row.latency or None,
        Attribute.METHOD: method or None,
        Attribute.RESULT: result or None,
        Attribute.REASON: reason or None,
        Attribute.STREAM_ID: stream or None,
        Attribute.OCTETS_REVERSE: row.octets_reverse,
    }


def _addition(row: Row, source: str) -> dict[Attribute, Value | None]:
    return {
        Attribute.TRACE: row.trace or "Local",
        Attribute.CONNECTOR: f"{source}:{row.parent}",
        Attribute.PROCESS_LATENCY: row.latency or None,
        Attribute.PROXY_HOST: row.host or None,
        Attribute.PROXY_PORT: row.port or None,
        Attribute.ERROR_CONNECTOR_SIDE: row.error or None,
    }
