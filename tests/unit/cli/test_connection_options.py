"""Connection options and URLs become settings."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.cli.connection_options import add_connection_options, connection_settings
from skrouter.mgmt.client.settings import ConnectionSettings, Endpoint, TlsSettings, UrlError, parse_url


def settings_of(*arguments: str) -> ConnectionSettings:
    parser = argparse.ArgumentParser()
    add_connection_options(parser)
    return connection_settings(parser.parse_args(arguments), lambda path: f"secret in {path}")


@pytest.mark.parametrize(
    ("url", "tls", "endpoint"),
    [
        ("0.0.0.0", False, Endpoint("amqp", "0.0.0.0", 5672)),
        ("host", True, Endpoint("amqps", "host", 5671)),
        ("host:77", False, Endpoint("amqp", "host", 77)),
        (":77", False, Endpoint("amqp", "0.0.0.0", 77)),
        ("host:amqp", False, Endpoint("amqp", "host", 5672)),
        ("host:amqps", False, Endpoint("amqp", "host", 5671)),
        ("amqps://host", False, Endpoint("amqps", "host", 5671)),
        ("amqp://host", True, Endpoint("amqps", "host", 5672)),
        ("[::1]", False, Endpoint("amqp", "::1", 5672)),
        ("[::1]:77", False, Endpoint("amqp", "::1", 77)),
        ("amqp://u:p%40@h:1/a/b", False, Endpoint("amqp", "h", 1, "a/b", "u", "p@")),
    ],
)
def test_url_names_an_endpoint(url: str, tls: bool, endpoint: Endpoint) -> None:
    assert parse_url(url, tls=tls) == endpoint


@pytest.mark.parametrize("url", ["http://h", "h:0", "h:65536", "h:x", "amqp://[::1", "h:-1"])
def test_bad_url_is_refused_with_the_url_in_the_text(url: str) -> None:
    with pytest.raises(UrlError) as caught:
        parse_url(url)
    assert f"'{url}'" in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_an_endpoint_or_a_url_error(url: str) -> None:
    try:
        endpoint = parse_url(url)
    except UrlError:
        return
    assert endpoint.host
    assert 0 < endpoint.port < 65536


def test_endpoint_is_shown_without_its_password() -> None:
    assert str(parse_url("amqps://u:secret@[::1]:5/x")) == "amqps://[::1]:5"


def test_defaults_are_those_of_the_reference() -> None:
    assert settings_of() == ConnectionSettings(Endpoint("amqp", "0.0.0.0", 5672), timeout=5.0)


@pytest.mark.parametrize("option", ["--ssl-certificate", "--ssl-key", "--ssl-trustfile"])
def test_certificate_options_ask_for_tls(option: str) -> None:
    assert settings_of(option, "f", "-b", "h:1").endpoint == Endpoint("amqps", "h", 1)


def test_options_become_settings() -> None:
    found = settings_of(
        *(
            "-b",
            "amqps://h:1",
            "-t",
            "2.5",
            "--ssl-certificate",
            "c",
            "--ssl-key",
            "k",
            "--ssl-trustfile",
            "ca",
        ),
        *(
            "--ssl-password-file",
            "kp",
            "--ssl-disable-peer-name-verify",
            "--sasl-mechanisms",
            "PLAIN,EXTERNAL",
        ),
        *("--sasl-username", "u", "--sasl-password-file", "sp"),
    )
    assert found == ConnectionSettings(
        Endpoint("amqps", "h", 1),
        timeout=2.5,
        tls=TlsSettings("c", "k", "ca", "secret in kp", verify_host=False),
        mechanisms=("PLAIN", "EXTERNAL"),
        username="u",
        password="secret in sp",
    )


def test_password_given_wins_over_the_file() -> None:
    assert settings_of("--sasl-password", "p", "--sasl-password-file", "f").password == "p"


def test_password_file_is_read_up_to_the_line_end(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_connection_options(parser)
    path = tmp_path / "password"
    path.write_text("secret \r\nmore\n")
    options = parser.parse_args(["--sasl-password-file", str(path)])
    assert connection_settings(options).password == "secret "
