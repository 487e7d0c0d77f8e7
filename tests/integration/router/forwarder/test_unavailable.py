"""Addresses that nobody may use: by default, or by a rule of the configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skrouter_testing.engines import Bench, bench
from skrouter_testing.peers import message

CONF = """
router {{
    mode: interior
    id: A
    {default}
}}
listener {{
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}}
address {{
    prefix: open
    distribution: closest
}}
address {{
    prefix: shut
    distribution: unavailable
}}
"""


@pytest.fixture(
    scope="module", params=["", "defaultDistribution: unavailable"], ids=["by rule", "by default"]
)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bench, bool]]:
    with bench(tmp_path_factory.mktemp("bench")) as it:
        it.node(CONF.format(default=request.param))
        yield it, bool(request.param)


@pytest.mark.parametrize(
    ("address", "outcome", "outcome_by_default"),
    [
        ("shut/x", "rejected", "rejected"),
        ("no.rule", "released", "rejected"),
        ("open/nobody", "released", "released"),
        ("_topo/0/X/nobody", "released", "released"),
    ],
)
@pytest.mark.parametrize("settled", [False, True])
def test_a_message_to_an_unavailable_address_is_rejected_as_not_found(
    made: tuple[Bench, bool], address: str, outcome: str, outcome_by_default: str, settled: bool
) -> None:
    the_bench, by_default = made
    (node,) = the_bench.nodes
    before = node.metrics()["dropped_presettled_deliveries"]
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit == 10, "no credit")
    sent = sender.send(message(to=address), settled=settled)
    the_bench.rest()
    if settled:
        assert node.metrics()["dropped_presettled_deliveries"] - before == 1
    else:
        assert sent.states == [(outcome_by_default if by_default else outcome, True)]
        if sent.outcome == "rejected":
            assert list(sent.fields[0].value)[:2] == ["amqp:not-found", "Node not found"]  # type: ignore[attr-defined]
    assert sender.credit == 10
    the_bench.drop_peers()


@pytest.mark.parametrize(
    ("address", "refused", "refused_by_default"),
    [("shut/x", True, True), ("no.rule", False, True), ("open/x", False, False)],
)
@pytest.mark.parametrize("is_sender", [False, True])
def test_a_link_to_an_unavailable_address_is_refused(
    made: tuple[Bench, bool], address: str, refused: bool, refused_by_default: bool, is_sender: bool
) -> None:
    the_bench, by_default = made
    link = the_bench.peer(the_bench.nodes[0].ports[0]).attach(address, sender=is_sender)
    the_bench.run_until(lambda: link.attach, "no attach")
    the_bench.rest()
    assert (link.detach is not None) == (refused_by_default if by_default else refused)
    if link.detach is not None:
        assert link.detach["error"].value[0] == "amqp:not-found"
    the_bench.drop_peers()
