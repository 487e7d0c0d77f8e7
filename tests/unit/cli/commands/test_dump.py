"""A dump holds what helps, and nothing that opens a door."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path

import pytest
import yaml
from skrouter.cli.commands import dump
from skrouter.mgmt.platforms.linux.layout import Layout

KEY = "-----BEGIN PRIVATE KEY-----"
SECRET = f"""
apiVersion: v1
kind: Secret
metadata:
  name: tls
  annotations: {{kubectl.kubernetes.io/last-applied-configuration: "{KEY}"}}
data:
  ca.crt: {base64.b64encode(b"public").decode()}
  tls.key: {base64.b64encode(KEY.encode()).decode()}
stringData: {{password: hidden-1}}
---
apiVersion: skupper.io/v2alpha1
kind: AccessToken
metadata: {{name: far}}
spec: {{url: "https://far", code: hidden-2, ca: pem}}
---
apiVersion: skupper.io/v2alpha1
kind: AccessGrant
metadata: {{name: guests}}
spec: {{code: hidden-3}}
status: {{code: hidden-4, url: "https://here"}}
"""
CONFIG = [
    ["proxyProfile", {"name": "one", "password": "hidden-5"}],
    ["proxyProfile", {"name": "two", "password": "file:/x/password.txt"}],
]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr("skrouter.cli.commands.dump.COMMAND_TIME", 30.0)
    found = Layout(tmp_path, "west")
    for path, text in (
        (found.input_resources / "all.yaml", SECRET),
        (found.input_resources / "broken.yaml", f"a: [ {KEY} hidden-6"),
        (found.resources / "AccessGrant-guests.yaml", SECRET.rsplit("---", maxsplit=1)[-1]),
        (found.router_config, json.dumps(CONFIG)),
        (found.certificates / "tls/tls.crt", "public"),
        (found.certificates / "tls/tls.key", KEY),
        (found.input_resources / "odd.yaml", "kind: ../x\nmetadata: {name: ../../y}\n"),
        (found.log, "a line of the log\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return found


def test_no_entry_holds_a_key_a_code_or_a_password(layout: Layout) -> None:
    for name, content in dump.entries(layout, {"HOME": str(layout.home)}):
        text = content.decode()
        assert "hidden-" not in text and "PRIVATE" not in text, name
        assert base64.b64encode(KEY.encode()).decode() not in text, name


def test_no_name_of_a_resource_leads_out_of_the_archive(layout: Layout) -> None:
    names = [name for name, _ in dump.entries(layout, {"HOME": str(layout.home)})]
    assert "site-namespace/resources/input/.._x-.._.._y.yaml" in names
    assert not any("../" in name or name.startswith("/") for name in names)


def test_everything_else_is_there(layout: Layout) -> None:
    found = dict(dump.entries(layout, {"HOME": str(layout.home)}))
    assert {
        "versions/skupper.yaml",
        "versions/skrouterd.txt",
        "versions/os-release.txt",
        "site-namespace/resources/input/Secret-tls.yaml",
        "site-namespace/resources/input/AccessToken-far.yaml",
        "site-namespace/resources/runtime/AccessGrant-guests.yaml",
        "site-namespace/resources/raw-yaml/input/all.yaml",
        "site-namespace/resources/raw-yaml/input/broken.yaml",
        "site-namespace/resources/router-config.json",
        "site-namespace/resources/certs/runtime/tls/tls.crt",
        "site-namespace/logs/skrouterd.log",
    } <= found.keys()
    secret = yaml.safe_load(found["site-namespace/resources/input/Secret-tls.yaml"])
    assert secret["data"] == {"ca.crt": base64.b64encode(b"public").decode(), "tls.key": dump.REDACTED}
    grant = yaml.safe_load(found["site-namespace/resources/runtime/AccessGrant-guests.yaml"])
    assert grant["status"] == {"code": dump.REDACTED, "url": "https://here"}
    config = json.loads(found["site-namespace/resources/router-config.json"])
    assert [one["password"] for _, one in config] == [dump.REDACTED, "file:/x/password.txt"]


def test_archive_is_a_compressed_tar_with_one_directory(layout: Layout) -> None:
    content = dump.archive(iter([("a/b.txt", b"text")]), "skupper-dump-west", 1_800_000_000)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.mode, member.mtime) == ("skupper-dump-west/a/b.txt", 0o600, 1_800_000_000)
        file = tar.extractfile(member)
        assert file is not None and file.read() == b"text"
