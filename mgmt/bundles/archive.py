"""The file of a bundle: a tarball with its installer, or the installer with the tarball behind it. Pure."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from shlex import quote

MARKER = b"__TARBALL_CONTENT__\n"
"""The line of a self-extracting installer after which its tarball begins."""

TARBALL, SHELL_SCRIPT = "tarball", "shell-script"
TYPES = {TARBALL: ".tar.gz", SHELL_SCRIPT: ".sh"}
"""The endings of the two kinds of bundles."""

INSTALLER = "install.sh"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the bundle."""

    name: str
    content: bytes
    mode: int = 0o644


def bundle(members: Iterable[Member], installer: bytes, kind: str) -> bytes:
    """The bundle of a kind."""
    if kind == SHELL_SCRIPT:
        return installer + MARKER + tarball(members)
    return tarball([Member(INSTALLER, installer, 0o755), *members])


def filled(template: str, facts: Mapping[str, str]) -> bytes:
    """The installer: each `@NAME@` of the template is a fact, quoted for the shell."""
    for name, value in facts.items():
        template = template.replace(f"@{name}@", quote(value))
    return template.encode()


def tarball(members: Iterable[Member], seconds: int = 0) -> bytes:
    """Of root, all of one time, in seconds since 1970: the same content is the same file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one in members:
            entry = tarfile.TarInfo(one.name)
            entry.size, entry.mode, entry.mtime = len(one.content), one.mode, seconds
            archive.addfile(entry, io.BytesIO(one.content))
    return gzip.compress(content.getvalue(), mtime=seconds)
