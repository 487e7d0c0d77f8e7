"""Files that are whole or absent, whenever the machine stops: written aside, then renamed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from skrouter.mgmt.platforms.linux.layout import DIRECTORY_MODE, PUBLIC_MODE, SECRET_MODE

if TYPE_CHECKING:
    from skrouter.mgmt.sites.platform import Pems

ASIDE_DIGITS = 16
ASIDE = f".{'[0-9a-f]' * ASIDE_DIGITS}.new"
"""What names look like under which files are written aside, as glob."""
LOG_MODE = 0o640
LOCK_ATTEMPTS = 20
LOCK_PAUSE = 0.05
CA_FILE, CERTIFICATE_FILE, KEY_FILE = "ca.crt", "tls.crt", "tls.key"


def write(path: Path, content: bytes, mode: int = PUBLIC_MODE) -> bool:
    """Have the file hold the content, with this mode from its first octet on. Whether anything changed."""
    if read(path) == content:
        path.chmod(mode)
        return False
    make_directory(path.parent)
    aside, descriptor = _aside(path.parent, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)
    return True


def _aside(directory: Path, mode: int) -> tuple[Path, int]:
    """A file of our own for what is to be renamed, and its descriptor, which locks it: see `sweep`."""
    while True:
        path = directory / f".{os.urandom(ASIDE_DIGITS // 2).hex()}.new"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # it was taken for left before it was locked


def read(path: Path) -> bytes | None:
    """The content; None if there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def make_directory(path: Path) -> None:
    """The directory and those above it."""
    path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)


def open_log(path: Path) -> int:
    """A descriptor that writes at its end."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, LOG_MODE)


def remove(path: Path) -> None:
    """Have no such file or directory, with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            remove(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def entries(directory: Path) -> list[Path]:
    """What is in it by name, without what is being written."""
    try:
        return sorted(one for one in directory.iterdir() if not one.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def sweep(directory: Path) -> None:
    """Remove what writers left that were killed: what nobody locks. Others may be writing."""
    for aside in directory.rglob(ASIDE):
        _remove_if_left(aside)


def _remove_if_left(aside: Path) -> None:
    try:
        descriptor = os.open(aside, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, PermissionError):
        return  # gone, or of another user
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold the lock, waiting for who holds it."""
    make_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PUBLIC_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def lock(path: Path) -> int | None:
    """Take the lock until the descriptor is closed or the process ends; None if somebody else holds it.

    Who only looks whether it is held holds it for a moment, so one refusal says nothing.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PUBLIC_MODE)
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE)
        else:
            return descriptor
    os.close(descriptor)
    return None


def write_pems(directory: Path, pems: Pems) -> None:
    """The three files. The key comes first: a set that does not belong together counts as none."""
    write(directory / KEY_FILE, pems.key, SECRET_MODE)
    write(directory / CERTIFICATE_FILE, pems.certificate)
    write(directory / CA_FILE, pems.ca)


def read_pems(directory: Path) -> Pems | None:
    """The three files; None if one is missing."""
    from skrouter.mgmt.sites.platform import Pems  # noqa: PLC0415 — commands that only write input start sooner

    ca, certificate, key = (read(directory / name) for name in (CA_FILE, CERTIFICATE_FILE, KEY_FILE))
    return None if ca is None or certificate is None or key is None else Pems(ca, certificate, key)


def pems_of(data: Mapping[str, bytes]) -> Pems:
    """The three entries of a Secret."""
    from skrouter.mgmt.sites.platform import Pems  # noqa: PLC0415

    return Pems(data[CA_FILE], data[CERTIFICATE_FILE], data[KEY_FILE])


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
