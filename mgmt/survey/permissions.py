"""Who may use an address under the vhost policy of a router."""

from collections.abc import Iterator
from dataclasses import dataclass

from skrouter.config.allowed import Allowed, allowed, split
from skrouter.mgmt.survey.reports import AddressReport, Row

ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Permissions:
    """User groups, as `vhost/group` or `vhost/group:user`; both None: policy is off and everybody may."""

    senders: tuple[str, ...] | None = None
    receivers: tuple[str, ...] | None = None


def permissions(report: AddressReport) -> Permissions:
    """What the vhosts of the router allow for the address."""
    if not report.policy.get("enableVhostPolicy"):
        return Permissions()
    text = report.key[1:]
    return Permissions(
        tuple(_holders(report, text, "targets", "targetPattern")),
        tuple(_holders(report, text, "sources", "sourcePattern")),
    )


def _holders(report: AddressReport, address: str, names: str, patterns: str) -> Iterator[str]:
    for vhost in report.vhosts:
        for group, settings in (vhost.get("groups") or {}).items():
            rule = allowed(settings.get(names), settings.get(patterns))
            yield from _of_group(f"{vhost.get('hostname')}/{group}", settings, rule, address)


def _of_group(name: str, settings: Row, rule: Allowed, address: str) -> Iterator[str]:
    """The group if any user in it may, else those of its named users who may."""
    if rule(address, ""):
        yield name
        return
    for user in split(settings.get("users")):
        if user != ANYBODY and rule(address, user):
            yield f"{name}:{user}"
