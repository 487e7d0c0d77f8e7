"""LISTENER and CONNECTOR records of the TCP adaptor: for each address of a listener, for each connector.

Spec: vanflow §5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from skrouter.adaptors.tcp.bridge.bridge import Bridge
from skrouter.config.model import TcpConnectorConfig, TcpListenerConfig
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter.router.vanflow.events import Given

PROTOCOL: Final = "tcp"
ONLY_DISPATCH: Final = 1
"""connectionsOpened of a connector before its first connection."""


class Recorder(Protocol):
    """Where records are kept: the router's telemetry."""

    def begin(self, kind: RecordType, attributes: Given) -> int:
        """A record; returns its number."""

    def change(self, number: int, attributes: Given) -> None:
        """New values, where they differ."""

    def end(self, number: int) -> None:
        """It is gone."""


@dataclass(slots=True)
class _Listener:
    """`numbers`: of its records, by address."""

    config: TcpListenerConfig
    handle: int
    numbers: dict[str, int]


class TcpRecords:
    """The records of one TCP adaptor. Addresses are full ones, with the tenant."""

    def __init__(self, recorder: Recorder, bridge: Bridge) -> None:
        self._recorder = recorder
        self._bridge = bridge
        self._listeners: dict[str, _Listener] = {}
        self._connectors: dict[str, tuple[int, int]] = {}

    def listener_added(self, name: str, config: TcpListenerConfig, handle: int) -> None:
        """A listener without an address yet."""
        self._listeners[name] = _Listener(config, handle, {})

    def address_number(self, name: str, address: str) -> int:
        """Number of the record of a listener's address, which begins with the first call."""
        listener = self._listeners[name]
        if address not in listener.numbers:
            attributes: Given = {
                Attribute.DEST_HOST: listener.config.host,
                Attribute.PROTOCOL: PROTOCOL,
                Attribute.DEST_PORT: listener.config.port,
                Attribute.VAN_ADDRESS: address,
                Attribute.NAME: name,
                Attribute.FLOW_COUNT_L4: 0,
            }
            listener.numbers[address] = self._recorder.begin(RecordType.LISTENER, attributes)
        return listener.numbers[address]

    def address_removed(self, name: str, address: str) -> None:
        """A listener has it no longer."""
        listener = self._listeners[name]
        number = listener.numbers.pop(address, None)
        if number is not None:
            self._tell_flows(listener, {address: number})
            self._recorder.end(number)

    def listener_removed(self, name: str) -> None:
        """A listener and its addresses are gone, in a moment."""
        for address in list(self._listeners[name].numbers):
            self.address_removed(name, address)
        del self._listeners[name]

    def connector_added(self, name: str, address: str, config: TcpConnectorConfig, handle: int) -> None:
        """A connector."""
        attributes: Given = {
            Attribute.PROCESS: config.process_id,
            Attribute.DEST_HOST: config.host,
            Attribute.PROTOCOL: PROTOCOL,
            Attribute.DEST_PORT: config.port,
            Attribute.VAN_ADDRESS: address,
            Attribute.NAME: name,
            Attribute.FLOW_COUNT_L4: 0,
        }
        number = self._recorder.begin(RecordType.CONNECTOR, attributes)
        self._connectors[name] = (number, handle)
        self._bridge.set_connector_record(handle, number)

    def connector_removed(self, name: str) -> None:
        """It is gone, in a moment."""
        self._tell_opened(*self._connectors[name])
        self._recorder.end(self._connectors.pop(name)[0])

    def poll(self) -> None:
        """Tell how many connections there were."""
        for listener in self._listeners.values():
            self._tell_flows(listener, listener.numbers)
        for number, handle in self._connectors.values():
            self._tell_opened(number, handle)

    def _tell_flows(self, listener: _Listener, numbers: dict[str, int]) -> None:
        counts = self._bridge.address_counters(listener.handle)
        for address, number in numbers.items():
            self._recorder.change(number, {Attribute.FLOW_COUNT_L4: counts.get(address, 0)})

    def _tell_opened(self, number: int, handle: int) -> None:
        """With the first connection the reference begins to count its own one to the address too."""
        opened = self._bridge.connector_opened(handle)
        flows = opened if opened > ONLY_DISPATCH else 0
        self._recorder.change(number, {Attribute.FLOW_COUNT_L4: flows})
