"""Paths, content types and conditions of static files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.net.http.files import (
    FileFacts,
    content_type,
    etag,
    parts_of,
    respond,
    to_directory,
)
from skrouter.router.net.http.messages import Request

FACTS = FileFacts(1234, 1_600_000_000_900_000_000)
MODIFIED = "Sun, 13 Sep 2020 12:26:40 GMT"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/", ("index.html",)),
        ("/a", ("a",)),
        ("/a/", ("a", "index.html")),
        ("/a/b.css", ("a", "b.css")),
        ("/a%20b/%C3%A9", ("a b", "é")),
        ("/.well-known/x", (".well-known", "x")),
        ("/a..b", ("a..b",)),
    ],
)
def test_a_path_names_a_file_below_the_root(path: str, parts: tuple[str, ...]) -> None:
    assert parts_of(path) == parts


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "/..",
        "/../etc/passwd",
        "/a/../b",
        "/a/./b",
        "/%2e%2e/etc/passwd",
        "/..%2fetc%2fpasswd",
        "/a//b",
        "//etc/passwd",
        "/a%00b",
        "/%ff",
        "/.git/config",
        "/..data/x",
        "/.htaccess",
    ],
)
def test_a_path_that_leads_elsewhere_names_no_file(path: str) -> None:
    assert parts_of(path) is None


@given(st.text(alphabet="/.%2eEfF05cC\\a\0", max_size=20).map(lambda text: f"/{text}"))
def test_no_path_leads_up_or_to_hidden_files(path: str) -> None:
    for part in parts_of(path) or ():
        assert part
        assert part == ".well-known" or not part.startswith(".")
        assert "/" not in part
        assert "\0" not in part


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a.html.bz2", "application/octet-stream"),
        ("README", "application/octet-stream"),
        ("a.nothing", "application/octet-stream"),
    ],
)
def test_the_content_type_is_that_of_the_ending(name: str, expected: str) -> None:
    assert content_type(name) == expected


def test_a_file_is_told_with_its_validators() -> None:
    response = respond(Request("GET", "/a.txt"), "a.txt", FACTS)
    assert (response.status, response.length, response.body) == (200, 1234, b"")
    headers = dict(response.headers)
    assert headers["Last-Modified"] == MODIFIED
    assert headers["ETag"] == etag(FACTS)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": etag(FACTS)}, 304),
        ({"if-none-match": f'"x", W/{etag(FACTS)}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"x"', "if-modified-since": MODIFIED}, 200),
        ({"if-modified-since": MODIFIED}, 304),
        ({"if-modified-since": "Sun, 13 Sep 2020 12:26:41 GMT"}, 304),
        ({"if-modified-since": "Sun, 13 Sep 2020 12:26:39 GMT"}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Sun, 13 Sep 99999 12:26:39 GMT"}, 200),
        ({}, 200),
    ],
)
def test_who_has_the_file_is_not_sent_it_again(headers: dict[str, str], status: int) -> None:
    response = respond(Request("GET", "/a.txt", tuple(headers.items())), "a.txt", FACTS)
    assert response.status == status
    assert dict(response.headers)["ETag"] == etag(FACTS)


def test_the_tag_tells_size_and_time_apart() -> None:
    tags = {etag(FileFacts(size, time)) for size in (1, 2, 17) for time in (1, 2, 17)}
    assert len(tags) == 9


def test_a_directory_is_sent_on_to_on_this_host_only() -> None:
    response = to_directory(("evil.example", "a b"))
    assert dict(response.headers)["Location"] == "/evil.example/a%20b/"
