"""Certificates are made when they are missing or wrong, and made anew in good time before their end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from skrouter.config.resources.certificate import Certificate, CertificateSpec
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.site import Site, SiteSpec
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.certificates import DAY, Issued, Issuer, renewal_time
from skrouter_testing.site_world import NOW, YEAR, World, provided

SITE = Site(Metadata("west"), SiteSpec(link_access="default"))


def settled(*more: Certificate) -> World:
    world = World()
    world.settle((SITE, *more))
    world.done.clear()
    return world


def made(world: World) -> list[tuple[str, str]]:
    """Names and reasons of what was made."""
    return [
        (one.name, one.reason) for one in world.done if isinstance(one, c.MakeIssuer | c.IssueCertificate)
    ]


def test_nothing_is_renewed_before_its_time() -> None:
    world = settled()
    world.now = min(renewal_time(one) for one in world.credentials.values()) - 1
    world.settle((SITE,))
    assert made(world) == []


def test_certificates_are_renewed_a_month_before_their_end_without_closing_anything() -> None:
    world = settled()
    assert world.plan((SITE,)).next_check == NOW + 5 * YEAR - 30 * DAY
    world.now = NOW + 5 * YEAR - 30 * DAY
    world.settle((SITE,))
    assert {name for name, reason in made(world) if reason == "its end is near"} >= {"skupper-site-ca"}
    assert all(one.not_after > world.now + YEAR for one in world.credentials.values())
    assert not any(isinstance(one, c.DeleteEntity | c.RestartRouter | c.CreateEntity) for one in world.done)
    profile = next(one for one in world.running or () if one.key == ("sslProfile", "skupper-site-server"))
    assert profile.get("ordinal") == 1


def test_renewed_authority_keeps_its_key() -> None:
    world = settled()
    world.now = NOW + 5 * YEAR - DAY
    world.settle((SITE,))
    renewed = [one for one in world.done if isinstance(one, c.MakeIssuer)]
    assert len(renewed) == 3 and all(one.keep_key for one in renewed)


def test_short_life_is_renewed_in_its_last_third() -> None:
    assert renewal_time(provided("x", life=3 * DAY)) == NOW + 2 * DAY


@pytest.mark.parametrize("how", ["user", "lost"])
def test_another_authority_signs_all_its_certificates_anew(how: str) -> None:
    world = settled()
    before = {name: one.digest for name, one in world.credentials.items()}
    if how == "user":
        world.provided_issuers["skupper-site-ca"] = provided("skupper-site-ca", signing=True)
    else:
        del world.issuers["skupper-site-ca"]
    world.settle((SITE,))
    changed = {name for name, one in world.credentials.items() if one.digest != before[name]}
    assert changed == {"skupper-site-server", "client-skupper-site-server"}


def test_certificate_is_not_signed_by_an_authority_that_is_about_to_go() -> None:
    world = settled()
    world.provided_issuers["skupper-site-ca"] = provided("skupper-site-ca", signing=True)
    world.host = replace(world.host, addresses=("192.0.2.9",))
    world.settle((SITE,))
    assert [name for name, _ in made(world)].count("skupper-site-server") == 1


def test_hosts_of_the_machine_that_change_are_in_the_next_certificate() -> None:
    world = settled()
    world.host = replace(world.host, addresses=("192.0.2.9",))
    world.settle((SITE,))
    assert made(world) == [("skupper-site-server", "its hosts have changed")]


def test_certificate_nobody_wants_any_more_is_removed() -> None:
    world = settled(Certificate(Metadata("mine"), CertificateSpec("skupper-site-ca", "mine")))
    world.settle((SITE,))
    assert "mine" not in world.credentials


def test_user_is_warned_before_and_after_the_end_of_what_only_he_can_renew() -> None:
    world = settled()
    world.provided["skupper-site-server"] = provided("skupper-site-server")
    world.now = NOW + YEAR - 5 * DAY
    text = "certificate skupper-site-server expires in 5 days; provide a new one"
    assert world.settle((SITE,)).warnings == (text,)
    world.now = NOW + YEAR
    text = "certificate skupper-site-server has expired; provide a new one"
    assert world.settle((SITE,)).warnings == (text,)


def test_certificate_of_an_unknown_authority_is_refused() -> None:
    wanted = Certificate(Metadata("mine"), CertificateSpec("nobody", "mine"))
    world = settled(wanted)
    assert world.statuses[wanted.key].message == 'CA "default/nobody" not found'


def test_common_names_are_no_longer_than_certificates_allow() -> None:
    assert len(Issuer("a", "x" * 70).subject) == len(Issued("a", "b", "x" * 70).subject) == 64
