"""Where SASL asks Cyrus: loaded when a mechanism needs it, and asked on a thread, because it may block."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from skrouter.amqp.sasl.mechanisms import anonymous, external
from skrouter.router.net.errors import NetworkConfigurationError

if TYPE_CHECKING:
    from skrouter.amqp.cyrus import Cyrus

Answer = TypeVar("Answer")

OWN_MECHANISMS: Final = (external.NAME, anonymous.NAME)
"""Those that need no Cyrus."""


class Authenticator:
    """Cyrus of this process, and the one thread that calls it: libsasl2 is used without locks of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, config_name: str, config_dir: str | None) -> None:
        self._loop = loop
        self._config = (config_name, config_dir)
        self._cyrus: Cyrus | None = None
        self._executor: ThreadPoolExecutor | None = None

    def mechanisms(self, configured: str | None) -> tuple[str, ...]:
        """What a listener offers, in its order; without configuration everything that this installation has.

        NetworkConfigurationError if a mechanism that Cyrus must serve is named, but there is no Cyrus, or if
        none of the named ones is there.
        """
        wanted = tuple(configured.split()) if configured else ()
        if wanted and all(mechanism in OWN_MECHANISMS for mechanism in wanted):
            return wanted
        from skrouter.amqp.cyrus import CyrusError  # noqa: PLC0415  (ctypes and libsasl2 only where they are needed)

        try:
            served = self.cyrus().server_mechanisms()
        except CyrusError as error:
            if wanted:
                raise NetworkConfigurationError(f"saslMechanisms '{configured}': {error}") from error
            return OWN_MECHANISMS
        if not wanted:
            return (*dict.fromkeys((external.NAME, *served, anonymous.NAME)),)
        available = (*OWN_MECHANISMS, *served)
        if not any(mechanism in available for mechanism in wanted):
            allowed = " ".join(dict.fromkeys(available))
            raise NetworkConfigurationError(
                f"saslMechanisms '{configured}': this installation has none of them, only {allowed}"
            )
        return tuple(mechanism for mechanism in wanted if mechanism in available)

    def cyrus(self) -> Cyrus:
        """libsasl2, loaded by the first call; CyrusError if it cannot be."""
        if self._cyrus is None:
            from skrouter.amqp.cyrus import Cyrus  # noqa: PLC0415  (as above)

            self._cyrus = Cyrus(*self._config)
        return self._cyrus

    def ask(
        self, work: Callable[[], Answer], done: Callable[[Answer | None, BaseException | None], None]
    ) -> None:
        """Run `work` on the thread, then `done(answer, None)` or `done(None, error)` on the loop."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="sasl")
        future = self._loop.run_in_executor(self._executor, work)
        future.add_done_callback(functools.partial(_report, done))

    def close(self) -> None:
        """Give up what has not begun; what runs finishes unheard."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


def _report(
    done: Callable[[Answer | None, BaseException | None], None], future: asyncio.Future[Answer]
) -> None:
    if future.cancelled():
        return
    error = future.exception()
    done(None if error else future.result(), error)
