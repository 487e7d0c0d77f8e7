"""The engine is spoken to in the words of its API, and its refusals are told in its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.mgmt.platforms.containers.endpoint import Endpoint
from skrouter.mgmt.platforms.containers.engine import Engine
from skrouter.mgmt.platforms.containers.images import Image
from skrouter.mgmt.platforms.containers.shapes import RunAs, router
from skrouter.mgmt.sites.platform import PlatformError
from skrouter_testing.container_engine import FakeEngine, serve_engine


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with serve_engine(tmp_path / "engine.sock") as found:
        yield found


def engine(path: Path) -> Engine:
    return Engine(Endpoint("podman", (str(path),), "CONTAINER_ENDPOINT"), user_id=7)


def test_container_lives_from_creation_to_removal(fake: FakeEngine) -> None:
    one = engine(fake.socket)
    fake.images.add("r:1")
    made = router("west", "site-1", Image("r:1"), "/d", RunAs(7, 7))
    assert one.inspect(made.name) is None
    one.create(made)
    one.start(made.name)
    one.start(made.name)  # it runs already: no error
    assert fake.state(made.name) == "running" and fake.bodies[made.name] == made.body
    one.restart(made.name)
    one.remove(made.name)
    assert one.inspect(made.name) is None
    one.remove(made.name)  # it is gone: no error


def test_version_of_the_api_is_the_engines(fake: FakeEngine) -> None:
    engine(fake.socket).inspect("west")
    assert fake.requests == ["GET /_ping", "GET /v1.41/containers/west/json"]


@pytest.mark.parametrize(
    ("policy", "present", "pulls"),
    [
        ("IfNotPresent", True, 0),
        ("IfNotPresent", False, 1),
        ("Always", True, 1),
        ("Always", False, 1),
        ("Never", True, 0),
    ],
)
def test_image_is_pulled_as_its_policy_says(fake: FakeEngine, policy: str, present: bool, pulls: int) -> None:
    fake.registry.add("a/b:1")
    fake.images |= {"a/b:1"} if present else set()
    engine(fake.socket).provide(Image("a/b:1", policy))
    assert len([one for one in fake.requests if one.endswith("/images/create")]) == pulls
    assert "a/b:1" in fake.images


def test_image_that_cannot_be_had_is_told_with_the_reason(fake: FakeEngine) -> None:
    with pytest.raises(PlatformError, match=r"cannot pull the image a/b:1: no such image a/b:1 in"):
        engine(fake.socket).provide(Image("a/b:1"))
    with pytest.raises(PlatformError, match="there is no image a/b:1, and its pull policy is Never"):
        engine(fake.socket).provide(Image("a/b:1", "Never"))


def test_refusal_is_told_in_the_words_of_the_engine(fake: FakeEngine) -> None:
    fake.images.add("r:1")
    made = router("west", "site-1", Image("r:1"), "/d", RunAs(7, 7))
    engine(fake.socket).create(made)
    with pytest.raises(PlatformError, match=r"podman: POST .*: 409 the name west-skupper-router is in use"):
        engine(fake.socket).create(made)
    fake.failure = (500, "no json object")
    with pytest.raises(PlatformError, match="500"):
        engine(fake.socket).start(made.name)


def test_15_4_absent_socket_is_told_with_the_command_that_opens_it(tmp_path: Path) -> None:
    absent = Engine(Endpoint("podman", (str(tmp_path / "none.sock"),)), user_id=7)
    with pytest.raises(PlatformError) as caught:
        absent.inspect("west")
    assert str(caught.value) == (
        f'Platform "podman" is not available: there is no socket {tmp_path}/none.sock; start it with '
        "`systemctl --user enable --now podman.socket`, or have CONTAINER_ENDPOINT name the socket"
    )


def test_socket_that_nobody_serves_is_told_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(PlatformError, match=r"left\.sock: .*Connection refused; start it with"):
        engine(path).inspect("west")


def test_answer_that_is_no_http_is_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.sock"
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(str(path))
        odd.listen()

        def talk() -> None:
            found, _ = odd.accept()
            with found:
                found.recv(65536)
                found.sendall(b"hello\r\n\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(PlatformError, match="is not available"):
            engine(path).inspect("west")
        thread.join()


@pytest.mark.parametrize(("options", "expected"), [((), False), (("name=seccomp", "name=rootless"), True)])
def test_engine_of_a_user_is_known_by_what_it_says(
    fake: FakeEngine, options: tuple[str, ...], expected: bool
) -> None:
    fake.security = options
    assert engine(fake.socket).is_rootless() is expected
