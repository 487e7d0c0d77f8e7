"""Wheels made of installed files are whole, and are all that the programs need."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import sys
import zipfile

import pytest
from skrouter.mgmt.bundles.wheels import Wheel, programs, wheels

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


@pytest.fixture(scope="module")
def made() -> dict[str, Wheel]:
    """By the name of the distribution."""
    return {one.name.partition("-")[0].lower(): one for one in wheels()}


def files(wheel: Wheel) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_that_the_programs_need_is_there(made: dict[str, Wheel]) -> None:
    assert made.keys() >= {"skrouter", "python_qpid_proton", "cffi", "cryptography", "click", "pyyaml", "h11"}
    assert not made.keys() & {"pytest", "mypy", "cython", "pip"}


def test_own_wheel_has_native_modules_the_schema_and_the_installer(made: dict[str, Wheel]) -> None:
    names = files(made["skrouter"]).keys()
    assert any(name.startswith("skrouter/amqp/engine/pump.") and name.endswith(".so") for name in names)
    assert "skrouter/mgmt/bundles/install.sh" in names
    assert any(name.startswith("skrouter/config/schema/") and name.endswith(".json") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".pyx", ".c"))]
    assert TAG in made["skrouter"].name


def test_record_of_every_wheel_tells_the_digest_of_every_file(made: dict[str, Wheel]) -> None:
    for wheel in made.values():
        found = files(wheel)
        (record,) = [name for name in found if name.endswith(".dist-info/RECORD")]
        rows = {path: digest for path, digest, _ in csv.reader(found[record].decode().splitlines())}
        assert rows.keys() == found.keys(), wheel.name
        for name, content in found.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert name == record or rows[name] == f"sha256={digest}", (wheel.name, name)


def test_programs_are_named_with_their_modules() -> None:
    assert programs()["skupper"] == "skrouter.cli.skupper"
    assert {"skrouterd", "skupper-controller", "skstat", "skmanage"} <= programs().keys()
