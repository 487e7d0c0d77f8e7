"""sslProfiles: contexts kept and renewed, passwords, names, and errors that say where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from skrouter.amqp.events import TlsFacts
from skrouter.config.model import SslProfileConfig
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.tls import TlsProfiles
from skrouter_testing.certs import Authority


def profile(**other: object) -> SslProfileConfig:
    known: dict[str, object] = {
        "entity": None,
        "name": "p",
        "identity": "sslProfile/p",
        "ciphers": None,
        "protocols": None,
        "ca_cert_file": None,
        "cert_file": None,
        "private_key_file": None,
        "password": None,
        "uid_format": None,
        "uid_name_mapping_file": None,
        "ordinal": 0,
        "oldest_valid_ordinal": 0,
    }
    return SslProfileConfig(**{**known, **other})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def complete(
    authority: Authority, name: str, key_password: str | None = None, **other: object
) -> SslProfileConfig:
    pair = authority.issue(name, password=key_password)
    files = {"ca_cert_file": authority.ca_file, "cert_file": pair.certificate, "private_key_file": pair.key}
    return profile(**files, **other)


def test_a_context_is_made_once_for_each_use_until_reloaded(authority: Authority) -> None:
    profiles = TlsProfiles([complete(authority, "once")])
    first = profiles.server("p", require_peer=True)
    assert profiles.server("p", require_peer=True) is first
    assert len({id(first), id(profiles.server("p", require_peer=False)), id(profiles.client("p"))}) == 3
    profiles.reload("p")
    assert profiles.server("p", require_peer=True) is not first


@pytest.mark.parametrize("written", ["env:SECRET", "file:/secret", "pass:word", "literal:word", "word"])
def test_b10_every_form_of_password_opens_the_key(authority: Authority, written: str) -> None:
    profiles = TlsProfiles(
        [complete(authority, f"key-{written[:3]}", "word", password=written)],
        environment={"SECRET": "word"},
        read_file={"/secret": "word\n"}.__getitem__,
    )
    assert profiles.client("p") is not None


@pytest.mark.parametrize(("written", "count"), [("word", 1), ("pass:word", 0)])
def test_a_password_in_plain_text_is_warned_of_once(authority: Authority, written: str, count: int) -> None:
    warnings: list[str] = []
    profiles = TlsProfiles(
        [complete(authority, f"warn{count}", "word", password=written)], warn=warnings.append
    )
    profiles.client("p")
    profiles.server("p", require_peer=False)
    assert len(warnings) == count
    assert not any("'word'" in text for text in warnings)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ca_cert_file": "/no/ca"}, "/no/ca"),
        ({"cert_file": "/no/cert"}, "/no/cert"),
        ({"password": "env:NOT_SET"}, "NOT_SET"),
        ({"password": "file:/no/file"}, "Unable to open password file /no/file"),
        ({"protocols": "SSLv3"}, "SSLv3"),
    ],
)
def test_b10_what_is_wrong_is_named(authority: Authority, changes: dict[str, object], text: str) -> None:
    profiles = TlsProfiles([profile(**{"ca_cert_file": authority.ca_file, **changes})], environment={})
    with pytest.raises(NetworkConfigurationError, match=f"sslProfile 'p'.*{text}"):
        profiles.client("p")


def test_an_unknown_profile_is_not_found() -> None:
    with pytest.raises(NetworkConfigurationError, match="sslProfile 'x' not found"):
        TlsProfiles().client("x")


def test_a_removed_profile_is_gone_and_a_replaced_one_read_again(authority: Authority) -> None:
    profiles = TlsProfiles([complete(authority, "old")])
    before = profiles.client("p")
    profiles.put(complete(authority, "new"))
    assert profiles.client("p") is not before
    profiles.remove("p")
    with pytest.raises(NetworkConfigurationError, match="not found"):
        profiles.client("p")


def test_a_changed_profile_is_used_at_once_wherever_the_old_one_was(authority: Authority) -> None:
    profiles = TlsProfiles([complete(authority, "before"), replace(complete(authority, "other"), name="q")])
    server, other = profiles.server("p", require_peer=True), profiles.client("q")
    profiles.replace(complete(authority, "after", ordinal=2))
    assert profiles.profile("p").ordinal == 2
    assert profiles.server("p", require_peer=True) is not server
    assert profiles.client("q") is other


def test_a_change_that_cannot_be_used_changes_nothing(authority: Authority, tmp_path: Path) -> None:
    mapping = tmp_path / "names.json"
    mapping.write_text('{"CN=x": "X"}')
    old = complete(authority, "kept", uid_name_mapping_file=str(mapping))
    profiles = TlsProfiles([old])
    server, client = profiles.server("p", require_peer=True), profiles.client("p")
    facts = TlsFacts("TLSv1.3", "c", 256, "CN=x", b"", None)
    profiles.user_id("p", facts)
    mapping.unlink()
    with pytest.raises(NetworkConfigurationError, match="/no/cert"):
        profiles.replace(profile(ca_cert_file=authority.ca_file, cert_file="/no/cert", ordinal=1))
    assert profiles.profile("p") is old
    assert profiles.server("p", require_peer=True) is server
    assert profiles.client("p") is client
    assert profiles.user_id("p", facts) == "CN=x"


def test_names_are_read_once_and_again_after_a_reload(tmp_path: Path) -> None:
    mapping = tmp_path / "names.json"
    mapping.write_text('{"CN=x": "not used without a format"}')
    profiles = TlsProfiles([profile(uid_name_mapping_file=str(mapping))])
    facts = TlsFacts("TLSv1.3", "c", 256, "CN=x", b"", None)
    assert profiles.user_id("p", facts) == "CN=x"
    mapping.unlink()
    assert profiles.user_id("p", facts) == "CN=x"
    profiles.reload("p")
    with pytest.raises(NetworkConfigurationError, match=r"cannot read uidNameMappingFile .*names\.json"):
        profiles.user_id("p", facts)


def test_a_mapping_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    mapping = tmp_path / "names.json"
    mapping.write_text("x")
    profiles = TlsProfiles([profile(uid_name_mapping_file=str(mapping))])
    with pytest.raises(NetworkConfigurationError, match="not JSON"):
        profiles.user_id("p", TlsFacts("TLSv1.3", "c", 256, "CN=x", b"", None))
