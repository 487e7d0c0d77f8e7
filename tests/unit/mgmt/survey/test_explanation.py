"""Why a message goes where it goes: the treatments, router by router."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from skrouter.mgmt.survey.destinations import CONSUMER, PEER, PROCESS, ROUTER, UPLINK
from skrouter.mgmt.survey.explanation import Explanation, explain
from skrouter.mgmt.survey.permissions import Permissions
from skrouter.mgmt.survey.reports import AddressReport, Report, Target
from skrouter_testing.survey_reports import Interior, about, address, connection, link

LINE = Interior({("A", "B"): 3, ("B", "C"): 2}, {"E": "A"})
CLIENT = connection(7, "client", "normal")
OTHER = connection(8, "other", "normal")


def network(**reports: AddressReport) -> Mapping[str, AddressReport]:
    return reports


def explained(start: str, reports: Mapping[str, AddressReport], *known: str) -> Explanation:
    def fetch(target: Target | None) -> AddressReport | None:
        return reports.get(start if target is None else target.id)

    return explain("q", fetch, lambda: known)


def ways(found: Explanation) -> dict[str, list[tuple[str, str]]]:
    return {hop.router: [(one.kind, one.name) for one in hop.chosen] for hop in found.hops}


def consumer_at_c(treatment: str = "balanced", **credit: Any) -> dict[str, AddressReport]:
    a = about(LINE.report("A"), address("Mq", treatment, remoteHostRouters=["C"]))
    b = about(LINE.report("B"), address("Mq", treatment, remoteHostRouters=["C"]))
    c = about(LINE.report("C", CLIENT), address("Mq", treatment), link(1, 7, "Mq", "out", **credit))
    return {"A": a, "B": b, "C": c}


@pytest.mark.parametrize("treatment", ["balanced", "closest", "multicast"])
def test_the_way_to_a_remote_consumer_names_every_router_on_it(treatment: str) -> None:
    found = explained("A", consumer_at_c(treatment))
    assert ways(found) == {
        "A": [(ROUTER, "C")],
        "B": [(ROUTER, "C")],
        "C": [(CONSUMER, "10.0.0.7:5671 client")],
    }
    assert found.arrives
    assert found.verdict == "1 consumer at C"
    assert [(one.next_hop, one.cost) for one in found.hops[0].chosen] == [("B", 5)]


def test_a_consumer_without_credit_is_told_with_for_how_long() -> None:
    found = explained("A", consumer_at_c(creditAvailable=0, zeroCreditSeconds=12))
    assert found.hops[-1].notes == ("connection 7 gives no credit since 12 s: messages wait",)
    assert found.arrives


def two_ways(treatment: str, **local: Any) -> Explanation:
    """A consumer at A, one at B (cost 3)."""
    row = address("Mq", treatment, remoteHostRouters=["B"], transitOutstanding=[4, 0])
    a = about(LINE.report("A", CLIENT), row, link(1, 7, "Mq", "out", **local))
    b = about(LINE.report("B", OTHER), address("Mq", treatment), link(1, 8, "Mq", "out"))
    return explained("A", {"A": a, "B": b})


def test_closest_stays_at_the_router() -> None:
    found = two_ways("closest")
    assert ways(found) == {"A": [(CONSUMER, "10.0.0.7:5671 client")]}
    assert [one.reason for one in found.hops[0].destinations if not one.chosen] == ["farther than others"]


@pytest.mark.parametrize(
    ("unsettled", "kind"), [(0, CONSUMER), (6, CONSUMER), (8, ROUTER)], ids=["idle", "busy", "busier"]
)
def test_balanced_takes_the_least_loaded_where_cost_and_outstanding_count_for_routers(
    unsettled: int, kind: str
) -> None:
    found = two_ways("balanced", unsettledCount=unsettled)
    assert [one.kind for one in found.hops[0].chosen] == [kind]
    assert [one.load for one in found.hops[0].destinations] == [unsettled, 7]


def test_balanced_passes_over_who_is_full_while_another_has_room() -> None:
    found = two_ways("balanced", unsettledCount=5, capacity=5)
    assert [one.kind for one in found.hops[0].chosen] == [ROUTER]
    assert [one.reason for one in found.hops[0].destinations if not one.chosen] == ["full"]


def test_multicast_goes_to_all() -> None:
    found = two_ways("multicast")
    assert ways(found) == {
        "A": [(CONSUMER, "10.0.0.7:5671 client"), (ROUTER, "B")],
        "B": [(CONSUMER, "10.0.0.8:5671 other")],
    }
    assert found.verdict == "each of 2 consumers at A, B"


def test_equal_consumers_take_turns() -> None:
    a = about(
        LINE.report("A", CLIENT, OTHER),
        address("Mq", "closest"),
        link(1, 7, "Mq", "out"),
        link(2, 8, "Mq", "out"),
    )
    found = explained("A", {"A": a})
    assert found.verdict == "one of 2 consumers at A"
    assert len(found.hops[0].chosen) == 2


def test_a_router_on_another_routers_way_does_not_send_it_back_or_round() -> None:
    """Multicast from A in a triangle: C has its copy from A, so B sends it none."""
    ring = Interior({("A", "B"): 1, ("B", "C"): 1, ("A", "C"): 1})
    a = about(ring.report("A"), address("Mq", "multicast", remoteHostRouters=["B", "C"]))
    b = about(
        ring.report("B", CLIENT),
        address("Mq", "multicast", remoteHostRouters=["C"]),
        link(1, 7, "Mq", "out"),
    )
    c = about(ring.report("C", OTHER), address("Mq", "multicast"), link(1, 8, "Mq", "out"))
    found = explained("A", {"A": a, "B": b, "C": c})
    (hop,) = [hop for hop in found.hops if hop.router == "B"]
    assert [(one.name, one.reason) for one in hop.destinations if not one.chosen] == [
        ("C", "messages that enter at A take another way")
    ]


# --- nowhere


def test_unknown_address_goes_nowhere_and_similar_ones_are_named() -> None:
    found = explained("A", {"A": about(LINE.report("A"), None, key="Mordres")}, "Morders", "Mx", "Lorders")
    assert not found.arrives
    assert found.verdict.startswith("nowhere: nobody consumes")
    assert found.similar == ("orders",)


def test_unavailable_address_is_refused() -> None:
    rules = ({"prefix": "q", "distribution": "unavailable"},)
    found = explained("A", {"A": about(LINE.report("A"), None, rules=rules)})
    assert found.verdict == "nowhere: the address is unavailable; links are refused, messages rejected"
    assert found.hops[0].rule == "prefix q"


def test_consumers_behind_a_lost_router_are_told() -> None:
    row = address("Mq", remoteHostRouters=["X"])
    found = explained("A", {"A": about(LINE.report("A"), row)})
    assert found.verdict == "nowhere: there are consumers, but no way to them"
    assert found.hops[0].destinations[0].reason == "there is no way to it"


def test_a_router_that_does_not_answer_leaves_the_end_unknown() -> None:
    reports = consumer_at_c()
    del reports["B"]
    found = explained("A", reports)
    assert found.verdict == "unknown: B on the way does not answer"


def test_text_that_is_no_address_goes_nowhere() -> None:
    found = explained("A", {"A": about(LINE.report("A"), None, key="")})
    assert found.verdict == "nowhere: this is no address"


# --- edge routers


def test_an_interior_router_sends_to_the_edge_router_that_stands_for_its_consumers() -> None:
    a = about(LINE.report("A"), address("Mq"), link(1, 102, "Mq", "out"))
    e = about(LINE.report("E", CLIENT), address("Mq"), link(1, 7, "Mq", "out"))
    found = explained("A", {"A": a, "E": e})
    assert ways(found) == {"A": [(PEER, "E")], "E": [(CONSUMER, "10.0.0.7:5671 client")]}


def test_an_edge_router_asks_its_interior_router_for_what_it_does_not_know() -> None:
    e = about(LINE.report("E"), None, link(4, 1, "L_edge", "out"))
    found = explained("E", {**consumer_at_c(), "E": e})
    assert [hop.router for hop in found.hops] == ["E", "A", "B", "C"]
    assert [(one.kind, one.name, one.credit) for one in found.hops[0].chosen] == [(UPLINK, "A", 250)]
    assert found.arrives


def test_an_edge_router_sends_to_its_own_consumers_first() -> None:
    e = about(
        LINE.report("E", CLIENT),
        address("Mq", "closest"),
        link(1, 7, "Mq", "out"),
        link(2, 1, "Mq", "out"),
    )
    found = explained("E", {"E": e})
    assert ways(found) == {"E": [(CONSUMER, "10.0.0.7:5671 client")]}
    assert {one.name: one.reason for one in found.hops[0].destinations if not one.chosen} == {
        "A": "farther than others"
    }


def test_what_came_from_above_is_not_sent_up_again() -> None:
    a = about(LINE.report("A"), address("Mq", "multicast"), link(1, 102, "Mq", "out"))
    e = about(
        LINE.report("E", CLIENT),
        address("Mq", "multicast"),
        link(1, 7, "Mq", "out"),
        link(2, 1, "Mq", "out"),
    )
    found = explained("A", {"A": a, "E": e})
    (hop,) = [hop for hop in found.hops if hop.router == "E"]
    assert [(one.kind, one.reason) for one in hop.destinations if not one.chosen] == [
        (PEER, "it came from there")
    ]


def test_multicast_of_an_edge_router_goes_up_as_well() -> None:
    e = about(LINE.report("E", CLIENT), address("Mq", "multicast"), link(1, 7, "Mq", "out"))
    a = about(LINE.report("A"), address("Mq", "multicast"), link(3, 102, "Mq", "out"))
    found = explained("E", {"E": e, "A": a})
    assert [one.kind for one in found.hops[0].chosen] == [CONSUMER, UPLINK]


# --- details


def test_the_router_itself_may_be_the_consumer() -> None:
    found = explained("A", {"A": about(LINE.report("A"), address("M$management", "closest", inProcess=1))})
    assert ways(found) == {"A": [(PROCESS, "this router itself")]}


@pytest.mark.parametrize(
    ("rules", "row", "expected"),
    [
        ((), None, ("balanced", "default", None)),
        ((), address("Mq", "multicast"), ("multicast", "as when it became known", None)),
        (
            ({"pattern": "#", "distribution": "closest", "priority": 7},),
            None,
            ("closest", "pattern #", 7),
        ),
        (
            ({"prefix": "q", "distribution": "closest"}, {"pattern": "#", "distribution": "multicast"}),
            None,
            ("closest", "prefix q", None),
        ),
        (
            ({"prefix": "q", "distribution": "closest"},),
            address("Mq", "balanced", priority=3),
            ("balanced", "as when it became known", 3),
        ),
        ((), address("Lq", "closest"), ("closest", "fixed", None)),
    ],
)
def test_the_treatment_is_told_with_where_it_comes_from(
    rules: tuple[Mapping[str, Any], ...], row: Mapping[str, Any] | None, expected: tuple[str, str, int | None]
) -> None:
    hop = explained("A", {"A": about(LINE.report("A"), row, rules=rules)}).hops[0]
    assert (hop.treatment, hop.rule, hop.priority) == expected


def test_a_rule_that_came_too_late_is_noted() -> None:
    report = about(
        LINE.report("A"), address("Mq", "balanced"), rules=({"prefix": "q", "distribution": "closest"},)
    )
    hop = explained("A", {"A": report}).hops[0]
    assert hop.notes == ("prefix q says closest, which counts once the address has been forgotten",)


def test_senders_are_clients_and_routers_with_their_credit() -> None:
    report = about(
        LINE.report("A", CLIENT),
        address("Mq"),
        link(1, 7, "Mq", "in", creditAvailable=0),
        link(2, 102, "Mq", "in"),
    )
    hop = explained("A", {"A": report}).hops[0]
    assert [(one.name, one.credit, one.is_router) for one in hop.senders] == [
        ("10.0.0.7:5671 client", 0, False),
        ("router E", 250, True),
    ]


def test_services_tell_what_they_are_and_how_they_are() -> None:
    services = (
        {
            "type": "io.skupper.router.tcpListener",
            "name": "web",
            "host": "h",
            "port": "80",
            "operStatus": "down",
        },
        {
            "type": "io.skupper.router.router.config.autoLink",
            "identity": "3",
            "direction": "in",
            "operStatus": "failed",
            "lastError": "no",
        },
    )
    hop = explained("A", {"A": about(LINE.report("A"), None, services=services)}).hops[0]
    assert hop.services == ("tcpListener web h:80, down", "autoLink in 3, failed: no")


def test_the_link_to_the_next_router_is_that_of_the_address_s_priority() -> None:
    row = address("Mq", remoteHostRouters=["C"], priority=6)
    links = tuple(
        link(number, 101, None, "out", linkType="inter-router", priority=number, creditAvailable=number)
        for number in range(10)
    )
    report = replace(about(LINE.report("A"), row), mesh_links=links)
    (one,) = explained("A", {"A": report}).hops[0].destinations
    assert (one.link, one.credit) == ("6", 6)


# --- policy

STAFF = {"users": "ann,bob", "targets": "q", "sources": "other"}
OWN = {"users": "ann,bob,*", "targetPattern": "${user}/#", "sources": "*"}


@pytest.mark.parametrize(
    ("groups", "text", "expected"),
    [
        ({"staff": STAFF}, "Mq", Permissions(("v/staff",), ())),
        ({"staff": STAFF}, "Mx", Permissions((), ())),
        ({"own": OWN}, "Mann/x", Permissions(("v/own:ann",), ("v/own",))),
        ({"staff": STAFF, "own": OWN}, "Mq", Permissions(("v/staff",), ("v/own",))),
    ],
)
def test_policy_tells_who_may_use_the_address(
    groups: dict[str, Any], text: str, expected: Permissions
) -> None:
    report = about(
        LINE.report("A"),
        None,
        key=text,
        policy={"enableVhostPolicy": True},
        vhosts=({"hostname": "v", "groups": groups},),
    )
    assert explained("A", {"A": report}).hops[0].permissions == expected


def test_without_policy_everybody_may() -> None:
    hop = explained("A", {"A": about(LINE.report("A"), None)}).hops[0]
    assert hop.permissions == Permissions(None, None)


def test_policy_that_lets_nobody_is_noted() -> None:
    report = about(LINE.report("A"), address("Mq"), policy={"enableVhostPolicy": True})
    assert explained("A", {"A": report}).hops[0].notes == (
        "the policy lets nobody send to it",
        "the policy lets nobody receive from it",
    )


def test_a_loop_of_reports_ends() -> None:
    """Routers that point at each other, as they may for a moment."""
    pair = Interior({("A", "B"): 1})
    a = about(pair.report("A"), address("Mq", remoteHostRouters=["B"]))
    b = about(pair.report("B"), address("Mq", remoteHostRouters=["A"]))
    found = explained("A", {"A": a, "B": b})
    assert [hop.router for hop in found.hops] == ["A", "B"]
    assert not found.arrives


def test_standalone_router_explains_itself() -> None:
    report = about(Report("S", "standalone", "1.0", (), (CLIENT,)), address("Mq"), link(1, 7, "Mq", "out"))
    assert explained("S", {"S": report}).verdict == "1 consumer at S"
