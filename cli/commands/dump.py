"""What a dump of a local site holds (skupper-cli.md §9): files as they are, but for everything secret."""

from __future__ import annotations

import json
import os
import platform as machine
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from skrouter.cli.version import VERSION
from skrouter.mgmt.bundles.archive import Member, tarball
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import SECRET_MODE, Layout
from skrouter.mgmt.platforms.linux.units import unit_directory, unit_name

Entry = tuple[str, bytes]
"""Name in the archive, and content."""

REDACTED = "REDACTED"
SITE = "site-namespace"
LONGEST_LOG = 4 << 20
"""Octets of a log, from its end."""
COMMAND_TIME = 20.0
STATISTICS = ("g", "c", "l", "n", "e", "a", "m", "p")
"""Displays of skstat, by their options."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
"""In names of files: whoever unpacks an archive is not to be led elsewhere."""
_SECRET_FIELDS = ("code",)
"""Of tokens and grants, in spec and status."""
_SECRET_KINDS = ("AccessToken", "AccessGrant")


def entries(layout: Layout, environment: Mapping[str, str]) -> Iterator[Entry]:
    """Everything, in the order of the archive."""
    yield from _versions()
    for place, directory in (("runtime", layout.resources), ("input", layout.input_resources)):
        for file in files.entries(directory):
            yield from _resource(place, file)
    yield f"{SITE}/resources/router-config.json", _config(files.read(layout.router_config) or b"[]")
    for place, directory in (("input", layout.input_certificates), ("runtime", layout.certificates)):
        for inner in files.entries(directory):
            for name in (files.CA_FILE, files.CERTIFICATE_FILE):
                content = files.read(inner / name)
                if content is not None:
                    yield f"{SITE}/resources/certs/{place}/{inner.name}/{name}", content
    yield from _unit(layout, environment)
    yield from _statistics(layout)


def archive(found: Iterator[Entry], prefix: str, seconds: int) -> bytes:
    """The compressed archive; `seconds` since 1970 are the time of its files."""
    members = (Member(f"{prefix}/{name}", content, SECRET_MODE) for name, content in found)
    return tarball(members, seconds)


# --- resources --------------------------------------------------------------------------------------------


def _resource(place: str, file: Path) -> Iterator[Entry]:
    """A file twice: each document under kind and name, and all of it. What cannot be read is left out."""
    import yaml  # noqa: PLC0415

    content = files.read(file) or b""
    raw = f"{SITE}/resources/raw-yaml/{place}/{file.name}"
    try:
        documents = [redacted(one) for one in yaml.safe_load_all(content) if isinstance(one, dict)]
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError):
        yield raw, f"{len(content)} octets that are not YAML, left out: they may hold secrets\n".encode()
        return
    for one in documents:
        metadata = one.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else ""
        file_name = _UNSAFE.sub("_", f"{one.get('kind')}-{name}.yaml")
        yield f"{SITE}/resources/{place}/{file_name}", _yaml([one])
    yield raw, _yaml(documents)


def redacted(document: dict[str, Any]) -> dict[str, Any]:
    """The document without keys, codes and passwords."""
    found = dict(document)
    if found.get("kind") == "Secret":
        for part in ("data", "stringData"):
            if isinstance(found.get(part), dict):
                found[part] = {key: _public(key, value) for key, value in found[part].items()}
    if found.get("kind") in _SECRET_KINDS:
        for part in ("spec", "status"):
            if isinstance(found.get(part), dict):
                fields = found[part].items()
                found[part] = {key: REDACTED if key in _SECRET_FIELDS else one for key, one in fields}
    metadata = found.get("metadata")
    if isinstance(metadata, dict) and "annotations" in metadata:
        found["metadata"] = {key: one for key, one in metadata.items() if key != "annotations"}
    return found


def _public(key: object, value: object) -> object:
    """Certificates are public; of other entries of a Secret nobody knows."""
    return value if key in (files.CA_FILE, files.CERTIFICATE_FILE) else REDACTED


def _yaml(documents: Sequence[Mapping[str, Any]]) -> bytes:
    from skrouter.config.resources.documents import dump_documents  # noqa: PLC0415

    return dump_documents(documents).encode()


def _config(content: bytes) -> bytes:
    """The router's configuration; a password that names a file or a variable is none."""
    try:
        rows = json.loads(content)
        for _, attributes in rows:
            password = str(attributes.get("password", "file:"))
            if not password.startswith(("file:", "env:")):
                attributes["password"] = REDACTED
    except (ValueError, TypeError, AttributeError):
        return b"left out: it is not as skupper writes it\n"
    return json.dumps(rows, indent=4).encode()


# --- machine and router -----------------------------------------------------------------------------------


def _versions() -> Iterator[Entry]:
    content = f"skupper: {VERSION}\npython: {machine.python_version()}\n".encode()
    yield "versions/skupper.yaml", content
    yield "versions/skupper.yaml.txt", content
    yield "versions/skrouterd.txt", _output(_python("skrouterd"), "--version")
    yield "versions/systemd.txt", _output(["systemctl"], "--version")
    yield "versions/uname.txt", f"{' '.join(machine.uname())}\n".encode()
    yield "versions/os-release.txt", files.read(Path("/etc/os-release")) or b""


def _unit(layout: Layout, environment: Mapping[str, str]) -> Iterator[Entry]:
    """The router's unit and journal, or the log of a supervised router."""
    unit, user = unit_name(layout.namespace), os.getuid() != 0
    text = files.read(unit_directory(environment, user_id=os.getuid()) / unit)
    if text is not None:
        scope = ["--user"] if user else []
        yield f"{SITE}/resources/Systemd-{unit}-file.txt", text
        status = _output(["systemctl", *scope], "status", "--no-pager", unit)
        yield f"{SITE}/resources/Systemd-{unit}-status.txt", status
        journal = _output(["journalctl", *scope], "--no-pager", "--lines=20000", "--unit", unit)
        yield f"{SITE}/logs/systemd-journal.txt", journal[-LONGEST_LOG:]
    log = files.read(layout.log)
    if log is not None:
        yield f"{SITE}/logs/skrouterd.log", log[-LONGEST_LOG:]


def _statistics(layout: Layout) -> Iterator[Entry]:
    """What skstat shows of the router."""
    from skrouter.mgmt.platforms.linux.live import local_port  # noqa: PLC0415
    from skrouter.mgmt.sites.certificates import LOCAL_CLIENT  # noqa: PLC0415
    from skrouter.mgmt.sites.entities import ConfigTextError, parse  # noqa: PLC0415

    try:
        port = local_port(parse((files.read(layout.router_config) or b"[]").decode()))
    except (ConfigTextError, UnicodeDecodeError):
        port = None
    if port is None:
        return
    client = layout.certificates / LOCAL_CLIENT
    options = ["-b", f"amqps://127.0.0.1:{port}", "--ssl-certificate", str(client / files.CERTIFICATE_FILE)]
    options += ["--ssl-key", str(client / files.KEY_FILE), "--ssl-trustfile", str(client / files.CA_FILE)]
    for letter in STATISTICS:
        name = f"{SITE}/resources/skstat/{layout.namespace}-skupper-router-skstat-{letter}.txt"
        yield name, _output(_python("skstat"), *options, f"-{letter}")


def _python(program: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"skrouter.cli.{program}"]


def _output(command: Sequence[str], *arguments: str) -> bytes:
    """What a program says, whatever becomes of it."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed\n".encode()
    try:
        found = subprocess.run(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_TIME,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{error}\n".encode()
    return found.stdout
