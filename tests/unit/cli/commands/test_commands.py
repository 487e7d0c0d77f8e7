"""Commands that need no running router: what they print, write and return (skupper-cli.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from skrouter.cli import skupper
from skrouter.config.resources.documents import load


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data home of its own, and the linux platform."""
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SKUPPER_PLATFORM", "linux")
    return tmp_path / "skupper/namespaces"


class Shell:
    """Runs commands and keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, command: str) -> tuple[int, str]:
        """Exit status and standard output."""
        status = skupper.run(command.split())
        return status, self.output()

    def output(self) -> str:
        """What was printed since the last look."""
        return self._capsys.readouterr().out


@pytest.fixture
def sh(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def resources(home: Path, namespace: str = "default") -> dict[str, str]:
    return {one.name: one.read_text() for one in (home / namespace / "input/resources").glob("*")}


def test_site_is_written_to_the_input_of_its_namespace(sh: Shell, home: Path) -> None:
    status, output = sh("site create my-site --enable-link-access -n east")
    path = home / "east/input/resources/Site-my-site.yaml"
    assert (status, output) == (
        0,
        f'File written to {path}\nWaiting for status...\nSite "my-site" is ready.\n',
    )
    (site,) = load(path.read_text()).good()
    assert site.metadata.namespace == "east" and site.spec.link_access == "default"  # type: ignore[attr-defined]


def test_global_options_stand_before_or_after_the_command(sh: Shell, home: Path) -> None:
    assert sh("-n one site create a")[0] == sh("site create a --namespace two")[0] == 0
    assert set(resources(home, "one")) == set(resources(home, "two")) == {"Site-a.yaml"}


@pytest.mark.parametrize("command", ["site update my-site", "site update"])
def test_update_changes_what_is_named_and_keeps_the_rest(sh: Shell, home: Path, command: str) -> None:
    sh("site create my-site")
    path = home / "default/input/resources/Site-my-site.yaml"
    path.write_text(path.read_text() + "spec: {settings: {size: big}, linkAccess: default}\n")
    assert sh(command)[0] == 0
    site = load(path.read_text()).good()[0]
    assert (site.spec.link_access, site.spec.settings) == ("default", {"size": "big"})  # type: ignore[attr-defined]
    sh(f"{command} --enable-link-access=false")
    assert load(path.read_text()).good()[0].spec.link_access == "none"  # type: ignore[attr-defined]


def test_status_before_the_start_says_so(sh: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert sh("site status") == (0, "There is no existing Skupper site resource\n")
    sh("site create my-site")
    assert skupper.run(["site", "status"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "NAME\tSTATUS\tMESSAGE\nmy-site\tPending\n"
    assert captured.err == "Site not initialized yet\n"


def test_listener_and_connector_have_their_defaults(sh: Shell, home: Path) -> None:
    assert sh("listener create backend 8080")[0] == sh("connector create backend 9090 -r other")[0] == 0
    found = resources(home)
    listener = load(found["Listener-backend.yaml"]).good()[0].spec  # type: ignore[attr-defined]
    connector = load(found["Connector-backend.yaml"]).good()[0].spec  # type: ignore[attr-defined]
    assert (listener.routing_key, listener.host, listener.port) == ("backend", "0.0.0.0", 8080)
    assert (connector.routing_key, connector.host, connector.port) == ("other", "localhost", 9090)


def test_update_of_a_listener_keeps_what_is_not_named(sh: Shell, home: Path) -> None:
    sh("listener create backend 8080 --host 127.0.0.1 --tls-credentials tls")
    assert sh("listener update backend --port 9999")[0] == 0
    spec = load(resources(home)["Listener-backend.yaml"]).good()[0].spec  # type: ignore[attr-defined]
    assert (spec.port, spec.host, spec.tls_credentials) == (9999, "127.0.0.1", "tls")


def test_tables_have_the_columns_that_people_know(sh: Shell) -> None:
    sh("listener create backend 8080")
    sh("connector create backend 9090")
    headings = sh("listener status")[1].splitlines()[0].split("\t")
    assert [one for one in headings if one] == [
        "NAME",
        "STATUS",
        "ROUTING-KEY",
        "HOST",
        "PORT",
        "MATCHING-CONNECTOR",
        "MESSAGE",
    ]
    headings = sh("connector status")[1].splitlines()[0].split("\t")
    assert [one for one in headings if one][3:] == [
        "SELECTOR",
        "HOST",
        "PORT",
        "HAS MATCHING LISTENER",
        "MESSAGE",
    ]
    assert sh("connector status backend")[1].splitlines()[2] == "Routing key:\t\tbackend"


def test_output_is_yaml_or_json(sh: Shell) -> None:
    status, output = sh("listener generate backend 8080 -o json")
    assert status == 0 and json.loads(output)["spec"]["port"] == 8080
    sh("listener create backend 8080")
    assert load(sh("listener status backend -o yaml")[1]).good()[0].name == "backend"


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("site create", 2, "site name must not be empty\n"),
        ("site create a b", 2, "only one argument is allowed for this command.\n"),
        ("site update", 1, "there is no existing Skupper site resource to update\n"),
        ("site delete x", 1, "site x does not exist\n"),
        ("listener create a", 2, "listener name and port must be configured\n"),
        ("listener create a 1 2", 2, "only two arguments are allowed for this command\n"),
        (
            "connector create a x",
            2,
            'connector port is not valid: strconv.Atoi: parsing "x": invalid syntax\n',
        ),
        ("listener update a", 1, "listener a must exist in namespace default to be updated\n"),
        ("listener delete", 2, "listener name must be specified\n"),
        ("connector delete a", 1, "connector a does not exist in namespace default\n"),
        (
            "listener create a 1 --type udp",
            2,
            "listener type is not valid: value udp not allowed. It should be one of this options: [tcp]\n",
        ),
        (
            "listener create a 1 --host a_b",
            2,
            "host is not valid: a valid IP address or hostname is expected\n",
        ),
        ("link generate", 1, "there is no active site in this namespace\n"),
        ("link status", 0, "There are no link resources in the namespace\n"),
        ("link delete a", 1, 'There is no link resource in the namespace with the name "a"\n'),
        ("token issue", 2, "file name must be configured\n"),
        ("token issue /", 2, "token file name is a directory\n"),
        (
            "token issue f_g",
            2,
            "token file name is not valid: value does not match this regular expression: "
            "^[A-Za-z0-9./~-]+$\n",
        ),
        ("token issue f --redemptions-allowed 0", 2, "number of redemptions is not valid\n"),
        (
            "token issue f --expiration-window 30s",
            2,
            "expiration time is not valid: duration must not be less than 1m0s; got 30s\n",
        ),
        (
            "token issue f --timeout 1s",
            2,
            "timeout is not valid: duration must not be less than 10s; got 1s\n",
        ),
        ("token issue f", 1, "A site must exist in namespace default before a token can be created\n"),
        ("token redeem /none", 1, "token file does not exist: /none\n"),
        (
            "system install",
            1,
            "the selected platform is not supported by this command. There is nothing to install\n",
        ),
        ("system stop", 1, 'Namespace "default" does not exist\n'),
        (
            "system apply -f x.txt",
            2,
            "The file has an unsupported extension, it should have one of the following: .yaml, .json\n",
        ),
        ("system apply -f x.yaml", 2, 'The file "x.yaml" does not exist\n'),
        ("site status -p mesos", 1, 'platform "mesos" not supported\n'),
    ],
)
def test_refusals_have_text_and_status(sh: Shell, command: str, status: int, output: str) -> None:
    assert sh(command) == (status, output)


def test_all_problems_of_arguments_are_told_at_once(sh: Shell) -> None:
    status, output = sh("listener create A x -r B -n C")
    assert status == 2 and len(output.splitlines()) == 4


def test_unknown_command_or_flag_is_told_on_stderr_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert skupper.run(["sites"]) == skupper.run(["site", "create", "--nothing"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "No such command" in captured.err and "--nothing" in captured.err


def test_apply_and_delete_take_several_documents(sh: Shell, home: Path, tmp_path: Path) -> None:
    sh("site create a -n x")
    sh("listener create b 1 -n x")
    file = tmp_path / "both.yaml"
    file.write_text("---\n".join(resources(home, "x").values()))
    status, output = sh(f"system apply -f {file}")
    assert status == 0 and set(output.splitlines()) == {
        "Site a added",
        "Listener b added",
        "Custom resources are applied.",
    }
    assert set(resources(home)) == {"Site-a.yaml", "Listener-b.yaml"}
    assert "Listener b deleted" in sh(f"system delete -f {file}")[1]
    assert resources(home) == {}


def test_secrets_are_written_for_the_user_only(sh: Shell, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n")
    assert sh(f"system apply -f {file}")[0] == 0
    assert (home / "default/input/resources/Secret-s.yaml").stat().st_mode & 0o777 == 0o600


def test_a_data_home_that_cannot_be_written_is_told_in_a_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.parent.write_text("a file where a directory has to be")
    assert skupper.run(["site", "create", "a"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert str(home.parent) in captured.err and "Not a directory" in captured.err


def test_version_is_a_table_or_a_document(sh: Shell) -> None:
    lines = sh("version")[1].splitlines()
    assert lines[0].split() == ["COMPONENT", "VERSION"] and lines[-1].split()[0] == "cli"
    assert {one["component"] for one in json.loads(sh("version -o json")[1])["components"]} >= {
        "router",
        "cli",
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_one_of_the_shell(sh: Shell, shell: str) -> None:
    status, output = sh(f"completion {shell}")
    assert status == 0 and f"_SKUPPER_COMPLETE={shell}_complete" in output


def test_other_shells_are_refused_with_those_that_are_known(sh: Shell) -> None:
    text = "shell is not valid: value tcsh not allowed. It should be one of this options: [bash zsh fish]\n"
    assert sh("completion tcsh") == (2, text)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("li", ["listener", "link"]),
        ("listener create --ro", ["--routing-key"]),
        ("-p li", ["linux"]),
        ("site status -n se", ["second"]),
        ("site status -o y", ["yaml"]),
        ("listener delete -n second b", ["backend"]),
        ("listener delete b", []),
    ],
)
def test_shell_completes_commands_options_values_and_names(
    sh: Shell, monkeypatch: pytest.MonkeyPatch, words: str, found: list[str]
) -> None:
    sh("listener create backend 8080 -n second")
    monkeypatch.setenv("_SKUPPER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"skupper {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    with pytest.raises(SystemExit):
        sh("")
    assert [one.partition(",")[2] for one in sh.output().split()] == found


def test_help_of_a_command_ends_with_examples(sh: Shell) -> None:
    lines = sh("listener create --help")[1].splitlines()
    assert lines[-3:-1] == ["  Examples:", "    skupper listener create database 5432"]


def test_help_of_every_command_is_there(sh: Shell) -> None:
    status, output = sh("--help")
    assert status == 0
    for name in skupper.COMMANDS:
        assert name in output
        assert sh(f"{name} --help")[0] == sh(f"{name} -h")[0] == 0
