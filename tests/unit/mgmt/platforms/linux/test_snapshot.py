"""The input that has effect is kept, and the one before it once."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

from skrouter.config.resources.common import Metadata
from skrouter.config.resources.core import Secret
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.site import Site
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.snapshot import keep

SITE = Site(Metadata("west"))
LISTENER = Listener(Metadata("backend"), ListenerSpec("backend", "0.0.0.0", 8080))
SECRET = Secret(Metadata("s"), data={"password": b"x"})


def names(layout: Layout) -> set[str]:
    return {one.name for one in layout.snapshot.iterdir()}


def backed_up(layout: Layout) -> set[str]:
    with tarfile.open(layout.backup) as archive:
        return set(archive.getnames())


def test_first_snapshot_has_no_backup(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    keep(layout, [SITE, LISTENER])
    assert names(layout) == {"Site-west.yaml", "Listener-backend.yaml"} and not layout.backup.exists()


def test_another_input_makes_the_last_one_the_backup(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    keep(layout, [SITE])
    keep(layout, [SITE, LISTENER])
    assert backed_up(layout) == {"Site-west.yaml"}
    keep(layout, [SITE])
    assert names(layout) == {"Site-west.yaml"}
    assert backed_up(layout) == {"Site-west.yaml", "Listener-backend.yaml"}


def test_same_input_leaves_the_backup_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    keep(layout, [SITE])
    keep(layout, [SITE, LISTENER])
    keep(layout, [LISTENER, SITE])
    assert backed_up(layout) == {"Site-west.yaml"}


def test_secrets_are_for_their_owner_only_in_both(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    keep(layout, [SITE, SECRET])
    keep(layout, [SITE])
    assert stat.S_IMODE(layout.backup.stat().st_mode) == 0o600
    keep(layout, [SITE, SECRET])
    assert stat.S_IMODE((layout.snapshot / "Secret-s.yaml").stat().st_mode) == 0o600
