"""Certificates that are renewed while connections are up: ordinals of an sslProfile raised on either side."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from skrouter.router.net import dial
from skrouter_testing.certs import Authority, Pair

Make = Callable[..., Any]
CONTROL, DATA = "inter-router", "inter-router-data"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the wait."""
    monkeypatch.setattr(dial, "RETRY_AFTER_FAILURE", 0.05)
    monkeypatch.setattr(dial, "RETRY_AFTER_LOSS", 0.05)


@pytest.fixture
def files(tmp_path: Path, authority: Authority, server_pair: Pair) -> Path:
    """CA, certificate and key that a test may replace."""
    shutil.copy(authority.ca_file, tmp_path / "ca.crt")
    install(tmp_path, server_pair)
    return tmp_path


def install(files: Path, pair: Pair) -> None:
    """Other certificates under the same names."""
    shutil.copy(pair.certificate, files / "own.crt")
    shutil.copy(pair.key, files / "own.key")


def profile(files: Path) -> str:
    return (
        f"sslProfile {{\n name: tls\n caCertFile: {files / 'ca.crt'}\n certFile: {files / 'own.crt'}\n"
        f" privateKeyFile: {files / 'own.key'}\n}}\n"
    )


def listening(files: Path, role: str = CONTROL) -> str:
    return (
        f"router {{\n id: A\n mode: interior\n}}\n{profile(files)}"
        f"listener {{\n name: lis\n host: 127.0.0.1\n port: 0\n role: {role}\n sslProfile: tls\n"
        " authenticatePeer: yes\n saslMechanisms: EXTERNAL\n}\n"
    )


def dialling(files: Path, port: int, role: str = CONTROL) -> str:
    return (
        f"router {{\n id: B\n mode: interior\n dataConnectionCount: 1\n}}\n{profile(files)}"
        f"connector {{\n name: con\n host: 127.0.0.1\n port: {port}\n role: {role}\n sslProfile: tls\n}}\n"
    )


def update(side: Any, ordinal: int, oldest: int = 0, name: str = "tls") -> None:
    """What management does for an sslProfile."""

    def change() -> None:
        old = side.config.ssl_profiles[name]
        side.shell.change_tls(replace(old, ordinal=ordinal, oldest_valid_ordinal=oldest))
        side.shell.rotate_tls(name)

    side.call(change)


def live(side: Any) -> list[tuple[str, int, int]]:
    """Role, group ordinal and own TLS ordinal of the connections that are up, oldest first."""
    found = side.call(lambda: list(side.shell.open_connections.values()))
    return [(facts.role, facts.ordinal, facts.tls_ordinal) for facts in found]


def up(side: Any, count: int) -> None:
    side.wait(lambda: len(side.ups) == count, f"not {count} up")


@pytest.fixture
def pair(make_side: Make, files: Path) -> tuple[Any, Any]:
    """A listens, B connects: control and data connection are up on both sides."""
    a = make_side(listening(files))
    b = make_side(dialling(files, a.port))
    up(a, 2)
    up(b, 2)
    return a, b


def test_b13_a_raised_ordinal_opens_a_complete_set_beside_the_old_one(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(b, 1)
    up(a, 4)
    up(b, 4)
    assert sorted(live(b)) == [(CONTROL, 0, 0), (CONTROL, 1, 1), (DATA, 0, 0), (DATA, 1, 1)]
    assert sorted(live(a)) == [(CONTROL, 0, 0), (CONTROL, 1, 0), (DATA, 0, 0), (DATA, 1, 0)]
    assert len({facts.properties.correlator for facts in a.ups}) == 1
    assert a.downs == b.downs == []
    assert b.shell.connectors[0].status == "SUCCESS"


def test_a_raised_ordinal_of_the_listener_alone_changes_nothing_that_is_up(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(a, 1)
    update(b, 1)
    up(b, 4)
    up(a, 4)
    assert sorted(live(a)) == [(CONTROL, 0, 0), (CONTROL, 1, 1), (DATA, 0, 0), (DATA, 1, 1)]
    update(a, 2)
    update(b, 2)
    up(b, 6)
    assert [facts.ordinal for facts in b.ups] == [0, 0, 1, 1, 2, 2]
    assert a.downs == b.downs == []


@pytest.mark.parametrize("ordinals", [(1, 1), (2, 1), (1, 0)], ids=["the same", "a lower", "the first again"])
def test_an_ordinal_that_is_not_higher_opens_nothing(
    pair: tuple[Any, Any], ordinals: tuple[int, int]
) -> None:
    _, b = pair
    for ordinal in ordinals:
        update(b, ordinal)
        up(b, 4)
    assert len(b.call(lambda: b.shell.connectors[0].generations)) == 2


def test_an_old_connection_that_ends_is_not_made_again(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(b, 1)
    up(b, 4)
    up(a, 4)
    old = [facts.connection for facts in b.ups if facts.ordinal == 0]
    for handle in old:
        b.call(lambda handle=handle: b.shell.close(handle))
    b.wait(lambda: len(b.downs) == 2, "not down")
    a.wait(lambda: len(a.downs) == 2, "not down there")
    connector = b.shell.connectors[0]
    assert len(connector.generations) == 1
    assert [leg.ordinal for leg in connector.legs] == [1, 1]
    assert connector.status == "SUCCESS"


def test_a_new_connection_that_ends_is_made_again_with_its_own_ordinal(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(b, 1)
    up(b, 4)
    (new,) = (facts for facts in b.ups if facts.ordinal == 1 and facts.role == CONTROL)
    a.wait(lambda: len(a.ups) == 4, "not up there")
    b.call(lambda: b.shell.close(new.connection))
    up(b, 5)
    assert (b.ups[-1].role, b.ups[-1].ordinal) == (CONTROL, 1)


def test_while_the_new_certificates_are_refused_the_old_connections_are_the_way(
    pair: tuple[Any, Any], tmp_path: Path, make_side: Make, other: Authority, authority: Authority
) -> None:
    a, _ = pair
    files = tmp_path / "of-c"
    files.mkdir()
    shutil.copy(authority.ca_file, files / "ca.crt")
    install(files, authority.issue("c-first"))
    c = make_side(dialling(files, a.port).replace("id: B", "id: C"))
    up(c, 2)
    install(files, other.issue("c-stranger"))
    update(c, 1)
    c.wait_line("SERVER (error)", "failed:")
    connector = c.shell.connectors[0]
    assert (connector.status, c.downs) == ("SUCCESS", [])
    old = c.ups[:]
    c.call(lambda: c.shell.close(old[0].connection))
    up(c, 3)  # with the certificate that it had before
    assert (c.ups[-1].role, c.ups[-1].ordinal) == (old[0].role, 0)
    install(files, authority.issue("c-second"))
    update(c, 2)
    c.wait(lambda: [facts.ordinal for facts in c.ups].count(2) == 2, "never up with the right certificate")
    assert 1 not in {facts.ordinal for facts in c.ups}
    assert [one.ordinal for one in c.call(lambda: connector.generations)] == [0, 2]


def test_the_connector_closes_in_order_what_is_too_old(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(b, 1)
    up(b, 4)
    up(a, 4)
    update(b, 1, 1)
    for side in (a, b):
        side.wait(lambda side=side: len(side.downs) == 2, "old ones are not down")
        assert {(down.facts.ordinal, down.condition) for down in side.downs} == {(0, "")}
        assert not any("failed" in line for line in side.lines)
        for down in side.downs:
            side.wait_line(f"ROUTER_CORE (info) [C{down.facts.number}] Connection Closed")
    assert sorted(live(b)) == [(CONTROL, 1, 1), (DATA, 1, 1)]


def test_both_at_once_close_the_old_set_and_open_the_new_one(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(b, 2, 2)
    up(b, 4)
    up(a, 4)
    for side in (a, b):
        side.wait(lambda side=side: len(side.downs) == 2, "old ones are not down")
    assert sorted(live(b)) == [(CONTROL, 2, 2), (DATA, 2, 2)]
    b.wait(lambda: b.shell.connectors[0].status == "SUCCESS", "no success")


def test_the_listener_closes_what_is_too_old_and_takes_it_again(pair: tuple[Any, Any]) -> None:
    a, b = pair
    update(a, 2, 2)
    a.wait(lambda: len(a.downs) == 2, "not down")
    up(a, 4)
    up(b, 4)
    assert {down.condition for down in a.downs + b.downs} == {""}
    assert sorted(live(a)) == [(CONTROL, 0, 2), (DATA, 0, 2)]
    assert sorted(live(b)) == [(CONTROL, 0, 0), (DATA, 0, 0)]
    update(a, 3, 2)
    assert sorted(live(a)) == [(CONTROL, 0, 2), (DATA, 0, 2)]


@pytest.mark.parametrize(("role", "expected"), [("edge", [0, 1]), ("inter-edge", [0]), ("normal", [0])])
def test_connectors_of_other_roles(make_side: Make, files: Path, role: str, expected: list[int]) -> None:
    """Edge connectors connect anew at once, others when the old connection is too old."""
    a = make_side(listening(files, role))
    b = make_side(dialling(files, a.port, role))
    up(b, 1)
    up(a, 1)
    update(b, 1)
    up(b, len(expected))
    assert [facts.ordinal for facts in b.ups] == expected
    assert {facts.properties.ordinal for facts in a.ups} == {None}
    up(a, len(expected))
    update(b, 1, 1)
    b.wait(lambda: any(down.facts.ordinal == 0 for down in b.downs), "not down")
    up(b, 2)
    assert [row[1:] for row in live(b)] == [(1, 1)]


def test_another_profile_is_no_business_of_a_connector(make_side: Make, files: Path) -> None:
    a = make_side(listening(files))
    b = make_side(profile(files).replace("name: tls", "name: other") + dialling(files, a.port))
    up(b, 2)
    update(b, 5, 5, name="other")
    assert len(b.call(lambda: b.shell.connectors[0].generations)) == 1
    assert a.downs == b.downs == []
