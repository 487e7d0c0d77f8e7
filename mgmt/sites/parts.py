"""What kinds add to a site: lists that each kind's module fills. What becomes of them: reconcile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skrouter.config.resources.common import Endpoint, Resource
from skrouter.config.resources.core import Secret
from skrouter.config.resources.site import Site
from skrouter.mgmt.sites.certificates import Wanted
from skrouter.mgmt.sites.entities import RouterEntity
from skrouter.mgmt.sites.facts import Observed, Setting

Key = tuple[str, str]

_NAMELESS = ("router", "address", "log")


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind may look at."""

    site: Site
    setting: Setting
    observed: Observed
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def is_edge(self) -> bool:
        """Whether the site's router is an edge router."""
        return bool(self.site.spec.edge)

    @property
    def site_id(self) -> str:
        """The site's identity."""
        return self.observed.identity.site_id

    @property
    def default_issuer(self) -> str:
        """The CA that signs link credentials."""
        return self.site.spec.default_issuer or "skupper-site-ca"


@dataclass(frozen=True, slots=True)
class Part:
    """An entity of a resource; it waits until `profile`, if it has one, can be used."""

    entity: RouterEntity
    owner: Key
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """An sslProfile; the CA alone for who only trusts."""

    name: str
    only_ca: bool = False


@dataclass(slots=True)
class Parts:
    """Everything that the resources of a site ask for; `passwords` are those of proxies, by proxyProfile."""

    entities: list[Part] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    certificates: Wanted = field(default_factory=Wanted)
    endpoints: dict[Key, tuple[Endpoint, ...]] = field(default_factory=dict)
    errors: dict[Key, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, owner: Resource, entity: RouterEntity, profile: Profile | None = None) -> None:
        """An entity that belongs to the resource, with the sslProfile it uses."""
        name = "" if profile is None else profile.name
        if profile is not None:
            known = self.profiles.get(name)
            only_ca = profile.only_ca and (known is None or known.only_ca)
            self.profiles[name] = Profile(name, only_ca)
        self.entities.append(Part(entity, owner.key, name))

    def refuse_clashes(self) -> None:
        """Names of entities are unique over all types: who comes later with a name cannot be configured."""
        owners: dict[str, tuple[str, Key]] = {}
        late: set[Key] = set()
        for part in self.entities:
            if part.entity.type in _NAMELESS:
                continue
            for kind, name in (part.entity.key, ("sslProfile", part.profile)):
                first, owner = owners.setdefault(name, (kind, part.owner))
                if name and first != kind:
                    text = (
                        f'the name "{name}" is used by the {first} of {owner[0]}/{owner[1]}; choose another'
                    )
                    self.errors.setdefault(part.owner, text)
                    late.add(part.owner)
        self.entities = [part for part in self.entities if part.owner not in late]
        used = {part.profile for part in self.entities}
        self.profiles = {name: one for name, one in self.profiles.items() if name in used}

    def refuse(self, resource: Resource, text: str) -> None:
        """The resource cannot be used."""
        self.errors.setdefault(resource.key, text)
