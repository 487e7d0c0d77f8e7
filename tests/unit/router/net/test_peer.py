"""What the end of a connection means."""

from __future__ import annotations

from typing import Any

import pytest
from skrouter.amqp.events import ConnectionLost
from skrouter.router.net.opening import Ours
from skrouter.router.net.peer import Peer, Stage, end_of

ABORTED = ("amqp:connection:framing-error", "connection aborted")
SILENT = ("amqp:connection:framing-error", "No protocol header found (connection aborted)")
PORT: Any = None  # nothing here looks at the configuration


@pytest.mark.parametrize(
    ("stage", "has_spoken", "event", "end"),
    [
        (Stage.CONNECTING, False, ("", ""), SILENT),
        (Stage.HANDSHAKE, False, ("", ""), SILENT),
        (Stage.HANDSHAKE, True, ("", ""), ABORTED),
        (Stage.AMQP, True, ("", ""), ("", "")),
        (Stage.UP, True, ("", ""), ("", "")),
        (Stage.UP, True, ABORTED, ABORTED),
        (
            Stage.CONNECTING,
            False,
            ("amqp:connection:framing-error", "Connection refused"),
            ("proton:io", "Connection refused - disconnected h:1"),
        ),
        (
            Stage.UP,
            True,
            ("amqp:connection:framing-error", "Connection reset by peer"),
            ("proton:io", "Connection reset by peer - disconnected h:1"),
        ),
    ],
)
def test_silence_and_socket_errors_have_texts(
    stage: Stage, has_spoken: bool, event: tuple[str, str], end: tuple[str, str]
) -> None:
    peer = Peer(Ours(1, 7, PORT, True, "h:1", ""), "from h:1", stage=stage, has_spoken=has_spoken)
    assert end_of(peer, ConnectionLost(1, *event)) == end
    assert peer.tag == "[C7]"
