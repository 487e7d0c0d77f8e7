"""A container engine by the Docker-compatible API on its socket, which Podman serves as well."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from skrouter.mgmt.platforms.containers.endpoint import Endpoint, remedy
from skrouter.mgmt.platforms.containers.images import Image
from skrouter.mgmt.platforms.containers.shapes import STOP_TIME, Container
from skrouter.mgmt.sites.platform import PlatformError

ANSWER_TIME = 60.0
"""Seconds for an answer: stopping a container takes ten of them if it does not listen."""

PULL_TIME = 900.0
LONGEST_ANSWER = 16 << 20

_GONE = http.client.NOT_FOUND
_ALREADY = http.client.NOT_MODIFIED
_OK = range(200, 300)


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Instead of TCP."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Engine:
    """One engine. Methods raise PlatformError with the engine's words, or the remedy if it is not there."""

    def __init__(self, endpoint: Endpoint, *, user_id: int) -> None:
        self.name = endpoint.engine
        self.endpoint = endpoint
        self._user_id = user_id
        self._version = ""

    @property
    def socket(self) -> Path:
        """The first that exists."""
        paths = [Path(one) for one in self.endpoint.sockets]
        found = next((one for one in paths if one.exists()), None)
        if found is None:
            raise self._unavailable(f"there is no socket {' or '.join(self.endpoint.sockets)}")
        return found

    # --- containers

    def inspect(self, name: str) -> dict[str, Any] | None:
        """The container; None if there is none of this name."""
        return self._object(f"/containers/{quote(name)}/json")

    def create(self, container: Container) -> None:
        """Make it; it does not run yet."""
        path = f"/containers/create?{urlencode({'name': container.name})}"
        self._must("POST", path, container.body)

    def start(self, name: str) -> None:
        """Run it; it may run already."""
        self._must("POST", f"/containers/{quote(name)}/start", accepted=(_ALREADY,))

    def restart(self, name: str) -> None:
        """End it and run it again."""
        self._must("POST", f"/containers/{quote(name)}/restart?t={STOP_TIME}")

    def remove(self, name: str) -> None:
        """End it and remove it; it may be gone."""
        stop, gone = f"/containers/{quote(name)}/stop?t={STOP_TIME}", (_GONE,)
        self._must("POST", stop, accepted=(*gone, _ALREADY))
        self._must("DELETE", f"/containers/{quote(name)}?force=true&v=true", accepted=gone)

    # --- images

    def provide(self, image: Image) -> None:
        """Have the image here, pulled if its policy says so."""
        present = self.image(image.name) is not None
        if image.policy == "Always" or (image.policy == "IfNotPresent" and not present):
            self._pull(image.name)
        elif not present:
            raise PlatformError(f"there is no image {image.name}, and its pull policy is Never")

    def image(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of an image; None if it has none of this name."""
        return self._object(f"/images/{quote(name)}/json")

    def _pull(self, name: str) -> None:
        query = urlencode({"fromImage": name})
        answer = self._must("POST", f"/images/create?{query}", timeout=PULL_TIME)
        for line in answer.splitlines():
            problem = _member(line, "error")
            if problem:
                raise PlatformError(f"cannot pull the image {name}: {problem}")
        if self.image(name) is None:
            raise PlatformError(f"cannot pull the image {name}: the engine does not say why")

    # --- the engine itself

    def is_rootless(self) -> bool:
        """Whether its root is an ordinary user outside."""
        found = json.loads(self._must("GET", "/info"))
        return any("rootless" in one for one in found.get("SecurityOptions") or ())

    # --- HTTP

    def _object(self, path: str) -> dict[str, Any] | None:
        status, text = self._request("GET", path)
        if status == _GONE:
            return None
        if status not in _OK:
            raise self._refused("GET", path, status, text)
        return dict(json.loads(text))

    def _must(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        accepted: tuple[int, ...] = (),
        timeout: float = ANSWER_TIME,
    ) -> str:
        status, text = self._request(method, path, body, timeout)
        if status not in _OK and status not in accepted:
            raise self._refused(method, path, status, text)
        return text

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, timeout: float = ANSWER_TIME
    ) -> tuple[int, str]:
        if not self._version:
            self._version = self._exchange("GET", "/_ping", None, timeout)[1]
        prefix = f"/v{self._version}" if self._version else ""
        status, _, text = self._exchange(method, prefix + path, body, timeout)
        return status, text

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout: float
    ) -> tuple[int, str, str]:
        """Status, version of the API and text of the answer."""
        connection = _Connection(self.socket, timeout)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read(LONGEST_ANSWER).decode("utf-8", "replace")
            return answer.status, answer.getheader("Api-Version") or "", text
        except (OSError, http.client.HTTPException) as error:
            raise self._unavailable(f"{self.socket}: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def _unavailable(self, reason: str) -> PlatformError:
        help_text = remedy(self.endpoint, user_id=self._user_id)
        return PlatformError(f'Platform "{self.name}" is not available: {reason}; {help_text}')

    def _refused(self, method: str, path: str, status: int, text: str) -> PlatformError:
        words = _member(text, "message") or text.strip()
        return PlatformError(f"{self.name}: {method} {path}: {status} {words}")


def _member(text: str, name: str) -> str:
    """A member of a JSON object as text; empty if there is none, or no object."""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return str(found.get(name) or "") if isinstance(found, dict) else ""
