"""The network as skstat shows it, asked of routers that are rows of facts."""

import io
import json

import pytest
import yaml
from skrouter.cli.skstat import parse, run
from skrouter.mgmt.agent.facts import AddressFacts, ConnectionFacts, LinkFacts, MetricsFacts, NodeFacts
from skrouter.mgmt.agent.settings import ConnectorFacts, NetworkFacts, PolicyFacts, RouterFacts, VhostFacts
from skrouter_testing.agent_transport import AgentTransport, Timeout
from skrouter_testing.fake_router import FakeRouter


def router(router_id: str, mode: str, **rows: list[object]) -> FakeRouter:
    found = {
        "router": [RouterFacts(router_id, mode)],
        "routerMetrics": [MetricsFacts(router_id, "3.5.0")],
        **{kind.replace("__", "."): facts for kind, facts in rows.items()},
    }
    return FakeRouter(found)


def network() -> dict[str, FakeRouter]:
    """A - B with an edge router E on B and a consumer of `orders` there; X, known to A, does not answer."""
    a = router(
        "A",
        "interior",
        router__node=[
            NodeFacts("A", 0, 1, "(self)", link_state=("B",)),
            NodeFacts("B", 1, 1, link_state=("A",), router_link=0, cost=4),
            NodeFacts("X", 2, 1, "B", cost=5),
        ],
        connection=[ConnectionFacts(1, "b:1", "inter-router", dir="out", container="B")],
        connector=[ConnectorFacts("b", "1", "inter-router", name="to-B", connection_status="SUCCESS")],
        router__address=[AddressFacts("Morders", "balanced", remote_count=1, remote_host_routers=("B",))],
    )
    b = router(
        "B",
        "interior",
        router__node=[
            NodeFacts("B", 0, 1, "(self)", link_state=("A",)),
            NodeFacts("A", 1, 1, link_state=("B",), router_link=0, cost=4),
            NodeFacts("X", 2, 1, router_link=1, cost=1),
        ],
        connection=[
            ConnectionFacts(2, "a:9", "inter-router", container="A", is_encrypted=True, ssl_proto="TLSv1.3"),
            ConnectionFacts(3, "e:9", "edge", container="E"),
        ],
        router__address=[AddressFacts("Morders", "balanced", subscriber_count=1)],
        router__link=[LinkFacts(7, "l", 3, "out", owning_addr="Morders", credit_available=250)],
    )
    e = router(
        "E",
        "edge",
        connection=[
            ConnectionFacts(1, "b:2", "edge", dir="out", container="B"),
            ConnectionFacts(4, "10.1.1.1:777", container="stock", user="ann"),
        ],
        router__address=[AddressFacts("Morders", "balanced", subscriber_count=1)],
        router__link=[LinkFacts(9, "l", 4, "out", owning_addr="Morders", credit_available=10)],
    )
    return {
        "$management": a,
        "_topo/0/A/$management": a,
        "_topo/0/B/$management": b,
        "_edge/E/$management": e,
    }


def shown(*arguments: str, routers: dict[str, FakeRouter] | None = None) -> str:
    transport = AgentTransport(network() if routers is None else routers)
    out = io.StringIO()
    status = run(parse(arguments), lambda _: transport, out, 0.0, (Timeout,))
    assert status == 0, out.getvalue()
    return out.getvalue()


def test_map_is_a_tree_with_costs_and_problems() -> None:
    assert shown("--topology") == (
        "1970-01-01 00:00:00.000000+00:00 UTC\n"
        "A\n"
        "\n"
        "Network seen from A\n"
        "  router   mode       version  cost  link cost  conns  security\n"
        "  ==================================================================\n"
        "  A        interior   3.5.0    0     -          -      \n"
        "  └─ B     interior   3.5.0    4     4          1      TLSv1.3\n"
        "     └─ E  edge       3.5.0    -     -          1      no-security\n"
        "  X        interior?           5     -          -      \n"
        "\n"
        "Problems\n"
        "  X does not answer\n"
    )


def test_map_for_programs_has_no_drawings() -> None:
    (found,) = json.loads(shown("--topology", "--json"))["routers"]
    assert found["problems"] == ["X does not answer"]
    assert [
        (row["id"], row["parent"], row["cost"], row["linkCost"]) for row in found["tables"][0]["rows"]
    ] == [
        ("A", None, 0, None),
        ("B", "A", 4, 4),
        ("E", "B", None, None),
        ("X", None, 5, None),
    ]


def test_map_as_csv_is_that_of_the_text() -> None:
    assert '"└─ B","interior","3.5.0","4","4","1","TLSv1.3"' in shown("--topology", "--csv").split("\n")


def test_explanation_leads_to_the_consumer_behind_an_edge_router(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = shown("--explain", "orders").split("\n", 3)[3]
    assert text == (
        "orders -> 1 consumer at E\n"
        "\n"
        "A  (interior)\n"
        "  treatment     balanced (default)\n"
        "  deliveries    in 0, out 0, through 0\n"
        "  senders       none\n"
        "  policy        off\n"
        "  destinations  -> router B, cost 4\n"
        "\n"
        "B  (interior, from A)\n"
        "  treatment     balanced (default)\n"
        "  deliveries    in 0, out 0, through 0\n"
        "  policy        off\n"
        "  destinations  -> router E by C3, credit 250,\n"
        "                  undelivered 0, unsettled 0\n"
        "\n"
        "E  (edge, from B)\n"
        "  treatment     balanced (default)\n"
        "  deliveries    in 0, out 0, through 0\n"
        "  policy        off\n"
        "  destinations  -> C4 10.1.1.1:777 stock, credit 10,\n"
        "                  undelivered 0, unsettled 0\n"
    )


def test_explanation_for_programs_is_in_both_forms() -> None:
    (as_json,) = json.loads(shown("--explain", "orders", "-o", "json"))["routers"]
    (as_yaml,) = yaml.safe_load(shown("--explain", "orders", "-o", "yaml"))["routers"]
    assert as_json == as_yaml
    hops = as_json["explanation"]["hops"]
    assert [hop["router"] for hop in hops] == ["A", "B", "E"]
    assert hops[0]["destinations"][0]["nextHop"] == "B"


def test_explanation_names_similar_addresses_of_the_router() -> None:
    assert "Similar addresses are known: orders" in shown("--explain", "orderz")


def test_explanation_knows_the_router_s_own_network() -> None:
    routers = network()
    routers["$management"].rows["network"] = [NetworkFacts("net-A")]
    assert "_xtopo/net-A/0/A/$management -> nowhere" in shown(
        "--explain", "_xtopo/net-A/0/A/$management", routers=routers
    )


def test_explanation_shows_what_the_policy_allows() -> None:
    routers = network()
    groups = {"staff": {"users": "ann", "targets": "orders"}}
    routers["$management"].rows["policy"] = [PolicyFacts(enable_vhost_policy=True)]
    routers["$management"].rows["vhost"] = [VhostFacts("v1", groups=groups)]
    text = shown("--explain", "orders", routers=routers)
    assert "  may send      v1/staff\n  may receive   nobody\n" in text
    assert "  note          the policy lets nobody receive from it\n" in text


def test_many_senders_are_cut_for_people_only() -> None:
    routers = network()
    links = [LinkFacts(n, "s", 1, "in", owning_addr="Morders") for n in range(1, 31)]
    routers["$management"].rows["router.link"] = links
    assert "and 10 more" in shown("--explain", "orders", routers=routers)
    (found,) = json.loads(shown("--explain", "orders", "--json", routers=routers))["routers"]
    assert len(found["explanation"]["hops"][0]["senders"]) == 30


@pytest.mark.parametrize("arguments", [("--topology", "--all-routers"), ("--explain", "q", "--topology")])
def test_displays_that_exclude_each_other_are_wrong_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(arguments)
