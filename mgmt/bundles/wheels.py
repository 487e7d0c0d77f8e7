"""Wheels of the installed programs and all that they need, made of the installed files.

Nothing is fetched and nothing compiled: the other machine gets what runs on this one.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import sys
import sysconfig
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

PACKAGE = "skrouter"
AREAS = ("adaptors", "amqp", "cli", "config", "mgmt", "router")
OWN_SUFFIXES = (".json", ".py", ".sh", ".so", ".yaml")
"""Of files that are needed at run time."""

_OF_INSTALLER = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class WheelError(Exception):
    """A package that no wheel can be made of; the text is for the user."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel file."""

    name: str
    content: bytes


def wheels() -> Iterator[Wheel]:
    """Of the programs and all that they need."""
    for one in _needed():
        yield _own_wheel(one) if _normal(one.name) == PACKAGE else _wheel(one)


def programs() -> dict[str, str]:
    """The modules that are run, by the names of their programs."""
    scripts = distribution(PACKAGE).entry_points.select(group="console_scripts")
    return {one.name: one.module for one in scripts}


# --- what is needed ---------------------------------------------------------------------------------------


def _needed() -> Iterator[Distribution]:
    waiting, seen = deque([PACKAGE]), {PACKAGE}
    while waiting:
        found = _installed(waiting.popleft())
        yield found
        for name in _requirements(found):
            if name not in seen:
                seen.add(name)
                waiting.append(name)


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise WheelError(f"the package {name} is not installed; install skrouter with pip") from error


def _requirements(found: Distribution) -> Iterator[str]:
    """Of a requirement under a condition of the platform, what is installed tells whether it holds."""
    for text in found.requires or ():
        name, _, marker = text.partition(";")
        match = _REQUIREMENT.match(name)
        if match is None or "extra" in marker:
            continue
        if not marker or _is_installed(match.group()):
            yield _normal(match.group())


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# --- a wheel of each --------------------------------------------------------------------------------------


def _wheel(found: Distribution) -> Wheel:
    if not found.files:
        raise WheelError(
            f"the files of the package {found.name} are not known; install skrouter with pip, in a venv"
        )
    files = {
        str(one): Path(str(found.locate_file(one))).read_bytes()
        for one in found.files
        if ".." not in one.parts and "__pycache__" not in one.parts and one.name not in _OF_INSTALLER
    }
    return _packed(found, files, _tag(found.read_text("WHEEL") or ""))


def _own_wheel(found: Distribution) -> Wheel:
    """From where the packages are imported, so that it may be installed as an editable tree too."""
    files = dict(_own_files())
    info = f"{PACKAGE}-{found.version}.dist-info"
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    full = f"{tag}-{tag}-{platform}"
    for name in ("METADATA", "entry_points.txt"):
        files[f"{info}/{name}"] = (found.read_text(name) or "").encode()
    text = f"Wheel-Version: 1.0\nGenerator: {PACKAGE}\nRoot-Is-Purelib: false\nTag: {full}\n"
    files[f"{info}/WHEEL"] = text.encode()
    return _packed(found, files, full)


def _own_files() -> Iterator[tuple[str, bytes]]:
    for area in AREAS:
        for place in import_module(f"{PACKAGE}.{area}").__path__:
            for path in sorted(Path(place).rglob("*")):
                if path.suffix in OWN_SUFFIXES and path.is_file():
                    yield f"{PACKAGE}/{area}/{path.relative_to(place)}", path.read_bytes()


def _tag(text: str) -> str:
    """The tag of the file's name: all that the wheel was tagged with, compressed."""
    found = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Tag:")]
    parts = zip(*(one.split("-") for one in found), strict=True)
    return "-".join(".".join(dict.fromkeys(one)) for one in parts) if found else "py3-none-any"


def _packed(found: Distribution, files: dict[str, bytes], tag: str) -> Wheel:
    name = f"{re.sub(r'[-_.]+', '_', found.name)}-{found.version}"
    info = next((str(Path(one).parent) for one in files if one.endswith(".dist-info/METADATA")), "")
    record = io.StringIO()
    writer = csv.writer(record, lineterminator="\n")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            writer.writerow((path, f"sha256={digest}", len(data)))
            archive.writestr(_entry(path), data)
        writer.writerow((f"{info}/RECORD", "", ""))
        archive.writestr(_entry(f"{info}/RECORD"), record.getvalue())
    return Wheel(f"{name}-{tag}.whl", content.getvalue())


def _entry(path: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(path, _EPOCH)
    found.compress_type = zipfile.ZIP_DEFLATED
    found.external_attr = 0o644 << 16
    return found
