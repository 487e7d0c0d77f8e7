"""A collector of flow records at one router of a mesh, as an observer of the network would be one."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from proton import Message

from skrouter_testing.amqp_client import Client, Receiver
from skrouter_testing.flow_decoder import Heard, Record, decode

ALL_SOURCES = "mc/sfe.all"
PATIENCE = 20.0
CREDIT = 10_000
Result = TypeVar("Result")


class Collector:
    """Connected to a router's port: hears the sources that it asks for. A context."""

    def __init__(self, port: int) -> None:
        self._client = Client(port)
        self._receivers: list[tuple[str, Receiver]] = []
        self._read: dict[str, int] = {}
        self._commands: Any = None
        self.heard: dict[str, list[Heard]] = {}
        """Messages by address, in order."""
        self.records: dict[str, Record] = {}
        """Records by identity, as their changes have made them."""

    def __enter__(self) -> Collector:
        self._client.__enter__()
        self._commands = self._client.sender(None)
        self.listen(ALL_SOURCES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def listen(self, address: str) -> None:
        """Receive from an address from now on."""
        self._receivers.append((address, self._client.receiver(address, credit=CREDIT)))
        self.heard[address] = []

    def follow(self, identity: str, *suffixes: str) -> None:
        """Receive what a source tells: with ".flows" and ".logs", that too."""
        for suffix in ("", *suffixes):
            self.listen(f"mc/sfe.{identity}{suffix}")

    def flush(self, identity: str) -> None:
        """Ask a source for everything."""
        self.command(identity, Message(address=f"sfe.{identity}", subject="FLUSH"))

    def command(self, identity: str, message: Message | bytes) -> None:
        """Send a message to a source's command address, or its own."""
        assert self._commands.send(message).outcome().state == "accepted", identity

    def sources(self, count: int) -> list[str]:
        """The identities of so many routers, once they have shown themselves."""

        def known() -> list[str]:
            beacons = (one for one in self.heard[ALL_SOURCES] if one.subject == "BEACON")
            return sorted({str(one.properties["id"]) for one in beacons})

        return self.until(lambda: known() if len(known()) >= count else [], f"{count} beacons")

    def until(self, ready: Callable[[], Result], what: str, timeout: float = PATIENCE) -> Result:
        """What `ready` says as soon as it is true."""

        def check() -> Result:
            self._take()
            return ready()

        return self._client.wait(check, what, timeout)

    def record(self, kind: str, timeout: float = PATIENCE, /, **attributes: object) -> Record:
        """The record of a type with these attributes, once it is there."""

        def find() -> Record | None:
            for record in self.records.values():
                if record["recordType"] == kind and attributes.items() <= record.items():
                    return record
            return None

        found = self.until(find, f"a record {kind} with {attributes}", timeout)
        assert found is not None
        return found

    def _take(self) -> None:
        for address, receiver in self._receivers:
            done = self._read.get(address, 0)
            for arrival in receiver.arrivals[done:]:
                assert arrival.settled, "events are pre-settled"
                heard = decode(arrival.octets)
                assert heard.to == address
                self.heard[address].append(heard)
                for record in heard.records:
                    self.records.setdefault(record["identity"], {}).update(record)
            self._read[address] = len(receiver.arrivals)
