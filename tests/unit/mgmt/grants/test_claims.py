"""Each check has its place and its words; nothing but the code opens a grant."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.mgmt.grants.claims import MAX_CODE, Redemption, Request, Response, decide, uid_of
from skrouter.mgmt.sites.facts import Grant
from skrouter_testing.site_world import NOW

UID = "01234567-89ab-cdef-0123-456789abcdef"
GRANT = Grant(UID, "guests", "secret", 1, 0, "2027-01-15T09:00:00Z", "skupper-site-ca")
GOOD = Request("POST", f"/{UID}", "far", "east", b"secret")

FAULTS = (
    (405, "Only POST is supported"),
    (400, "Request body not valid"),
    (404, "No such claim"),
    (500, "Corrupted claim"),
    (404, "No such claim"),
    (404, "No such access granted"),
    (403, "Redemption of access token refused"),
    (400, "Request header name not valid"),
)
"""Every fault in the order of the checks."""


def faulty(*faults: bool) -> tuple[Request, Grant | None]:
    method, body, unknown, corrupted, expired, used, code, name = faults
    request = Request(
        "GET" if method else "POST",
        f"/{UID}",
        "../x" if name else "far",
        "east",
        None if body else b"wrong" if code else b"secret",
    )
    grant = replace(GRANT, redemptions=1) if used else GRANT
    if expired:
        grant = replace(grant, expiration="2027-01-15T07:59:59Z")
    if corrupted:
        grant = replace(grant, expiration="tomorrow")
    return request, None if unknown else grant


@pytest.mark.parametrize("faults", list(product((False, True), repeat=len(FAULTS))))
def test_first_fault_in_the_order_of_the_checks_is_told(faults: tuple[bool, ...]) -> None:
    decision = decide(*faulty(*faults), NOW)
    if not any(faults):
        assert decision == Redemption(GRANT, "far", "east")
    else:
        assert isinstance(decision, Response)
        assert (decision.status.value, decision.body) == FAULTS[faults.index(True)]


@given(st.binary(max_size=40))
def test_no_other_octets_than_the_code_open_a_grant(body: bytes) -> None:
    decision = decide(replace(GOOD, body=body), GRANT, NOW)
    assert isinstance(decision, Redemption) is (body == b"secret")


def test_grant_without_a_code_is_opened_by_nothing() -> None:
    decision = decide(replace(GOOD, body=b""), replace(GRANT, code=""), NOW)
    assert isinstance(decision, Response) and decision.status == 403


def test_missing_headers_are_replaced_by_the_names_of_the_grant_and_the_link() -> None:
    assert decide(replace(GOOD, name="", subject=""), GRANT, NOW) == Redemption(GRANT, "guests", "guests")
    assert decide(replace(GOOD, subject=""), GRANT, NOW) == Redemption(GRANT, "far", "far")


@pytest.mark.parametrize("subject", ["x" * 65, "a\nb", "\x00"])
def test_subject_that_fits_no_certificate_is_refused(subject: str) -> None:
    decision = decide(replace(GOOD, subject=subject), GRANT, NOW)
    assert isinstance(decision, Response)
    assert (decision.status, decision.body) == (400, "Request header subject not valid")


def test_body_longer_than_any_code_is_refused() -> None:
    decision = decide(replace(GOOD, body=b"x" * (MAX_CODE + 1)), GRANT, NOW)
    assert isinstance(decision, Response) and decision.body == "Request body not valid"


@pytest.mark.parametrize(
    ("path", "uid"),
    [
        (f"/{UID}", UID),
        (UID, UID),
        (f"//{UID}/", UID),
        (f"/{UID}?x=y", UID),
        ("/", ""),
        ("/../../etc/passwd", ""),
        (f"/{UID.upper()}", ""),
        (f"/{UID}x", ""),
        (f"/{UID}\n", ""),
    ],
)
def test_path_names_an_identity_or_nothing(path: str, uid: str) -> None:
    assert uid_of(path) == uid


def test_code_and_answer_are_in_no_text_of_an_object() -> None:
    assert "secret" not in repr(GOOD) + repr(GRANT) + repr(decide(GOOD, GRANT, NOW))
