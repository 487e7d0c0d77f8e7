"""A token is issued by a grant server, which a command may have to start."""

from __future__ import annotations

from pathlib import Path

import pytest
from skrouter.cli.commands.issuing import start_server
from skrouter.cli.commands.session import FailedError, Session
from skrouter.mgmt.platforms.linux.layout import GrantLayout, Layout


def test_grant_server_that_does_not_start_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho no room >&2\nexit 3\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(interpreter))
    monkeypatch.setattr(Session, "layout", Layout(tmp_path, "ns"))
    with pytest.raises(FailedError, match=r"the grant server cannot be started: .* exit status 3; see "):
        start_server(Session("linux", "ns"))
    assert GrantLayout(tmp_path).log.read_text() == "no room\n"
