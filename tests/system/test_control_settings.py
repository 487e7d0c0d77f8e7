"""Logs, TLS profiles and others changed while a router runs, and refusals, by the real skmanage."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from skrouter_testing.amqp_client import Client
from skrouter_testing.certs import Authority
from skrouter_testing.live_management import query, request
from skrouter_testing.managed import Managed, place
from skrouter_testing.process import HOST, free_port, wait_until
from skrouter_testing.tcp_peers import Service, is_open


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


# --- log, profiles, others


def test_a_log_level_counts_at_once_and_a_log_that_cannot_be_written_changes_nothing(
    one: Managed, tmp_path: Path
) -> None:
    module = ("update", "--type=log", "--name=log/AGENT")
    output = tmp_path / "agent.log"
    changed = one.done(*module, "enable=info+", f"outputFile={output}")
    assert isinstance(changed, dict)
    assert (changed["module"], changed["enable"], changed["outputFile"]) == ("AGENT", "info+", str(output))
    one.refused("read", "--name=nowhere")
    assert "AGENT (error) Error performing READ: No entity with name=nowhere" in output.read_text()
    nowhere = tmp_path / "no" / "agent.log"
    assert one.refused(*module, f"outputFile={nowhere}") == (
        "InternalServerErrorStatus: CError: Configuration: Failed to open log file "
        f"'{nowhere}': No such file or directory"
    )
    assert one.refused(*module, "enable=loud").startswith(
        "InternalServerErrorStatus: CError: Configuration: 'loud' is not a valid log level. Should be one of"
    )
    read = one.done("read", "--type=log", "--name=log/AGENT")
    assert isinstance(read, dict)
    assert (read["enable"], read["outputFile"]) == ("info+", str(output))
    size = output.stat().st_size
    one.done(*module, "enable=none")
    one.refused("read", "--name=nowhere")
    assert output.stat().st_size == size
    one.done(*module, "enable=default", "outputFile")
    one.refused("read", "--name=somewhere")
    one.router.wait_line("Error performing READ: No entity with name=somewhere")


def test_profile_of_credentials_is_read_again_on_update_and_kept_if_it_cannot_be(
    one: Managed, authority: Authority
) -> None:
    first, port = authority.issue("first", addresses=("127.0.0.1",)), free_port()
    files = (
        f"caCertFile={authority.ca_file}",
        f"certFile={first.certificate}",
        f"privateKeyFile={first.key}",
    )
    made = one.done("create", "--type=sslProfile", "--name=tls", *files)
    assert isinstance(made, dict) and made["identity"] == "sslProfile/tls"
    listener = ("--type=listener", "--name=secure")
    one.done("create", *listener, *place(port), "sslProfile=tls", "requireSsl=true")
    assert _common_name(port, authority) == "first"
    with Service() as service:
        _follow_updates(one, authority, port, service)
    one.router.wait_line("AGENT (info) Updated sslProfile tls")

    one.done("delete", "--type=sslProfile", "--name=tls")
    assert _common_name(port, authority) == "second", "who uses it keeps it"
    assert "sslProfile 'tls' not found" in one.refused(
        "create", "--type=listener", "sslProfile=tls", "port=0"
    )
    one.done("delete", *listener)


def _follow_updates(one: Managed, authority: Authority, port: int, service: Service) -> None:
    """Changes of the profile "tls" that fail and one that works, for an AMQP listener and a TCP service."""
    tcp = free_port()
    one.done("create", "--type=tcpConnector", "--name=tls-con", "address=t", *place(service.port))
    one.done("create", "--type=tcpListener", "--name=tls-in", "address=t", *place(tcp), "sslProfile=tls")
    wait_until(lambda: is_open(tcp), "the listener to open")
    assert _common_name(tcp, authority) == "first"
    update = ("update", "--type=sslProfile", "--name=tls")
    assert "/no/such/file" in one.refused(*update, "certFile=/no/such/file", "ordinal=1")
    assert _common_name(port, authority) == "first"
    refusal = (
        "InternalServerErrorStatus: CError: Configuration: "
        "ordinal must be >= oldestValidOrdinal (sslProfile 'tls')"
    )
    assert one.refused(*update, "ordinal=1", "oldestValidOrdinal=2") == refusal
    negative = "Negative ordinal field values are invalid (sslProfile 'tls')"
    assert negative in one.refused(*update, "ordinal=-1")

    second = authority.issue("second", addresses=("127.0.0.1",))
    renewed = (f"certFile={second.certificate}", f"privateKeyFile={second.key}")
    changed = one.done(*update, *renewed, "ordinal=2", "oldestValidOrdinal=1")
    assert isinstance(changed, dict)
    assert (changed["ordinal"], changed["oldestValidOrdinal"]) == (2, 1)
    assert _common_name(port, authority) == "second"
    assert _common_name(tcp, authority) == "second"
    for entity in ("tls-in", "tls-con"):
        one.done("delete", "--name", entity)


def _common_name(port: int, authority: Authority) -> str:
    """Whose certificate the server shows; nothing but ours is trusted."""
    import ssl  # noqa: PLC0415 — proton's client must be loaded before it in this process

    context = ssl.create_default_context(cafile=authority.ca_file)
    with (
        socket.create_connection((HOST, port), 10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        subject = tls.getpeercert()["subject"]
    return next(value for ((name, value),) in subject if name == "commonName")


def test_proxy_profile_is_configured_data(one: Managed) -> None:
    named = ("--type=proxyProfile", "--name=proxy")
    made = one.done("create", *named, "host=proxy.example", "port=3128", "password=secret")
    assert isinstance(made, dict) and "password" not in made
    changed = one.done("update", *named, "port=8080")
    assert isinstance(changed, dict) and changed["port"] == "8080"
    one.done("delete", *named)
    assert one.names("proxyProfile") == set()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("update", "--type=router", "--name=router/S", "metadata=x"),
            "NotImplementedStatus: Operation 'UPDATE' not implemented for 'io.skupper.router.router' "
            "['READ']",
        ),
        (
            ("update", "--type=network", "--name=network/0", "networkId=other"),
            "NotImplementedStatus: this version cannot change networkId",
        ),
        (
            ("create", "--type=autoLink", "address=a"),
            "BadRequestStatus: direction field is mandatory",
        ),
        (
            ("create", "--type=router", "--name=x", "id=x"),
            "BadRequestStatus: Adding router singleton",
        ),
        (
            ("create", "--type=tcpListener", "--name=x", "address=a"),
            "InternalServerErrorStatus: CError: Python: KeyError: ('port',)",
        ),
        (
            ("create", "--type=tcpListener", "--name=x", "port=1"),
            "InternalServerErrorStatus: CError: Configuration: Exactly one of the 'address' or "
            "'multiAddressStrategy' field must be set",
        ),
        (
            ("update", "--type=listener", "--name=clients", "port=1"),
            "NotImplementedStatus: Operation 'UPDATE' not implemented for 'io.skupper.router.listener' "
            "['CREATE', 'DELETE', 'READ']",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_the_known_words(one: Managed, arguments, text) -> None:
    assert one.refused(*arguments).startswith(text)


def test_an_immutable_attribute_cannot_be_updated_unless_it_stays_the_same(one: Managed) -> None:
    port = free_port()
    named = ("--type=tcpListener", "--name=still")
    one.done("create", *named, "address=a", *place(port))
    refusal = one.refused("update", *named, "port=1", "observer=none")
    assert refusal == "BadRequestStatus: Cannot update attribute 'port' in UPDATE"
    same = one.done("update", *named, f"port={port}", "observer=http1")
    assert isinstance(same, dict) and (same["port"], same["observer"]) == (str(port), "http1")
    one.done("delete", *named)


def test_of_creates_of_one_name_at_the_same_time_one_succeeds(one: Managed) -> None:
    ports = [free_port() for _ in range(4)]
    barrier = threading.Barrier(len(ports))
    answers: list[tuple[int, str]] = []

    def create(port: int) -> None:
        body = {"host": HOST, "port": str(port)}
        barrier.wait()
        answer = request(one.port, body, operation="CREATE", type="io.skupper.router.listener", name="same")
        answers.append((answer.properties["statusCode"], answer.properties["statusDescription"]))

    _all_at_once(create, ports)
    assert sorted(status for status, _ in answers) == [201, 400, 400, 400]
    for status, text in answers:
        assert status == 201 or "duplicates unique attribute 'name' from existing ListenerEntity(" in text
    assert sum(is_open(port) for port in ports) == 1
    one.done("delete", "--type=listener", "--name=same")


def _all_at_once(work, arguments: Sequence[int]) -> None:
    threads = [threading.Thread(target=work, args=(one,)) for one in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("body", ["text", ["list"], None, 3, b"octets"])
@pytest.mark.parametrize("entity", ["listener", "tcpListener", "sslProfile", "router.config.address"])
def test_a_body_that_is_no_map_makes_nothing(one: Managed, entity: str, body: object) -> None:
    before = query(one.port, entity)
    answer = request(one.port, body, operation="CREATE", type=f"io.skupper.router.{entity}", name="odd")
    assert answer.properties["statusCode"] in (400, 500)
    assert (
        "map" in answer.properties["statusDescription"]
        or "attribute" in answer.properties["statusDescription"]
    )
    assert query(one.port, entity) == before


# --- connections and the agent


def test_b20_a_connection_is_closed_by_its_admin_status(one: Managed) -> None:
    with Client(one.port) as client:
        client.receiver("victim")
        (row,) = [row for row in query(one.port, "router.link") if row["owningAddr"] == "Mvictim"]
        identity = row["connectionId"]
        changed = one.done("update", "--type=connection", f"--identity={identity}", "adminStatus=deleted")
        assert isinstance(changed, dict)
        assert (changed["adminStatus"], changed["operStatus"]) == ("deleted", "closing")
        wait_until(lambda: identity not in _connections(one), "the connection to end")


def _connections(one: Managed) -> set[str]:
    return {str(row["identity"]) for row in query(one.port, "connection")}


def test_profile_tells_where_time_goes(one: Managed) -> None:
    assert one.refused("profile", "stop=yes") == "BadRequestStatus: Profiler not started"
    assert one.run("profile", "start=yes")[0] == 0
    query(one.port, "listener")
    status, text = one.run("profile", "stop=yes")
    assert status == 0
    assert "function calls" in text and "agent.py" in text
