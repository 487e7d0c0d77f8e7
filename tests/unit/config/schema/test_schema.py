"""Names, look-ups and identities of entity types."""

import pytest
from skrouter.config.schema import UnknownEntityTypeError, Value, load_schema

SCHEMA = load_schema()


@pytest.mark.parametrize("name", ["listener", "io.skupper.router.listener"])
def test_a_type_is_found_by_short_and_by_long_name(name: str) -> None:
    assert SCHEMA.entity_type(name).long_name == "io.skupper.router.listener"


@pytest.mark.parametrize("name", ["nosuch", "io.skupper.router.nosuch"])
def test_an_unknown_type_is_named_with_its_prefix(name: str) -> None:
    with pytest.raises(UnknownEntityTypeError) as caught:
        SCHEMA.entity_type(name)
    assert str(caught.value) == "No such entity type 'io.skupper.router.nosuch'"


@pytest.mark.parametrize(
    ("section", "short_name"),
    [
        ("address", "router.config.address"),
        ("autoLink", "router.config.autoLink"),
        ("listener", "listener"),
        ("router.config.address", "router.config.address"),
    ],
)
def test_a_section_names_a_type_or_its_alias(section: str, short_name: str) -> None:
    assert SCHEMA.section_type(section).short_name == short_name


@pytest.mark.parametrize("section", ["exchange", "binding", "linkRoute"])
def test_a_section_of_qpid_dispatch_is_an_unknown_type(section: str) -> None:
    with pytest.raises(UnknownEntityTypeError):
        SCHEMA.section_type(section)


@pytest.mark.parametrize(
    ("type_name", "values", "identifier"),
    [
        ("listener", {"host": "h", "port": "1", "name": "n"}, "h:1:n"),
        ("listener", {"host": "", "port": "amqp"}, ":amqp"),
        ("tcpConnector", {"host": "h"}, None),
        ("listenerAddress", {"listener": "l", "address": "a"}, "l:a"),
        ("log", {"module": "DEFAULT"}, "DEFAULT"),
        ("sslProfile", {"name": "tls"}, "tls"),
        ("vhost", {"hostname": "v1"}, "v1"),
        ("router", {"id": "A"}, "A"),
        ("policy", {}, "None"),
        ("network", {}, None),
        ("router.config.address", {"name": "n"}, None),
    ],
)
def test_an_identity_is_made_of_what_names_the_type(
    type_name: str, values: dict[str, Value], identifier: str | None
) -> None:
    assert SCHEMA.entity_type(type_name).identifier(values) == identifier


def test_bases_are_listed_nearest_first() -> None:
    prefix = "io.skupper.router."
    assert SCHEMA.entity_type("management").bases == tuple(
        prefix + name for name in ("org.amqp.management", "operationalEntity", "entity")
    )
    assert SCHEMA.entity_type("listener").bases == (prefix + "configurationEntity", prefix + "entity")


def test_only_configuration_can_be_configured() -> None:
    configurable = {one.shown_name for one in SCHEMA.entity_types.values() if one.is_configuration}
    assert configurable == {
        *("router", "network", "site", "sslProfile", "proxyProfile", "listener", "connector", "address"),
        *("autoLink", "log", "policy", "vhost", "tcpListener", "tcpConnector", "listenerAddress"),
    }
