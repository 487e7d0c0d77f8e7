"""The file of a bundle, and the facts in its installer."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest
from skrouter.mgmt.bundles.archive import (
    INSTALLER,
    MARKER,
    SHELL_SCRIPT,
    TARBALL,
    Member,
    bundle,
    filled,
)

MEMBERS = (Member("ns/input/a.yaml", b"a: 1\n"), Member("ns/input/certs/x/tls.key", b"key", 0o600))
SCRIPT = b"#!/bin/sh\nexit 0\n"


def modes(tarball: bytes) -> dict[str, int]:
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        return {one.name: one.mode for one in archive.getmembers()}


def test_tarball_holds_the_installer_and_members_with_their_modes() -> None:
    found = bundle(MEMBERS, SCRIPT, TARBALL)
    assert modes(found) == {INSTALLER: 0o755, "ns/input/a.yaml": 0o644, "ns/input/certs/x/tls.key": 0o600}


def test_script_is_followed_by_the_tarball_without_an_installer() -> None:
    script, _, tarball = bundle(MEMBERS, SCRIPT, SHELL_SCRIPT).partition(MARKER)
    assert script == SCRIPT and set(modes(tarball)) == {one.name for one in MEMBERS}


def test_same_content_is_the_same_file() -> None:
    assert bundle(MEMBERS, SCRIPT, TARBALL) == bundle(MEMBERS, SCRIPT, TARBALL)


@pytest.mark.parametrize("value", ["plain", "two words", "it's", "$HOME `id` \\", ""])
def test_fact_is_one_word_for_the_shell(value: str) -> None:
    script = filled('A=@A@\nprintf %s "$A"', {"A": value})
    found = subprocess.run(["sh", "-c", script.decode()], capture_output=True, check=True, text=True)
    assert found.stdout == value
