"""Files below a root, opened so that neither a name nor a link can lead out of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from skrouter.router.net.http.files import INDEX, FileFacts


@dataclass(slots=True)
class OpenFile:
    """A regular file; whoever has it closes it."""

    descriptor: int
    facts: FileFacts
    position: int = 0

    def read(self, size: int) -> bytes:
        """The next octets; empty at the end. OSError."""
        piece = os.pread(self.descriptor, size, self.position)
        self.position += len(piece)
        return piece

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)


class IsDirectory(Exception):  # noqa: N818  (no error: the peer is sent on)
    """The name is that of a directory that has an index."""


def open_below(root: str, parts: tuple[str, ...]) -> OpenFile:
    """Open a file to be served. OSError if it is not there, not regular, or not below the root; IsDirectory.

    Links are followed as long as they stay below the root: mounted volumes are made of them.
    """
    path = Path(root, *parts)
    # O_PATH opens nothing yet: a device or a pipe must not even notice.
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        opened = Path(f"/proc/self/fd/{found}")
        if not opened.readlink().is_relative_to(Path(root).resolve()):
            raise PermissionError(f"{path} leads out of {root}")
        mode = os.fstat(found).st_mode
        if stat.S_ISDIR(mode) and os.access(path / INDEX, os.R_OK):
            raise IsDirectory(str(path))
        if not stat.S_ISREG(mode):
            raise FileNotFoundError(f"{path} is no regular file")
        descriptor = os.open(opened, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(found)
    now = os.fstat(descriptor)
    return OpenFile(descriptor, FileFacts(now.st_size, now.st_mtime_ns))
