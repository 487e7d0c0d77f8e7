"""Address texts become keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.core.address import AddressParser

INTERIOR = AddressParser("A")
EDGE = AddressParser("A", interior=False, peers={"P"})
IN_NETWORK = AddressParser("A", network="net")
EDGE_IN_NETWORK = AddressParser("A", interior=False, network="net", peers={"P"})

KEYS = [
    ("x", "Mx", "Mx"),
    ("a/b/c", "Ma/b/c", "Ma/b/c"),
    ("a.b.c", "Ma.b.c", "Ma.b.c"),
    ("/x", "Mx", "Mx"),
    ("x/", "Mx", "Mx"),
    ("x.", "Mx", "Mx"),
    ("x..", "Mx.", "Mx."),
    ("amqp:/x", "Mx", "Mx"),
    ("amqp:/_topo/0/A/x", "Lx", "Lx"),
    ("amqp://host:5672/x", "Mx", "Mx"),
    ("amqp://host", "", ""),
    ("amqp://host/", "", ""),
    ("a:b/c", "Ma:b/c", "Ma:b/c"),
    ("", "", ""),
    ("/", "", ""),
    (".", "", ""),
    ("_local/x", "Lx", "Lx"),
    ("_local/$management", "L$management", "L$management"),
    ("_local", "M_local", "M_local"),
    ("_topo/0/all/x", "Tx", "Tx"),
    ("_topo/all/all/x/y", "Tx/y", "Tx/y"),
    ("_topo/0/A/x", "Lx", "Lx"),
    ("_topo/0/B/x", "RB", "L_edge"),
    ("_topo/0/B", "RB", "L_edge"),
    ("_topo/7/B/x", "A7", "L_edge"),
    ("_edge/A/x", "Lx", "Lx"),
    ("_edge/E/x", "HE", "L_edge"),
    ("_edge/P/x", "HP", "HP"),
    ("_xtopo/net/0/A/x", "Lx", "Lx"),
    ("_xtopo/net/0/B/x", "RB", "L_edge"),
    ("_xedge/net/E/x", "HE", "L_edge"),
    ("_topology/x", "M_topology/x", "M_topology/x"),
]


@pytest.mark.parametrize(("text", "interior", "edge"), KEYS)
def test_a_text_has_the_key_of_its_class(text: str, interior: str, edge: str) -> None:
    assert (INTERIOR.key(text), EDGE.key(text)) == (interior, edge)


NETWORK_KEYS = [
    ("_xtopo/net/0/A/x", "Lx", "Lx"),
    ("_xtopo/net/0/B/x", "RB", "L_edge"),
    ("_xtopo/net/0/all/x", "Tx", "Tx"),
    ("_xtopo/0/0/A/x", "Lx", "Lx"),
    ("_xtopo/other/0/A/x", "Nother", "L_edge"),
    ("amqp:/_xtopo/other/0/A/temp.u", "Nother", "L_edge"),
    ("_xtopo/other", "Nother", "L_edge"),
    ("_xedge/net/A/x", "Lx", "Lx"),
    ("_xedge/net/E/x", "HE", "L_edge"),
    ("_xedge/net/P/x", "HP", "HP"),
    ("_xedge/other/A/x", "Nother", "L_edge"),
    ("_topo/0/A/x", "Lx", "Lx"),
    ("_topo/0/B/x", "RB", "L_edge"),
    ("_edge/E/x", "HE", "L_edge"),
    ("x", "Mx", "Mx"),
]


@pytest.mark.parametrize(("text", "interior", "edge"), NETWORK_KEYS)
def test_in_a_network_an_address_of_another_is_one_for_all_that_is_there(
    text: str, interior: str, edge: str
) -> None:
    assert (IN_NETWORK.key(text), EDGE_IN_NETWORK.key(text)) == (interior, edge)


@pytest.mark.parametrize(
    ("parser", "tenant", "text"),
    [
        (INTERIOR, None, "amqp:/_topo/0/A/temp.u"),
        (INTERIOR, "t", "amqp:/_topo/0/A/t/temp.u"),
        (EDGE, None, "amqp:/_edge/A/temp.u"),
        (EDGE, "t", "amqp:/_edge/A/t/temp.u"),
        (IN_NETWORK, None, "amqp:/_xtopo/net/0/A/temp.u"),
        (IN_NETWORK, "t", "amqp:/_xtopo/net/0/A/t/temp.u"),
        (EDGE_IN_NETWORK, None, "amqp:/_xedge/net/A/temp.u"),
        (EDGE_IN_NETWORK, "t", "amqp:/_xedge/net/A/t/temp.u"),
    ],
)
def test_a_temporary_address_leads_back_to_this_router(
    parser: AddressParser, tenant: str | None, text: str
) -> None:
    assert parser.temporary("u", tenant) == text
    assert parser.key(text) == "L" + text.partition("/A/")[2]


@given(st.text(alphabet="ab/._:0A", max_size=30))
def test_a_key_is_a_class_and_a_text_or_nothing(text: str) -> None:
    key = INTERIOR.key(text)
    assert key == "" or (key[0] in "LTRMAH" and len(key) > 1)


@given(st.text(alphabet="abc-", min_size=1, max_size=10))
def test_every_form_of_a_mobile_address_is_the_same_key(name: str) -> None:
    forms = (name, f"/{name}", f"{name}/", f"amqp:/{name}", f"amqp://h/{name}", f"amqp://h:1/{name}/")
    assert {INTERIOR.key(form) for form in forms} == {f"M{name}"}


def test_a_former_network_id_names_this_network_until_the_next_change() -> None:
    parser = AddressParser("A", network="old")
    reply = "amqp:/_xtopo/old/0/A/temp.1"
    parser.rename_network("new")
    assert (parser.key(reply), parser.prefix) == ("Ltemp.1", "amqp:/_xtopo/new/0/A/")
    parser.rename_network("newer")
    assert parser.key(reply) == "Nold"
