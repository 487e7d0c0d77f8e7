"""When Cyrus is needed, and how it is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from skrouter.amqp.cyrus import CyrusError
from skrouter.router.net.authentication import Authenticator
from skrouter.router.net.errors import NetworkConfigurationError


class Served:
    """A Cyrus that serves these mechanisms."""

    def __init__(self, *mechanisms: str) -> None:
        self._mechanisms = mechanisms

    def server_mechanisms(self) -> tuple[str, ...]:
        return self._mechanisms


def authenticator(monkeypatch: pytest.MonkeyPatch, cyrus: Callable[[], Any]) -> Authenticator:
    loop: Any = None  # only asking needs it
    result = Authenticator(loop, "name", None)
    monkeypatch.setattr(result, "cyrus", cyrus)
    return result


def missing() -> None:
    raise CyrusError("libsasl2 is missing")


@pytest.mark.parametrize("configured", ["ANONYMOUS", "EXTERNAL", "EXTERNAL ANONYMOUS"])
def test_own_mechanisms_do_not_load_cyrus(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    assert authenticator(monkeypatch, missing).mechanisms(configured) == tuple(configured.split())


def test_configured_mechanisms_keep_their_order_and_must_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    found = authenticator(monkeypatch, lambda: Served("PLAIN", "SCRAM-SHA-256"))
    assert found.mechanisms("SCRAM-SHA-256 GSSAPI EXTERNAL PLAIN") == ("SCRAM-SHA-256", "EXTERNAL", "PLAIN")


def test_unconfigured_is_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = authenticator(monkeypatch, lambda: Served("ANONYMOUS", "PLAIN"))
    assert found.mechanisms(None) == ("EXTERNAL", "ANONYMOUS", "PLAIN")


def test_without_cyrus_unconfigured_is_what_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert authenticator(monkeypatch, missing).mechanisms(None) == ("EXTERNAL", "ANONYMOUS")


def test_a_configured_mechanism_without_cyrus_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NetworkConfigurationError, match="saslMechanisms 'PLAIN': libsasl2 is missing"):
        authenticator(monkeypatch, missing).mechanisms("PLAIN")


def test_a_listener_that_could_offer_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NetworkConfigurationError, match="none of them, only EXTERNAL ANONYMOUS PLAIN"):
        authenticator(monkeypatch, lambda: Served("PLAIN")).mechanisms("GSSAPI NTLM")


def test_work_is_done_on_a_thread_and_answered_on_the_loop() -> None:
    async def scenario() -> list[object]:
        loop = asyncio.get_running_loop()
        asked, answers = Authenticator(loop, "name", None), []
        finished = asyncio.Event()

        def done(answer: object, error: BaseException | None) -> None:
            answers.append((answer, str(error) if error else None, threading.current_thread().name))
            if len(answers) == 2:
                finished.set()

        asked.ask(lambda: threading.current_thread().name[:4], done)
        asked.ask(missing, done)
        await asyncio.wait_for(finished.wait(), 10)
        asked.close()
        return answers

    main = threading.current_thread().name
    assert asyncio.run(scenario()) == [("sasl", None, main), (None, "libsasl2 is missing", main)]
