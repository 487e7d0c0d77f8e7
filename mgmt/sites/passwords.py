"""Files with the passwords of proxies: which to write, and which nobody names any more."""

from __future__ import annotations

from collections.abc import Iterator

from skrouter.mgmt.sites.changes import Change, RemoveCredentials, StorePassword
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.parts import Parts
from skrouter.mgmt.sites.platform import content_digest


def plan(parts: Parts, observed: Observed) -> Iterator[Change]:
    """A changed password is read by the router when it connects next. Files that it may read are left."""
    for name, password in sorted(parts.passwords.items()):
        if observed.passwords.get(name) != content_digest(password.encode()):
            yield StorePassword(name, password)
    known = (*(observed.running or ()), *observed.config)
    named = {one.name for one in known if one.type == "proxyProfile"}
    if observed.running is not None or not observed.started:
        for name in sorted(observed.passwords.keys() - parts.passwords.keys() - named):
            yield RemoveCredentials(name)
