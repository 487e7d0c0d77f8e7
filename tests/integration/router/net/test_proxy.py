"""Connectors that go through a forward proxy (proxyProfile): ways in, and every way to fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from skrouter.router.net import dial, tunnels
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.process import free_port
from skrouter_testing.proxy import Proxy

Make = Callable[..., Any]


def listening(more: str = "", attributes: str = "", role: str = "inter-router") -> str:
    return (
        f"router {{\n id: A\n mode: interior\n}}\n{more}"
        f"listener {{\n name: lis\n host: 127.0.0.1\n port: 0\n role: {role}\n{attributes}\n}}\n"
    )


def dialling(
    port: int | str,
    proxy: int,
    *,
    profile: str = "",
    attributes: str = "",
    more: str = "",
    role: str = "normal",
    host: str = "127.0.0.1",
) -> str:
    return (
        f"router {{\n id: B\n mode: interior\n dataConnectionCount: 2\n}}\n{more}"
        f"proxyProfile {{\n name: way\n host: 127.0.0.1\n port: {proxy}\n{profile}\n}}\n"
        f"connector {{\n name: con\n host: {host}\n port: {port}\n role: {role}\n proxyProfile: way\n"
        f"{attributes}\n}}\n"
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the wait."""
    monkeypatch.setattr(dial, "RETRY_AFTER_PROXY", 0.05)


def status(side: Any) -> Any:
    return side.shell.connector_status(side.config.connectors[0].identity)


def test_b18_all_connections_of_a_connector_go_through_the_proxy(make_side: Make) -> None:
    a = make_side(listening())
    with Proxy() as proxy:
        b = make_side(dialling(a.port, proxy.port, role="inter-router"))
        b.wait(lambda: len(b.ups) == 3, "not up")
        assert proxy.targets == [f"127.0.0.1:{a.port}"] * 3
        assert status(b).connection_status == "SUCCESS"
        assert {facts.host for facts in b.ups} == {f"127.0.0.1:{a.port}"}
        b.stop()


def test_tls_begins_behind_the_proxy_and_verifies_the_place(
    make_side: Make, authority: Authority, server_pair: Pair, client_pair: Pair
) -> None:
    def profile(pair: Pair) -> str:
        return (
            f"sslProfile {{\n name: tls\n caCertFile: {authority.ca_file}\n certFile: {pair.certificate}\n"
            f" privateKeyFile: {pair.key}\n}}\n"
        )

    strict = " sslProfile: tls\n requireSsl: yes\n saslMechanisms: EXTERNAL\n authenticatePeer: yes"
    a = make_side(listening(profile(server_pair), strict))
    with Proxy(credentials="u:p") as proxy:
        text = dialling(
            a.port,
            proxy.port,
            role="inter-router",
            attributes=" sslProfile: tls",
            profile=" username: u\n password: pass:p",
            more=profile(client_pair),
        )
        b = make_side(text)
        b.wait(lambda: len(b.ups) == 3, "not up")
        a.wait(lambda: len(a.ups) == 3, "not up")
        assert {facts.mechanism for facts in a.ups} == {"EXTERNAL"}
        assert {facts.tls_protocol for facts in b.ups} == {"TLSv1.3"}
        b.stop()


def test_a_place_with_another_certificate_is_refused_behind_the_proxy(
    make_side: Make, authority: Authority, other: Authority, server_pair: Pair
) -> None:
    server = (
        f"sslProfile {{\n name: tls\n caCertFile: {authority.ca_file}\n certFile: {server_pair.certificate}\n"
        f" privateKeyFile: {server_pair.key}\n}}\n"
    )
    client = f"sslProfile {{\n name: tls\n caCertFile: {other.ca_file}\n}}\n"
    a = make_side(listening(server, " sslProfile: tls", role="normal"))
    with Proxy() as proxy:
        b = make_side(dialling(a.port, proxy.port, attributes=" sslProfile: tls", more=client))
        b.wait_line("SERVER (error)", f"Connection to 127.0.0.1:{a.port} failed", "certificate verify failed")
        assert b.ups == []
        b.stop()


@pytest.mark.parametrize("form", ["p", "pass:p", "env:PROXY_PASSWORD", "file:{}"])
def test_the_password_may_be_written_in_every_form(
    make_side: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    (tmp_path / "password.txt").write_text("p\n")
    monkeypatch.setenv("PROXY_PASSWORD", "p")
    a = make_side(listening(role="normal"))
    with Proxy(credentials="u:p") as proxy:
        written = form.format(tmp_path / "password.txt")
        b = make_side(dialling(a.port, proxy.port, profile=f" username: u\n password: {written}"))
        b.wait(lambda: b.ups, "not up")
        b.stop()


def test_a_port_by_name_is_asked_for_by_number(make_side: Make) -> None:
    with Proxy(answer=b"HTTP/1.1 503 No\r\n\r\n") as proxy:
        b = make_side(dialling("amqps", proxy.port))
        b.wait_line("answered 503")
        assert proxy.targets == ["127.0.0.1:5671"]
        b.stop()


def test_the_proxy_resolves_the_name(make_side: Make) -> None:
    with Proxy(answer=b"HTTP/1.1 502 No\r\n\r\n") as proxy:
        b = make_side(dialling(5671, proxy.port, host="no-such-host.invalid"))
        b.wait_line("Connection to no-such-host.invalid:5671 failed", "answered 502")
        assert proxy.targets == ["no-such-host.invalid:5671"]
        b.stop()


GARBAGE = b"SSH-2.0-OpenSSH_9.6\r\n\r\n"


@pytest.mark.parametrize(
    ("behavior", "profile", "words"),
    [
        ({"answer": b"HTTP/1.1 403 No\r\n\r\n"}, "", "it answered 403 Forbidden"),
        (
            {"credentials": "u:p"},
            "",
            "it answered 407 Proxy Authentication Required; give the proxyProfile",
        ),
        (
            {"credentials": "u:p"},
            " username: u\n password: pass:x",
            "; it refuses the proxyProfile's username",
        ),
        ({"answer": GARBAGE}, "", "it does not answer in HTTP"),
        ({"answer": GARBAGE, "closes": True}, "", "it does not answer in HTTP"),
        ({"answer": b"", "closes": True}, "", "closed the connection"),
        ({"answer": b"HTTP/1.1 20", "closes": True}, "", "closed the connection"),
        ({"rest": b"AMQP\x00\x01\x00\x00"}, "", "it sent octets before"),
    ],
    ids=["refused", "no login", "bad login", "garbage", "garbage, then end", "end", "half", "too early"],
)
def test_a_proxy_that_refuses_is_told_with_its_reason(
    make_side: Make, quick: None, behavior: dict[str, Any], profile: str, words: str
) -> None:
    a = make_side(listening(role="normal"))
    with Proxy(**behavior) as proxy:
        b = make_side(dialling(a.port, proxy.port, profile=profile))
        place = f"127.0.0.1:{a.port}"
        line = b.wait_line(
            "SERVER (error)", f"Connection to {place} failed: proton:io proxy 127.0.0.1:{proxy.port}"
        )
        assert words in line
        assert line.endswith(f" - connect to {place}")
        b.wait(lambda: b.shell.connectors[0].control.number >= 3, "no retries")
        assert [one for one in b.lines if "failed" in one] == [line]
        b.wait(lambda: status(b).connection_status == "FAILED", "no failure")
        assert words in status(b).connection_msg
        assert a.ups == b.ups == []
        b.stop()


def test_a_proxy_that_says_nothing_is_given_up_in_time(
    make_side: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "PROXY_SECONDS", 0.2)
    with Proxy(answer=b"") as proxy:
        b = make_side(dialling(5671, proxy.port))
        b.wait_line("SERVER (error)", f"proxy 127.0.0.1:{proxy.port}: no answer within 0.2 seconds")
        b.stop()


def test_a_proxy_that_is_not_there_is_named(make_side: Make) -> None:
    port = free_port()
    b = make_side(dialling(5671, port))
    b.wait_line("Connection refused - disconnected 127.0.0.1:5671 by proxy 127.0.0.1:", str(port))


def test_the_next_attempt_comes_after_two_seconds(make_side: Make) -> None:
    b = make_side(dialling(5671, free_port()))
    b.wait_line("Connection refused")
    began = time.monotonic()
    b.wait(lambda: b.shell.connectors[0].control.number == 2, "no second attempt")
    assert 1.5 < time.monotonic() - began < 4


def test_a_proxy_that_comes_to_its_senses_is_used(make_side: Make, quick: None) -> None:
    a = make_side(listening(role="normal"))
    with Proxy(answer=b"HTTP/1.1 503 No\r\n\r\n") as proxy:
        b = make_side(dialling(a.port, proxy.port))
        b.wait_line("answered 503")
        proxy.answer = None
        b.wait(lambda: b.ups, "not up")
        assert status(b).connection_status == "SUCCESS"
        b.stop()


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (" username: u\n password: file:/no/such/file", "Unable to open password file /no/such/file"),
        (" username: u\n password: env:NO_SUCH_VARIABLE", "'NO_SUCH_VARIABLE' is not set"),
    ],
)
def test_a_profile_that_cannot_work_is_refused_at_once(make_side: Make, profile: str, words: str) -> None:
    side = make_side(dialling(5671, 1, profile=profile), opened=False)
    with pytest.raises(NetworkConfigurationError, match="proxyProfile 'way'") as caught:
        side.open()
    assert words in str(caught.value)


def test_a_connector_that_is_removed_while_the_proxy_thinks_leaves_nothing(make_side: Make) -> None:
    with Proxy(answer=b"") as proxy:
        b = make_side(dialling(5671, proxy.port))
        b.wait(lambda: proxy.targets, "the proxy was not asked")
        b.call(lambda: b.shell.remove_connector(b.config.connectors[0].identity))
        b.wait(lambda: not b.shell._peers, "a peer stays")
        b.stop()
