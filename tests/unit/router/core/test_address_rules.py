"""Rules come and go; addresses that are known keep their treatment."""

import random

import pytest
from skrouter.config.configuration import Draft
from skrouter.config.model import AddressConfig
from skrouter.config.runtime import create_entity
from skrouter.config.schema import load_schema
from skrouter.router.core import events
from skrouter.router.core.address_rules import AddressRules
from skrouter.router.core.address_table import AddressRule
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import Treatment

SCHEMA = load_schema()


def rule(**attributes: object) -> AddressConfig:
    draft = Draft(SCHEMA, "a.conf")
    draft.add_sections((), str)
    made = create_entity(SCHEMA, "router.config.address", attributes, draft.entities)
    assert isinstance(made, AddressConfig)
    return made


def test_a_rule_holds_from_its_addition_to_its_removal() -> None:
    rules = AddressRules([rule(prefix="mc", distribution="multicast")])
    closest = rule(pattern="mc/*", distribution="closest", priority=7)
    assert rules.match("mc/a") == AddressRule(Treatment.MULTICAST, -1)
    rules.add(closest)
    assert rules.match("mc/a") == AddressRule(Treatment.CLOSEST, 7)
    assert rules.match("mc/a/b") == AddressRule(Treatment.MULTICAST, -1)
    rules.remove(closest)
    assert rules.match("mc/a") == AddressRule(Treatment.MULTICAST, -1)
    assert rules.match("other") is None


def test_a_pattern_is_there_once() -> None:
    rules = AddressRules([rule(prefix="a")])
    with pytest.raises(ValueError, match="already"):
        rules.add(rule(pattern="a/#"))
    rules.remove(rule(pattern="a/#"))
    with pytest.raises(KeyError):
        rules.remove(rule(prefix="a"))


def test_a_known_address_keeps_its_treatment() -> None:
    rules, names = AddressRules(), random.Random(1)
    core = RouterCore(CoreConfig("A", True, lambda: str(names.random()), rules.match))
    core.handle(events.ConsumerBound("a/known", 1), 0.0)
    rules.add(rule(prefix="a", distribution="multicast"))
    core.handle(events.ConsumerBound("a/known", 2), 0.0)
    core.handle(events.ConsumerBound("a/new", 3), 0.0)
    found = {key: address.treatment for key, address in core.table.addresses.items()}
    assert found == {"Ma/known": Treatment.BALANCED, "Ma/new": Treatment.MULTICAST}
    for link in (1, 2):
        core.handle(events.ConsumerUnbound(link), 0.0)
    core.handle(events.ConsumerBound("a/known", 4), 0.0)
    assert core.table.addresses["Ma/known"].treatment is Treatment.MULTICAST
