"""Broken configurations: every one is refused before the start, in words that name place and remedy."""

from pathlib import Path

import pytest
from skrouter.cli.preflight import preflight
from skrouter.cli.skrouterd import main
from skrouter.config.loader import load
from skrouter_testing.broken_configurations import error_of, expected, files, text_of
from skrouter_testing.certs import Authority

FILES = files()


def test_there_are_more_than_fifty_kinds() -> None:
    errors = [error_of(path) for path in FILES]
    assert len({problem.text for error in errors if error is not None for problem in error.problems}) > 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_broken_configuration_is_refused_with_place_and_remedy(path: Path) -> None:
    assert text_of(path) == expected()[path.name]
    error = error_of(path)
    assert error is not None
    for problem in error.problems:
        assert problem.remedy
        if path.name != "empty.conf":
            assert problem.file == str(path)
            assert problem.line is not None


def test_every_expected_text_has_its_file() -> None:
    assert sorted(expected()) == [path.name for path in FILES]


@pytest.mark.parametrize("name", ["schema-unknown-attribute.conf", "ssl-certificate-not-there.conf"])
def test_check_says_the_same_and_ends_with_an_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = [path for path in FILES if path.name == name]
    assert main(["--check", str(path)]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{error_of(path)}\n")


def test_daemon_says_it_in_its_log_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, config = tmp_path / "router.log", tmp_path / "a.conf"
    tls = "sslProfile {\n name: tls\n caCertFile: /nonexistent/ca.pem\n}\n"
    port = "connector {\n port: 1\n sslProfile: tls\n}\n"
    config.write_text(f"log {{\n module: DEFAULT\n outputFile: {log}\n}}\n{tls}{port}")
    assert main(["-c", str(config)]) == 1
    place = f"{config}:7: sslProfile.caCertFile: Configuration: sslProfile 'tls': Failed to configure TLS"
    assert place in capsys.readouterr().err
    why, line = log.read_text().splitlines()
    assert (
        "CONN_MGR (error) sslProfile 'tls': Failed to configure TLS caCertFile '/nonexistent/ca.pem'" in why
    )
    assert "ROUTER (critical) Router start-up failed: " in line
    assert place in line


def test_what_works_on_this_machine_passes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("router")
    (tmp_path / "names.json").write_text('{"a": "b"}')
    (tmp_path / "password").write_text("secret\n")
    profile = (
        f"sslProfile {{\n name: tls\n caCertFile: {authority.ca_file}\n certFile: {pair.certificate}\n"
        f" privateKeyFile: {pair.key}\n uidNameMappingFile: {tmp_path}/names.json\n}}\n"
    )
    secret = f" password: file:{tmp_path}/password\n"
    proxy = f"proxyProfile {{\n name: p\n host: h\n port: 1\n username: u\n{secret}}}\n"
    ports = "listener {\n port: 5671\n sslProfile: tls\n}\n"
    ports += "connector {\n port: 1\n sslProfile: tls\n proxyProfile: p\n saslPassword: pass:x\n}\n"
    log = f"log {{\n module: DEFAULT\n outputFile: {tmp_path}/new.log\n}}\n"
    config = tmp_path / "good.conf"
    config.write_text(profile + proxy + ports + log)
    preflight(load(config), str(config))
    assert not (tmp_path / "new.log").exists()
