"""The input that has effect since the last start or reload, and the one before (local-system.md §1)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping

from skrouter.config.resources.common import Resource
from skrouter.config.resources.documents import dump
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import SECRET_MODE, Layout, mode_of


def keep(layout: Layout, resources: Iterable[Resource]) -> None:
    """Keep the resources; what was kept before becomes the backup, if it is another."""
    named = {f"{one.KIND.name}-{one.name}.yaml": one for one in resources}
    wanted = {name: dump([one], status=False).encode() for name, one in named.items()}
    kept = {one.name: files.read(one) or b"" for one in files.entries(layout.snapshot)}
    if kept == wanted:
        return
    if kept:
        files.write(layout.backup, _tarball(kept), SECRET_MODE)
    for name, content in wanted.items():
        files.write(layout.snapshot / name, content, mode_of(named[name].KIND.name))
    for name in kept.keys() - wanted.keys():
        files.remove(layout.snapshot / name)


def _tarball(contents: Mapping[str, bytes]) -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz") as archive:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), SECRET_MODE
            archive.addfile(entry, io.BytesIO(content))
    return found.getvalue()
