"""A use of a grant is spent on success only; failures are counted by address; no secret is ever logged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from skrouter.mgmt.grants.claims import Request
from skrouter.mgmt.grants.redeem import FAILURES, Redeemer
from skrouter.mgmt.sites.facts import Grant
from skrouter.mgmt.sites.grants import GrantError
from skrouter_testing.site_world import NOW

UID = "01234567-89ab-cdef-0123-456789abcdef"
GOOD = Request("POST", f"/{UID}", "far", "east", b"secret")
GRANT = Grant(UID, "guests", "secret", 2, 0, "2027-01-15T09:00:00Z", "ca")
WRONG = replace(GOOD, body=b"guess")


@dataclass
class Grants:
    """One grant; `trouble` is raised when documents are asked for, `broken` when something is kept."""

    grant: Grant = GRANT
    trouble: Exception | None = None
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def find(self, uid: str) -> Grant | None:
        self.asked.append(uid)
        return self.grant if uid == self.grant.uid else None

    def answer(self, grant: Grant, name: str, subject: str) -> str:
        if self.trouble is not None:
            raise self.trouble
        return f"key of {name} for {subject} by {grant.name}"

    def spend(self, grant: Grant) -> bool:
        if self.broken:
            raise OSError("no space left on device")
        assert grant.uid == self.grant.uid
        if self.grant.redemptions >= self.grant.allowed:
            return False
        self.grant = replace(self.grant, redemptions=self.grant.redemptions + 1)
        return True


class Desk:
    """A redeemer with a clock that stands still."""

    def __init__(self, grants: Grants) -> None:
        self.log: list[str] = []
        self.clock = 5.0
        self._redeem = Redeemer(
            grants, lambda _, text: self.log.append(text), now=lambda: NOW, clock=lambda: self.clock
        )

    def __call__(self, request: Request, address: str = "192.0.2.1") -> tuple[int, str]:
        found = self._redeem(request, address)
        return found.status.value, found.body


def test_grant_is_redeemed_as_often_as_it_allows() -> None:
    desk = Desk(Grants())
    assert [desk(GOOD)[0] for _ in range(3)] == [200, 200, 404]
    assert desk(GOOD) == (404, "No such access granted")


def test_use_is_not_spent_if_no_link_can_be_made() -> None:
    grants = Grants(trouble=GrantError("No valid endpoints found for site"))
    desk = Desk(grants)
    assert desk(GOOD) == (500, "No valid endpoints found for site")
    grants.trouble = None
    assert grants.grant.redemptions == 0 and desk(GOOD) == (200, "key of far for east by guests")


def test_no_key_leaves_before_its_use_is_kept() -> None:
    desk = Desk(Grants(broken=True))
    assert desk(GOOD) == (503, "Internal error")


def test_address_that_guesses_waits_and_others_do_not() -> None:
    desk = Desk(Grants())
    assert [desk(WRONG)[0] for _ in range(FAILURES + 1)] == [403] * FAILURES + [429]
    assert desk(GOOD)[0] == 429
    assert desk(GOOD, "192.0.2.2")[0] == 200
    desk.clock += 10
    assert desk(GOOD)[0] == 200


def test_unknown_identities_count_as_guesses_and_those_of_no_form_are_not_looked_for() -> None:
    grants = Grants()
    desk = Desk(grants)
    for _ in range(FAILURES):
        assert desk(replace(GOOD, path="/../secret")) == (404, "No such claim")
    assert desk(GOOD)[0] == 429 and grants.asked == []


def test_log_tells_who_had_what_and_holds_no_code_and_no_key() -> None:
    desk = Desk(Grants())
    desk(GOOD)
    desk(WRONG)
    assert desk.log == [
        "grant guests: 192.0.2.1 has a link as east",
        "grant guests: 192.0.2.1 was refused with 403 Redemption of access token refused",
    ]
