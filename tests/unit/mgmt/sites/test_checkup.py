"""A check goes through everything, and what is not right has a next step."""

from __future__ import annotations

from skrouter.config.resources.common import Metadata, Resource
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.site import Site, SiteRecord
from skrouter.mgmt.sites.checkup import Finding, checkup
from skrouter.mgmt.sites.network import ConnectorView, ListenerView, Network, RouterView
from skrouter_testing.site_world import NOW, YEAR, World

SITE = Site(Metadata("west"))
LISTENER = Listener(Metadata("web"), ListenerSpec("backend", "0.0.0.0", 8080))
OWN = RouterView(
    "west-1",
    "interior",
    SiteRecord("1", "west"),
    listeners=(ListenerView("listener/web", "backend"),),
    connectors=(ConnectorView("c", "backend"),),
)


def findings(world: World, *resources: Resource, later: float = 0.0) -> list[Finding]:
    return list(checkup(world.plan(resources), world.observe(resources), NOW + later))


def settled() -> World:
    world = World()
    world.settle((SITE, LISTENER))
    world.network = Network([OWN])
    return world


def test_site_where_all_is_well_has_nothing_wrong() -> None:
    found = findings(settled(), SITE, LISTENER)
    assert all(one.is_right and not one.next_step for one in found)
    assert {"Site/west is ready", "Listener/web is ready"} <= {one.text for one in found}


def test_everything_that_is_wrong_is_told_with_a_next_step() -> None:
    world = settled()
    world.network = Network([RouterView("west-1", "interior", SiteRecord("1", "west"))])
    wrong = [one for one in findings(world, SITE, LISTENER, later=5 * YEAR) if not one.is_right]
    assert any(one.text.startswith("Listener/web is Pending: No matching connectors") for one in wrong)
    assert any(one.text == "certificate skupper-site-ca has expired" for one in wrong)
    assert all(one.next_step for one in wrong)


def test_input_that_has_no_effect_yet_is_told() -> None:
    late = Listener(Metadata("late"), ListenerSpec("late", "0.0.0.0", 8081))
    wrong = [one for one in findings(settled(), SITE, LISTENER, late) if not one.is_right]
    assert wrong[0].next_step == "apply them: skupper system reload"


def test_port_that_another_program_has_is_named() -> None:
    world = settled()
    world.running, world.taken_ports = None, frozenset({80, 5672})
    texts = [one.text for one in findings(world, SITE, LISTENER) if not one.is_right]
    assert texts[:2] == ["the router does not answer", "another program has the port 5672 of the router"]


def test_router_that_does_not_run_or_answer_is_told_once() -> None:
    world = settled()
    world.running = None
    texts = [one.text for one in findings(world, SITE, LISTENER) if not one.is_right]
    assert texts[0] == "the router does not answer" and not any("Listener" in one for one in texts)
    world.started = False
    assert findings(world, SITE, LISTENER)[0].next_step == "start it: skupper system start"
