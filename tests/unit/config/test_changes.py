"""A changed configuration is the one that a file with the same entities would have given."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.config import changes
from skrouter.config.configuration import Draft, assemble
from skrouter.config.model import Configuration, EntityConfig, TcpListenerConfig
from skrouter.config.parser import parse
from skrouter.config.runtime import create_entity, update_entity
from skrouter.config.schema import load_schema

SCHEMA = load_schema()
FILE = """
router {
    id: S
}
network {
    tenantId: t
}
sslProfile {
    name: tls
}
address {
    name: mc
    prefix: mc
}
tcpListener {
    name: lst
    port: 8080
    address: svc
}
"""
NEW: dict[str, dict[str, object]] = {
    "listener": {"port": 0},
    "connector": {},
    "sslProfile": {},
    "proxyProfile": {},
    "router.config.address": {"prefix": "new"},
    "router.config.autoLink": {"direction": "in"},
    "vhost": {"hostname": "new"},
    "tcpListener": {"port": 1, "address": "a"},
    "tcpConnector": {"port": 1, "address": "a"},
}


def _start() -> Configuration:
    draft = Draft(SCHEMA, "a.conf")
    draft.add_sections(parse(FILE, "a.conf").sections, str)
    draft.check()
    return draft.finish()


START = _start()


def made(kind: str, configuration: Configuration = START) -> EntityConfig:
    attributes = {**NEW[kind], "name": f"new {kind}"}
    return create_entity(SCHEMA, kind, attributes, configuration.entities)


@pytest.mark.parametrize("kind", NEW)
def test_what_is_added_is_found_and_gone_again_once_removed(kind: str) -> None:
    new = made(kind)
    more = changes.added(START, new)
    assert more.entities[-1] is new.entity
    assert changes.find(more, new.identity) is new
    assert more == assemble(more.entities)
    assert changes.removed(more, new) == START


@given(st.permutations(sorted(NEW)), st.randoms(use_true_random=False))
def test_any_order_of_changes_gives_what_the_entities_say(kinds: list[str], source: random.Random) -> None:
    configuration = START
    for kind in kinds:
        configuration = changes.added(configuration, made(kind, configuration))
        if source.random() < 0.5:
            gone = source.choice(configuration.entities[len(START.entities) :])
            configuration = changes.removed(configuration, changes.find(configuration, gone.identity))
    assert configuration == assemble(configuration.entities)


@pytest.mark.parametrize(
    ("identity", "change"),
    [
        ("sslProfile/tls", {"ordinal": 3}),
        ("tcpListener/:8080:lst", {"observer": "none"}),
        ("log/SERVER", {"enable": "debug+"}),
    ],
)
def test_what_is_replaced_stays_in_its_place(identity: str, change: dict[str, object]) -> None:
    old = changes.find(START, identity)
    new = update_entity(old.entity, change, START.entities)
    after = changes.replaced(START, new)
    assert changes.find(after, identity) is new
    assert [one.identity for one in after.entities] == [one.identity for one in START.entities]
    assert after == assemble(after.entities)
    assert changes.replaced(after, old) == START


def test_an_unknown_identity_is_not_found() -> None:
    with pytest.raises(KeyError, match="listener/none"):
        changes.find(START, "listener/none")


def test_singletons_and_rows_are_found_by_identity() -> None:
    assert changes.find(START, "router/S") is START.router
    assert isinstance(changes.find(START, "tcpListener/:8080:lst"), TcpListenerConfig)
