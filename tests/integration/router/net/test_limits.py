"""What a listener allows its peers is what its open, begin and flow say."""

from __future__ import annotations

from pathlib import Path

from skrouter_testing.engines import bench

CONF = """
router {
    mode: standalone
    id: L
}
listener {
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    maxFrameSize: 1000
    maxSessions: 3
    maxSessionFrames: 7
    idleTimeoutSeconds: 4
    linkCapacity: 13
}
"""


def test_b6_the_limits_of_a_listener_are_told_to_its_peers(tmp_path: Path) -> None:
    with bench(tmp_path / "bench") as made:
        (tmp_path / "bench").mkdir()
        node = made.node(CONF)
        peer = made.peer(node.ports[0])
        (opened,), (begun,) = peer.heard("open"), peer.heard("begin")
        assert (opened["max-frame-size"], opened["channel-max"]) == (1000, 2)
        assert opened["idle-time-out"] == 2000  # half: the peer must show itself in time
        assert begun["incoming-window"] == 7


def test_b6_a_silent_peer_is_closed_after_its_idle_timeout_and_one_that_beats_is_not(tmp_path: Path) -> None:
    with bench(tmp_path / "bench") as made:
        (tmp_path / "bench").mkdir()
        node = made.node(CONF)
        silent, lively = made.peer(node.ports[0], "silent"), made.peer(node.ports[0], "lively")

        def silent_is_closed() -> bool:
            if not lively.is_writing:
                lively.beat()
            return bool(silent.heard("close"))

        made.run_until(silent_is_closed, "the silent one stays")
        assert lively.alive
        assert not lively.heard("close")


def test_b7_a_sender_gets_the_link_capacity_of_its_listener(tmp_path: Path) -> None:
    with bench(tmp_path / "bench") as made:
        (tmp_path / "bench").mkdir()
        node = made.node(CONF)
        sender = made.peer(node.ports[0]).sender(None)
        made.run_until(lambda: sender.credit, "no credit")
        assert sender.credit == 13
