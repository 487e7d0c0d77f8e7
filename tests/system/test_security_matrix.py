"""Every mechanism with every certificate at every kind of door, with policy and without (features B8, B10).

Proton's client speaks ANONYMOUS, PLAIN and EXTERNAL. Its package has no SCRAM: a connector speaks that.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from proton import SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until

USER, PASSWORD = "alice@domain.example", "open sesame"
TRANSPORTS = ("clear", "tls-none", "tls-right", "tls-other")
"""Without TLS; with it and no certificate, one of our authority, one of another."""
SIMPLE = ("ANONYMOUS", "PLAIN", "EXTERNAL")
SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256")
OFFERED = {
    True: "EXTERNAL ANONYMOUS PLAIN SCRAM-SHA-1 SCRAM-SHA-256",
    False: "ANONYMOUS PLAIN SCRAM-SHA-1 SCRAM-SHA-256",
}


@dataclass(frozen=True, slots=True)
class Door:
    """A listener; `external`: it offers EXTERNAL and so asks for certificates."""

    external: bool
    authenticate: bool
    require_ssl: bool
    policy: bool


DOORS = tuple(Door(*flags) for flags in product((False, True), repeat=4))


@dataclass(frozen=True, slots=True)
class Case:
    """One client at one door."""

    door: Door
    transport: str
    mechanism: str

    @property
    def user(self) -> str | None:
        """Who it is to the router."""
        return {"ANONYMOUS": "anonymous", "EXTERNAL": "skrouter tests;client"}.get(self.mechanism, USER)

    @property
    def gets_in(self) -> bool:
        """By the specification (router-config.md §7, §9)."""
        door = self.door
        if self.transport == "clear":
            if door.require_ssl or self.mechanism == "EXTERNAL":
                return False
        elif door.external and self.transport != "tls-right":
            return False
        if self.mechanism == "EXTERNAL" and not door.external:
            return False
        if self.mechanism == "ANONYMOUS":
            return not door.authenticate and not door.policy
        return True


@dataclass(frozen=True, slots=True)
class House:
    """Two routers, one with policy, and all their doors; what clients need."""

    ports: dict[Door, int]
    management: int
    authority: Authority
    pairs: dict[str, Pair]


def doors_of(policy: bool, ports: dict[Door, int]) -> str:
    return "".join(
        section(
            "listener",
            name=f"door-{ports[door]}",
            host=HOST,
            port=ports[door],
            sslProfile="tls",
            saslMechanisms=OFFERED[door.external],
            authenticatePeer=door.authenticate,
            requireSsl=door.require_ssl,
        )
        for door in DOORS
        if door.policy is policy
    )


VHOST = """vhost {
    hostname: $default
    groups: {
        "known": {
            "users": "alice@domain.example, skrouter tests;client",
            "remoteHosts": "*",
            "allowDynamicSource": true,
            "sources": "*",
            "targets": "*"
        }
    }
}
"""


@pytest.fixture(scope="module")
def sasl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sasl")
    database = directory / "users.sasldb"
    mechanisms = "PLAIN ANONYMOUS EXTERNAL SCRAM-SHA-1 SCRAM-SHA-256"
    (directory / "guard.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: {mechanisms}\n"
    )
    subprocess.run(
        ["saslpasswd2", "-c", "-p", "-f", str(database), "-u", "domain.example", "alice"],
        input=PASSWORD.encode(),
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
        check=True,
    )
    return directory


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sasl: Path) -> Iterator[House]:
    ours, strange = (Authority(tmp_path_factory.mktemp(name), f"{name}-ca") for name in ("ours", "strange"))
    server = ours.issue("server", dns=("localhost",), addresses=(HOST,))
    ports, management = {door: free_port() for door in DOORS}, free_port()
    head = section(
        "sslProfile",
        name="tls",
        caCertFile=ours.ca_file,
        certFile=server.certificate,
        privateKeyFile=server.key,
        uidFormat="on",
    )
    with Routers(tmp_path_factory.mktemp("house")) as routers:
        for policy, name in ((False, "OPEN"), (True, "POLICED")):
            text = section(
                "router", mode="standalone", id=name, saslConfigDir=str(sasl), saslConfigName="guard"
            )
            text += head + doors_of(policy, ports)
            text += section("policy", enableVhostPolicy=True) + VHOST if policy else ""
            text += "" if policy else section("listener", host=HOST, port=management)
            routers.start(name, text)
        pairs = {"tls-right": ours.issue("client"), "tls-other": strange.issue("client")}
        yield House(ports, management, ours, pairs)


def domain(house: House, transport: str) -> SSLDomain | None:
    if transport == "clear":
        return None
    made = SSLDomain(SSLDomain.MODE_CLIENT)
    made.set_trusted_ca_db(house.authority.ca_file)
    made.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME, house.authority.ca_file)
    if (pair := house.pairs.get(transport)) is not None:
        made.set_credentials(pair.certificate, pair.key, None)
    return made


class Crowd(MessagingHandler):  # type: ignore[misc]  # proton has no types
    """All clients at once; those whose link is answered got in."""

    def __init__(self, house: House, cases: list[Case]) -> None:
        super().__init__()
        self.house, self.waiting = house, list(cases)
        self.inside: set[Case] = set()
        self.outside: set[Case] = set()
        self._cases: dict[Any, Case] = {}

    def run(self) -> None:
        thread = threading.Thread(target=Container(self).run, daemon=True)
        thread.start()
        thread.join(120)
        assert not thread.is_alive()

    def on_start(self, event: Any) -> None:
        for _ in range(8):
            self._next(event.container)

    def _next(self, container: Any) -> None:
        """A few at a time: each has a few seconds only."""
        if not self.waiting:
            return
        case = self.waiting.pop()
        secure = {} if case.mechanism == "EXTERNAL" else {"user": USER, "password": PASSWORD}
        if case.mechanism == "ANONYMOUS":
            secure = {}
        connection = container.connect(
            f"{'amqp' if case.transport == 'clear' else 'amqps'}://localhost:{self.house.ports[case.door]}",
            reconnect=False,
            ssl_domain=domain(self.house, case.transport),
            allowed_mechs=case.mechanism,
            allow_insecure_mechs=True,
            **secure,
        )
        self._cases[connection] = case
        container.create_receiver(connection, None, dynamic=True)

    def on_link_opened(self, event: Any) -> None:
        self.inside.add(self._cases[event.connection])
        event.connection.close()

    def on_transport_closed(self, event: Any) -> None:
        case = self._cases[event.connection]
        if case not in self.inside:
            self.outside.add(case)
        self._next(event.container)

    def on_transport_error(self, event: Any) -> None:
        """It closes next."""

    def on_connection_error(self, event: Any) -> None:
        event.connection.close()


def test_b8_b10_proton_gets_in_by_the_right_mechanism_and_certificate_only(house: House) -> None:
    cases = [Case(*one) for one in product(DOORS, TRANSPORTS, SIMPLE)]
    crowd = Crowd(house, cases)
    crowd.run()
    assert crowd.inside | crowd.outside == set(cases)
    assert crowd.inside == {case for case in cases if case.gets_in}


def profiles(house: House) -> str:
    known = {"tls-none": None, **house.pairs}
    return "".join(
        section(
            "sslProfile",
            name=name,
            caCertFile=house.authority.ca_file,
            certFile=pair.certificate if pair else None,
            privateKeyFile=pair.key if pair else None,
        )
        for name, pair in known.items()
    )


def connector(house: House, number: int, case: Case) -> str:
    return section(
        "connector",
        name=f"case-{number}",
        host="localhost",
        port=house.ports[case.door],
        sslProfile=None if case.transport == "clear" else case.transport,
        saslMechanisms=case.mechanism,
        saslUsername=USER,
        saslPassword=f"pass:{PASSWORD}",
    )


def test_b8_b10_a_connector_gets_in_by_scram_where_its_certificate_is_right(
    routers: Routers, house: House, sasl: Path
) -> None:
    doors = [door for door in DOORS if door.authenticate]
    cases = {f"case-{n}": Case(*one) for n, one in enumerate(product(doors, TRANSPORTS, SCRAM))}
    port = free_port()
    text = section("router", mode="standalone", id="C", saslConfigDir=str(sasl), saslConfigName="guard")
    text += section("listener", host=HOST, port=port) + profiles(house)
    text += "".join(connector(house, n, case) for n, case in enumerate(cases.values()))
    routers.start("C", text)

    def statuses() -> dict[str, str]:
        return {row["name"]: row["connectionStatus"] for row in query(port, "connector")}

    expected = {name: "SUCCESS" if case.gets_in else "FAILED" for name, case in cases.items()}
    wait_until(lambda: "CONNECTING" not in statuses().values(), "every connector", 60)
    assert statuses() == expected
    users = {row["user"] for row in query(house.management, "connection") if "SCRAM" in str(row["sasl"])}
    assert users == {USER}
