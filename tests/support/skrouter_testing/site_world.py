"""A platform in memory for the site model: carries out changes as a strict router and file system would.

It knows no rules of sites. A change that a router would refuse, or after which it would miss files, is an
AssertionError. `interrupt` lets a crash come after any number of changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from skrouter.config.resources.common import Endpoint, Metadata, Resource, Status
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.certificates import LOCAL_SERVER
from skrouter.mgmt.sites.entities import RouterEntity, listening_ports, parse, render
from skrouter.mgmt.sites.facts import (
    Credentials,
    Grant,
    GrantServer,
    Host,
    Identity,
    Observed,
    Revision,
    Setting,
    StaticLink,
)
from skrouter.mgmt.sites.network import Network
from skrouter.mgmt.sites.platform import content_digest
from skrouter.mgmt.sites.reconcile import Desired, Plan, reconcile
from skrouter.mgmt.sites.status import text_of_time

SETTING = Setting("linux", "default", "2.1.0", "/var/lib/site/runtime/certs")
NOW = 1_800_000_000.0
YEAR = 365 * 86400.0
MOST_ROUNDS = 25


class CrashError(Exception):
    """The controller ends here."""


@dataclass
class World:
    """The state of one site; `now` in seconds since 1970."""

    now: float = NOW
    host: Host = field(default_factory=lambda: Host("machine", ("192.0.2.1",), frozenset({5671})))
    identity: Identity = field(default_factory=lambda: Identity("site-id", "1-2"))
    issuers: dict[str, Credentials] = field(default_factory=dict)
    credentials: dict[str, Credentials] = field(default_factory=dict)
    provided_issuers: dict[str, Credentials] = field(default_factory=dict)
    provided: dict[str, Credentials] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    config: str = "[]"
    started: bool = False
    running: tuple[RouterEntity, ...] | None = None
    network: Network | None = None
    links: dict[str, StaticLink] = field(default_factory=dict)
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    statuses: dict[tuple[str, str], Status] = field(default_factory=dict)
    redeemed: dict[str, tuple[Resource, ...]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    grant_server: GrantServer | None = None
    taken_ports: frozenset[int] = frozenset()
    has_run: bool = False
    done: list[c.Change] = field(default_factory=list)
    interrupt: Callable[[c.Change], None] = lambda _: None
    _serial: int = 0
    _documents: tuple[Resource, ...] = ()

    # --- driving

    def plan(self, resources: Iterable[Resource]) -> Plan:
        """What reconcile says now."""
        resources = tuple(resources)
        return reconcile(Desired(resources, SETTING), self.observe(resources), self.now)

    def step(self, resources: Iterable[Resource]) -> Plan:
        """One plan, carried out. A router that was started is up at the next step."""
        resources = self._documents = tuple(resources)
        if self.started and self.running is None:
            self.boot()
        plan = self.plan(resources)
        for change in plan.changes:
            self.interrupt(change)
            self.carry_out(change)
        self.statuses = dict(plan.statuses)
        return plan

    def settle(self, resources: Iterable[Resource]) -> Plan:
        """Steps until nothing is left to do, whatever crashes on the way."""
        resources = tuple(resources)
        for _ in range(MOST_ROUNDS):
            try:
                plan = self.step(resources)
            except CrashError:
                continue
            if not plan.changes and (self.running is not None or not self.started):
                return plan
        raise AssertionError(f"never settles: {plan.changes}")

    def boot(self) -> None:
        """The router reads its file; it refuses one whose files are missing, and ends if a port is taken."""
        config = parse(self.config)
        if listening_ports(config) & self.taken_ports:
            return
        self._check_files(config)
        for one in config:
            self._check_references(one, config)
        self.running = tuple(_as_shown(one) for one in config)
        self.has_run = True

    def observe(self, resources: Iterable[Resource]) -> Observed:
        """All of it as values."""
        return Observed(
            host=self.host,
            identity=self.identity,
            issuers=dict(self.issuers),
            credentials=dict(self.credentials),
            provided_issuers=dict(self.provided_issuers),
            provided_credentials={**_secrets(resources), **self._from_tokens(), **self.provided},
            revisions=dict(self.revisions),
            config=parse(self.config),
            started=self.started,
            running=self.running,
            network=self.network,
            static_links=dict(self.links),
            refusals=dict(self.refusals),
            statuses=dict(self.statuses),
            redeemed=dict(self.redeemed),
            passwords={name: content_digest(one.encode()) for name, one in self.passwords.items()},
            grants=dict(self.grants),
            grant_server=self.grant_server,
            taken_ports=frozenset() if self.running is not None else self.taken_ports,
            has_run=self.has_run,
        )

    def entity(self, kind: str, name: str) -> RouterEntity:
        """What management of the running router shows of an entity."""
        return next(one for one in self.running or () if one.key == (kind, name))

    def _from_tokens(self) -> dict[str, Credentials]:
        return _secrets(one for documents in self.redeemed.values() for one in documents)

    # --- carrying out

    def carry_out(self, change: c.Change) -> None:
        """Do it as a strict platform."""
        self.done.append(change)
        match change:
            case c.MakeIssuer(name=name, subject=subject):
                self.issuers[name] = self._certificate(name, subject, frozenset(), signing=True)
            case c.AdoptIssuer(name=name):
                self.issuers[name] = self.provided_issuers[name]
            case c.IssueCertificate(name=name, subject=subject, hosts=hosts, issuer=issuer):
                ca = self.issuers[issuer].certificate_digest
                self.credentials[name] = self._certificate(name, subject, frozenset(hosts), ca=ca)
            case c.AdoptCredentials(source=source, name=name):
                found = self.observe(self._documents).provided_credentials[source]
                self.credentials[name] = replace(found, name=name)
            case c.RemoveCredentials(name=name):
                (self.passwords if name in self.passwords else self.credentials).pop(name)
                self._check_files(parse(self.config))
                self._check_files(self.running or ())
            case c.StoreRevisions(revisions=revisions):
                self.revisions = {name: Revision(*one) for name, one in revisions.items()}
            case c.StoreConfig(config=config):
                assert parse(render(config)) == config
                self._check_files(config)
                self.config = render(config)
            case c.StartRouter():
                assert LOCAL_SERVER in self.credentials
                self.started, self.running = True, None
            case c.RestartRouter():
                assert self.started
                self.running = None
            case c.StoreStaticLink(file=file, link=link, credentials=name):
                self.links[file] = StaticLink(link, self.credentials[name].digest)
            case c.RemoveStaticLink(file=file):
                del self.links[file]
            case c.RedeemToken(token=token):
                self.redeemed[token.name] = token_documents(token.name)
            case c.StorePassword(name=name, password=password):
                self.passwords[name] = password
            case c.KeepGrant():
                self._keep_grant(change)
            case c.RemoveGrant(name=name):
                del self.grants[name]
            case c.RemoveSite():
                self._remove_site()
            case _:
                self._manage(change)

    def _keep_grant(self, wanted: c.KeepGrant) -> None:
        end = text_of_time(self.now + wanted.window)
        known = self.grants.get(wanted.name)
        if known is None:
            self._serial += 1
            known = Grant(f"uid-{wanted.name}", wanted.name, f"code-{self._serial}", 0, 0, end, "")
        self.grants[wanted.name] = replace(
            known,
            code=wanted.code or known.code,
            allowed=wanted.allowed,
            issuer=wanted.issuer,
            host=wanted.host,
        )

    def _remove_site(self) -> None:
        self.started, self.running, self.config = False, None, "[]"
        self.credentials.clear()
        self.revisions.clear()
        self.links.clear()
        self.grants.clear()
        self.passwords.clear()

    def _manage(self, change: c.Change) -> None:
        """A management request to a running router."""
        assert self.running is not None, change
        keys = {one.key: one for one in self.running}
        match change:
            case c.CreateEntity(entity=one):
                assert one.key not in keys, f"{one.key} exists"
                self._check_references(one, self.running)
                keys[one.key] = _as_shown(one)
            case c.UpdateEntity(entity=one, attributes=attributes):
                old = keys[one.key]
                keys[one.key] = _as_shown(replace(old, attributes={**old.attributes, **attributes}))
            case c.DeleteEntity(type=kind, name=name):
                del keys[kind, name]
                if kind == "sslProfile":
                    users = [one.key for one in keys.values() if one.get("sslProfile") == name]
                    assert users == [], f"sslProfile {name} is used by {users}"
                if kind == "tcpListener":
                    rest = [one.key for one in keys.values() if one.get("listener") == name]
                    assert rest == [], f"{name} has {rest}"
        self.running = tuple(keys.values())
        self._check_files(self.running)

    def _check_references(self, one: RouterEntity, among: Iterable[RouterEntity]) -> None:
        keys = {other.key for other in among}
        if one.get("sslProfile"):
            assert ("sslProfile", one.get("sslProfile")) in keys, one
        if one.type == "listenerAddress":
            assert ("tcpListener", one.get("listener")) in keys, one

    def _check_files(self, config: Iterable[RouterEntity]) -> None:
        missing = {one.name for one in config if one.type == "sslProfile"} - self.credentials.keys()
        assert not missing, f"files of {missing} are missing"
        secured = {one.name for one in config if one.type == "proxyProfile" and one.get("password")}
        assert secured <= self.passwords.keys(), f"passwords of {secured} are missing"

    def _certificate(
        self, name: str, subject: str, hosts: frozenset[str], *, ca: str = "", signing: bool = False
    ) -> Credentials:
        self._serial += 1
        own = f"certificate-{self._serial}"
        return Credentials(
            name,
            subject,
            hosts,
            self.now,
            self.now + 5 * YEAR,
            f"content-{self._serial}",
            ca or own,
            own,
            signing,
        )


def provided(name: str, serial: str = "1", *, signing: bool = False, life: float = YEAR) -> Credentials:
    """Credentials of the user."""
    return Credentials(
        name,
        name,
        frozenset(),
        NOW,
        NOW + life,
        f"user-{name}-{serial}",
        "user-ca",
        f"user-crt-{name}-{serial}",
        signing,
    )


def token_documents(name: str) -> tuple[Resource, ...]:
    """What redeeming a token gives."""
    pems = {"ca.crt": b"a", "tls.crt": name.encode(), "tls.key": b"c"}
    endpoints = (Endpoint("inter-router", "far.example", "55671"), Endpoint("edge", "far.example", "45671"))
    return (Secret(Metadata(name), data=pems), Link(Metadata(name), LinkSpec(endpoints, name)))


def _secrets(resources: Iterable[Resource]) -> dict[str, Credentials]:
    return {
        one.name: provided(one.name, one.data["tls.crt"].decode())
        for one in resources
        if isinstance(one, Secret) and one.holds_credentials
    }


def _as_shown(one: RouterEntity) -> RouterEntity:
    """As management shows it: with attributes that the router fills in."""
    filled = {"identity": f"{one.type}/{one.name}", "operStatus": "up", "cost": one.get("cost") or 1}
    shown = {name: value for name, value in one.attributes.items() if name != "password"}
    return replace(one, attributes={**filled, **shown})
