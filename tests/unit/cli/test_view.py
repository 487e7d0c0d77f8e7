"""What the view shows: real core, mesh, log and configuration; what is native or does I/O is faked."""

from pathlib import Path
from typing import Any

import pytest
from skrouter.amqp.capabilities import OpenProperties
from skrouter.amqp.events import LinkDetached, LinkEstablished
from skrouter.mgmt.agent.entities.catalog import CORE, GENERAL
from skrouter.mgmt.agent.facts import LinkFacts
from skrouter.mgmt.agent.view import RouterView
from skrouter.router.core import events
from skrouter.router.core.facts import ROLE_INTER_ROUTER, ROLE_ROUTE_CONTAINER, AutoLink
from skrouter_testing.view_stage import ROUTER_UP, UP, Stage, raw_terminus, tcp_flow


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "router.conf")


def test_the_view_is_all_that_the_agent_asks_of_a_router(stage: Stage) -> None:
    view: RouterView = stage.view
    stage.open(7, 1)
    stage.open(70, 2, ROUTER_UP)
    stage.attach(1 << 50, 7, "receiver", True, "foo")
    stage.tcp.flows = [tcp_flow(5)]
    shown = {name: [entity.row(one) for one in entity.facts(view)] for name, entity in CORE.items()}
    assert all(shown.values())
    for name, general in GENERAL.items():
        for one in general.facts(view):
            assert general.identity(one).startswith(f"{name}/")


def test_memory_tells_what_was_taken_given_back_and_is_in_use(stage: Stage) -> None:
    links, chunks = stage.view.memory()
    assert (links.type_name, links.type_size, links.total_alloc_from_heap) == ("qdr_link_t", 300, 9)
    assert (chunks.total_free_to_heap, chunks.held_by_threads, chunks.local_free_list_max) == (8, 2, 4096)


# --- connections


def test_g4_a_connection_is_known_by_its_number_in_the_log(stage: Stage) -> None:
    stage.open(1 << 40, 7, idle=3.7)
    row = stage.connections()[0]
    assert (row.identity, row.host, row.container, row.dir) == (7, "127.0.0.1:40000", "client", "in")
    assert (row.sasl, row.user, row.is_authenticated, row.is_encrypted) == (
        "ANONYMOUS",
        "anonymous",
        True,
        False,
    )
    assert (row.uptime_seconds, row.last_dlv_seconds, row.tls_ordinal) == (9, 3, None)
    assert (row.group_correlation_id, row.group_ordinal) == (None, None)
    assert stage.view.amqp_connection(7) == 1 << 40
    assert stage.view.amqp_connection(8) is None


def test_a_connection_without_delivery_or_sasl_says_so(stage: Stage) -> None:
    stage.open(3, 7, mechanism=None, user=None)
    row = stage.connections()[0]
    assert (row.last_dlv_seconds, row.sasl, row.user, row.is_authenticated) == (None, None, None, False)


def test_a_connection_that_is_lost_already_is_not_shown(stage: Stage) -> None:
    stage.open(3, 7)
    stage.open(4, 8)
    del stage.native[3]
    assert [row.identity for row in stage.view.connections() if row.protocol == "amqp"] == [8]


def test_our_connector_s_connection_shows_our_group_and_plain_properties(stage: Stage) -> None:
    stage.open(70, 2, ROUTER_UP)
    row = stage.connections()[0]
    assert (row.role, row.dir, row.host) == ("inter-router", "out", "b.example:55671")
    assert (row.group_correlation_id, row.group_ordinal) == ("group-correlato", 0)
    assert row.properties == {"product": "skupper-router", "qd.conn-id": 4}


def test_an_incoming_connection_shows_the_peer_s_group(stage: Stage) -> None:
    properties = OpenProperties(correlator="theirs", ordinal=5)
    stage.open(9, 2, UP, role=ROLE_INTER_ROUTER, properties=properties, ordinal=5)
    row = stage.connections()[0]
    assert (row.group_correlation_id, row.group_ordinal) == ("theirs", 5)


def test_the_tls_ordinal_is_our_own_not_that_of_the_peer_s_group(stage: Stage) -> None:
    encrypted: dict[str, Any] = {
        "tls_protocol": "TLSv1.3",
        "tls_cipher": "TLS_AES_256_GCM_SHA384",
        "tls_bits": 256,
    }
    properties = OpenProperties(correlator="theirs", ordinal=1)
    stage.open(3, 1, UP, role=ROLE_INTER_ROUTER, properties=properties, ordinal=1, tls_ordinal=2, **encrypted)
    row = stage.connections()[0]
    assert (row.tls_ordinal, row.group_ordinal) == (2, 1)
    assert (row.ssl_proto, row.ssl_cipher, row.ssl_ssf, row.ssl) == (
        "TLSv1.3",
        "TLS_AES_256_GCM_SHA384",
        256,
        True,
    )


def test_a_tcp_connector_has_a_connection_that_is_as_old_as_the_router(stage: Stage) -> None:
    (row,) = stage.connections()
    assert (row.host, row.container, row.protocol, row.dir, row.role) == (
        "egress-dispatch",
        "TcpAdaptor",
        "tcp",
        "out",
        "normal",
    )
    assert 50 <= row.uptime_seconds < 60


def test_a_tcp_connection_keeps_its_identity_and_leads_back_to_its_handle(stage: Stage) -> None:
    tls = ("TLSv1.3", "cipher", 128, None, None, None)
    stage.tcp.flows = [tcp_flow(1 << 45), tcp_flow(9, incoming=False, tls=tls, state="closing")]
    _, first, second = stage.connections()
    assert (first.host, first.dir, first.container, first.oper_status) == (
        "127.0.0.1:41000",
        "in",
        "TcpAdaptor",
        "up",
    )
    assert (second.host, second.dir, second.oper_status, second.ssl_ssf) == (
        "127.0.0.1:9090",
        "out",
        "closing",
        128,
    )
    assert 20 <= first.uptime_seconds < 30
    del stage.tcp.flows[0]
    assert stage.connections()[1].identity == second.identity
    assert stage.view.tcp_connection(second.identity) == 9
    assert stage.view.tcp_connection(first.identity) is None


def test_no_two_connections_have_the_same_identity(stage: Stage) -> None:
    for number in range(1, 6):
        stage.open(number, number)
    stage.tcp.flows = [tcp_flow(handle) for handle in range(1, 6)]
    identities = [row.identity for row in stage.connections()]
    assert len(set(identities)) == len(identities) == 11


# --- links


def test_a_router_has_one_control_pair_and_ten_pairs_for_data(stage: Stage) -> None:
    stage.open(70, 2, ROUTER_UP)
    links = stage.links()
    kinds = [(link.link_type, link.link_dir, link.priority) for link in links if link.connection_id == 2]
    data = [("inter-router", way, priority) for priority in range(10) for way in ("in", "out")]
    assert kinds == [("router-control", "in", 9), ("router-control", "out", 9), *data]
    assert [link.owning_addr for link in links[:3]] == [None, "Lqdhello", None]


def test_a_link_keeps_a_small_number_behind_those_of_the_configuration(stage: Stage) -> None:
    stage.open(7, 1)
    stage.attach(1 << 60, 7, "a", True, "foo")
    stage.attach(3, 7, "b", False, "foo")
    assert [(link.link_name, link.identity, link.owning_addr) for link in stage.links()] == [
        ("a", 4, "Mfoo"),
        ("b", 5, "Mfoo"),
    ]
    stage.handle(LinkDetached(1 << 60, True, "", ""))
    stage.attach(1 << 60, 7, "c", False, None)
    stage.handle(LinkDetached(3, True, "", ""))
    (link,) = stage.links()
    assert (link.link_name, link.link_dir, link.owning_addr) == ("c", "in", None)
    assert [one.identity for one in stage.view.address_configs()] == [1, 2]
    assert [one.identity for one in stage.view.auto_links()] == [3]


def test_an_auto_link_shows_its_link_and_why_it_has_none(stage: Stage) -> None:
    (config,) = stage.config.auto_links
    stage.handle(events.AutoLinkAdded(AutoLink(config.identity, True, "queue1", None, "broker")))
    (row,) = stage.view.auto_links()
    assert (row.oper_status, row.link_ref, row.last_error) == ("inactive", None, None)
    assert (row.address, row.direction) == ("queue1", "in")
    stage.open(7, 1, role=ROLE_ROUTE_CONTAINER, port_name="broker")
    (row,) = stage.view.auto_links()
    (link,) = stage.links()
    assert (row.oper_status, row.link_ref, link.owning_addr) == ("attaching", str(link.identity), "Mqueue1")
    (handle,) = stage.core.links.by_handle
    stage.handle(LinkEstablished(handle, raw_terminus(1, "queue1"), raw_terminus(2, None)))
    (row,) = stage.view.auto_links()
    assert (row.oper_status, row.link_ref, row.last_error) == ("active", str(link.identity), None)
    stage.handle(LinkDetached(handle, True, "amqp:not-found", "no queue1"))
    (row,) = stage.view.auto_links()
    assert (row.oper_status, row.link_ref, row.last_error) == ("failed", None, "amqp:not-found: no queue1")


def test_g4_counters_of_a_link_are_the_forwarder_s(stage: Stage) -> None:
    stage.open(7, 1)
    stage.attach(9, 7, "a", True, "foo")
    stage.forwarder.link_counters[9] = (100, *range(1, 13), 77, 12.9, 13, 14)
    stage.forwarder.histograms[9] = (3, 0, 1)
    (link,) = stage.links()
    assert link == LinkFacts(
        identity=4,
        link_name="a",
        connection_id=1,
        link_dir="out",
        owning_addr="Mfoo",
        capacity=100,
        undelivered_count=1,
        unsettled_count=2,
        delivery_count=3,
        presettled_count=4,
        dropped_presettled_count=5,
        accepted_count=6,
        rejected_count=7,
        released_count=8,
        modified_count=9,
        deliveries_delayed1_sec=10,
        deliveries_delayed10_sec=11,
        deliveries_stuck=13,
        open_moved_streams=12,
        ingress_histogram=(3, 0, 1, *[0] * 125),
        priority=4,
        settle_rate=14,
        credit_available=77,
        zero_credit_seconds=12,
    )


def test_a_link_that_is_gone_already_is_not_shown(stage: Stage) -> None:
    stage.open(7, 1)
    stage.attach(9, 7, "a", True, "foo")
    stage.attach(8, 7, "b", True, "foo")
    stage.forwarder.gone.add(9)
    assert [link.link_name for link in stage.links()] == ["b"]


def test_a_tcp_connector_s_link_consumes_on_its_connection(stage: Stage) -> None:
    stage.handle(events.ConsumerBound("svc", 1 << 52))
    (link,) = stage.links()
    (connection,) = stage.connections()
    assert (link.link_name, link.link_dir, link.owning_addr) == ("tcp.connector.out", "out", "Msvc")
    assert link.connection_id == connection.identity


# --- addresses


def test_g4_an_address_shows_who_consumes_it_and_where(stage: Stage) -> None:
    stage.handle(events.RouterKnown(1, "B"))
    stage.handle(events.RemoteAddressesChanged(1, (events.RemoteAddress("Mfoo", 3),), ()))
    stage.handle(events.WatchAdded("foo"))
    stage.open(7, 1)
    stage.attach(9, 7, "a", True, "foo")
    stage.forwarder.entry_counters[stage.forwarder.entries["Mfoo"]] = (
        1,
        2,
        3,
        4,
        5,
        [0, 6, 1],
        1,
        7,
        8,
        9,
        10,
    )
    row = stage.addresses()["Mfoo"]
    assert (row.distribution, row.subscriber_count, row.remote_count, row.remote_host_routers) == (
        "balanced",
        1,
        1,
        ("B",),
    )
    assert (row.deliveries_ingress, row.deliveries_egress, row.deliveries_transit) == (1, 2, 3)
    assert (row.deliveries_to_container, row.deliveries_from_container, row.watch) == (4, 5, True)
    assert (row.deliveries_ingress_route_container, row.deliveries_egress_route_container) == (7, 8)
    assert (row.deliveries_ingress_inter_network, row.deliveries_egress_inter_network) == (9, 10)
    assert (row.transit_outstanding, row.tracked_deliveries) == ((0, 6, 1, *[0] * 125), 7)
    assert stage.addresses()["RB"].transit_outstanding is None


def test_addresses_of_this_process_and_of_native_code_are_shown(stage: Stage) -> None:
    stage.handle(events.EndpointAdded("M$management"))
    stage.forwarder.native = ["Ltemp.b", "Ltemp.a"]
    rows = stage.addresses()
    assert list(rows) == ["M$management", "Ltemp.a", "Ltemp.b"]
    assert (rows["M$management"].in_process, rows["M$management"].subscriber_count) == (1, 0)
    assert (rows["Ltemp.a"].in_process, rows["Ltemp.a"].subscriber_count) == (0, 1)
    assert stage.view.metrics().addr_count == 3


def test_the_address_of_hellos_counts_neighbors(stage: Stage) -> None:
    stage.handle(events.EndpointAdded("Lqdhello", control_only=True))
    stage.open(70, 2, ROUTER_UP)
    assert stage.addresses()["Lqdhello"].subscriber_count == 0
    for handle in list(stage.core.links.by_handle)[:2]:
        stage.handle(LinkEstablished(handle, raw_terminus(1, None), raw_terminus(2, None)))
    assert stage.addresses()["Lqdhello"].subscriber_count == 1


# --- the rest


def test_g5_totals_are_those_of_the_rows_and_of_the_forwarder(stage: Stage) -> None:
    stage.open(7, 1)
    stage.open(70, 2, ROUTER_UP)
    stage.attach(9, 7, "a", True, "foo")
    stage.tcp.flows = [tcp_flow(5), tcp_flow(6, incoming=False)]
    facts = stage.view.metrics()
    assert (facts.id, facts.version) == ("A", "1.2.3")
    assert facts.link_count == len(stage.links()) == 23
    assert facts.addr_count == len(stage.addresses())
    assert facts.connection_count == len(stage.connections()) == 5
    assert (facts.node_count, facts.auto_link_count) == (0, 1)
    assert facts.connection_counters == {"tcp": 1, "amqp": 1, "http1": 0, "http2": 0}
    assert (facts.presettled_deliveries, facts.modified_deliveries) == (1, 6)
    assert (facts.deliveries_delayed1_sec, facts.deliveries_delayed10_sec) == (7, 8)
    assert (facts.deliveries_ingress, facts.deliveries_egress, facts.deliveries_transit) == (9, 10, 11)
    assert (facts.deliveries_stuck, facts.links_blocked) == (12, 17)
    assert (facts.deliveries_ingress_route_container, facts.deliveries_egress_route_container) == (13, 14)
    assert (facts.deliveries_ingress_inter_network, facts.deliveries_egress_inter_network) == (15, 16)
    assert 50 <= facts.uptime_seconds < 60
    assert facts.resident_memory_usage is not None


def test_g4_nodes_are_those_of_the_mesh(stage: Stage) -> None:
    (own,) = stage.view.nodes()
    assert (own.id, own.index, own.instance, own.next_hop, own.last_topo_change) == (
        "A",
        0,
        77,
        "(self)",
        123,
    )
    stage.router.mesh = None
    assert list(stage.view.nodes()) == []
    assert stage.view.metrics().node_count == 0


def test_configured_entities_are_as_written_with_what_running_adds(stage: Stage) -> None:
    router = stage.view.router()
    assert (router.id, router.mode, router.metadata, router.version) == ("A", "interior", "first", "1.2.3")
    (connector,) = stage.view.connectors()
    assert (connector.name, connector.host, connector.connection_status, connector.connection_msg) == (
        "to-b",
        "b.example",
        "SUCCESS",
        "[C1] opened",
    )
    (listener,) = stage.view.listeners()
    assert (listener.name, listener.port, listener.ssl_profile) == ("amqp", "5672", "tls")
    (profile,) = stage.view.ssl_profiles()
    assert (profile.name, profile.ordinal) == ("tls", 3)
    first, second = stage.view.address_configs()
    assert (first.name, first.prefix, first.distribution, first.priority) == (
        "mc-addr",
        "mc",
        "multicast",
        -1,
    )
    assert (second.name, second.pattern) == (None, "a/*")
    stage.policy.socket_accepted("192.0.2.1")
    policy = stage.view.policy()
    assert (policy.connections_processed, policy.connections_current, policy.connections_denied) == (1, 1, 0)


def test_tcp_entities_show_their_state_and_traffic(stage: Stage) -> None:
    (listener,) = stage.view.tcp_listeners()
    assert (listener.oper_status, listener.connections_opened, listener.connections_closed) == ("up", 3, 1)
    assert (listener.bytes_in, listener.bytes_out) == (100, 200)
    stage.tcp.is_up = False
    assert [one.oper_status for one in stage.view.tcp_listeners()] == ["down"]
    (connector,) = stage.view.tcp_connectors()
    assert (connector.connections_opened, connector.connections_closed) == (5, 2)


def test_the_log_is_shown_by_module_and_by_entry(stage: Stage) -> None:
    stage.log.log("SERVER", "debug", "one")
    stage.log.log("SERVER", "info", "two")
    stage.log.log("ROUTER", "debug", "not written")
    settings = {one.module: one for one in stage.view.logs()}
    assert (settings["DEFAULT"].enable, settings["DEFAULT"].include_timestamp) == ("info+", True)
    assert (settings["SERVER"].enable, settings["SERVER"].include_timestamp) == ("debug+", None)
    counts = {one.module: one for one in stage.view.log_stats()}
    assert (counts["SERVER"].debug_count, counts["SERVER"].info_count) == (1, 1)
    assert counts["ROUTER"].debug_count == 1
    first, second = stage.view.log_entries(5)
    assert [(one.text, one.time) for one in (first, second)] == [("one", 1000), ("two", 1000)]
    assert first.file == second.file == f"{__name__.replace('.', '/')}.py"
    assert second.line == (first.line or 0) + 1
    assert [one.text for one in stage.view.log_entries(1)] == ["two"]
    assert list(stage.view.log_entries(0)) == []
