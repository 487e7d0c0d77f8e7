"""A client on rhea, a JavaScript library: an implementation of AMQP that shares nothing with proton."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from skrouter_testing.amqp_client import PATIENCE, ClientError, Outcome
from skrouter_testing.portable import LinkRefusedError, Long, Mail, normal


class RheaClient:
    """One connection in a process of its own. `modules`: a directory in which `rhea` is installed."""

    def __init__(self, port: int, driver: Path, modules: Path, **options: Any) -> None:
        self._port = port
        self._options = options
        self._process = subprocess.Popen(
            ["node", str(driver)],
            cwd=modules,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.changed = threading.Condition()
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._links: dict[str, RheaSender | RheaReceiver] = {}
        self.trouble: dict[str, str] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> RheaClient:
        answer = self.ask("connect", port=self._port, options=self._options)
        if (trouble := answer.get("trouble")) is not None:
            self._end()
            raise ClientError(f"no connection: {trouble}")
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.poll() is None and self.trouble is None:
            self.ask("close")
        self._end()

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()

    # --- the driver

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news = json.loads(line)
            with self.changed:
                self._take(news)
                self.changed.notify_all()

    def _take(self, news: dict[str, Any]) -> None:
        if "id" in news:
            self._answers[news["id"]] = news
        elif news["event"] in {"closed", "disconnected", "error"}:
            self.trouble = news.get("trouble") or {"condition": "", "description": news.get("text", "")}
        elif (link := self._links.get(news["name"])) is not None:
            link.news(news)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        number = next(self._ids)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "op": op, **fields}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = self.wait(lambda: self._answers.pop(number, None), f"an answer to {op}")
        return answer

    def wait(self, ready: Any, what: str) -> Any:
        """Until it is there."""
        with self.changed:
            found: list[Any] = []

            def look() -> Any:
                found[:] = [ready()]
                return found[0]

            if not self.changed.wait_for(look, PATIENCE):
                raise ClientError(f"waited {PATIENCE:.0f} s for {what}; {self.trouble}")
            return found[0]

    # --- links

    def sender(
        self,
        address: str | None,
        *,
        dynamic: bool = False,
        capabilities: tuple[str, ...] = (),
        settled: bool = False,
    ) -> RheaSender:
        """Attach a sender."""
        link = RheaSender(self, f"sender-{len(self._links)}")
        self._attach(
            link,
            "sender",
            address=address,
            dynamic=dynamic or None,
            capabilities=list(capabilities) or None,
            settled=settled,
        )
        return link

    def receiver(self, address: str | None, *, dynamic: bool = False, credit: int = 100) -> RheaReceiver:
        """Attach a receiver."""
        link = RheaReceiver(self, f"receiver-{len(self._links)}")
        self._attach(link, "receiver", address=address, dynamic=dynamic or None, credit=credit)
        return link

    def _attach(self, link: RheaSender | RheaReceiver, op: str, **fields: Any) -> None:
        self._links[link.name] = link
        answer = self.ask(op, name=link.name, **fields)
        if (trouble := answer.get("trouble")) is not None:
            raise LinkRefusedError(trouble["condition"], trouble["description"])
        link.address = answer.get("address")

    def kill(self) -> None:
        """End without a word."""
        self.ask("kill")
        self.trouble = {"condition": "", "description": "killed by the test"}


class RheaSent:
    """A delivery on its way."""

    def __init__(self, client: RheaClient) -> None:
        self._client = client
        self.state: Outcome | None = None
        self.settled = False

    def outcome(self) -> Outcome:
        """How it ended."""
        self._client.wait(lambda: self.settled, "an outcome")
        return self.state or Outcome("settled")

    def news(self, news: dict[str, Any]) -> None:
        """What the driver tells."""
        if news["event"] == "settled":
            self.settled = True
            return
        error = news.get("error") or {}
        self.state = Outcome(
            news["state"],
            error.get("condition", ""),
            error.get("description", ""),
            news.get("failed", False),
            news.get("undeliverable", False),
            news.get("annotations") or {},
        )


class RheaSender:
    """A sending link."""

    def __init__(self, client: RheaClient, name: str) -> None:
        self._client = client
        self.name = name
        self.address: str | None = None
        self._has_credit = False
        self._sent: dict[int, RheaSent] = {}

    def news(self, news: dict[str, Any]) -> None:
        """What the driver tells."""
        if news["event"] == "credit":
            self._has_credit = news["credit"] > 0
        elif "number" in news:
            self._sent.setdefault(news["number"], RheaSent(self._client)).news(news)

    def wait_credit(self) -> None:
        """Until there is some."""
        self._has_credit = False  # before we ask: what comes later than the answer must not be forgotten
        if self.credit == 0:
            self._client.wait(lambda: self._has_credit, "credit")

    @property
    def credit(self) -> int:
        """Messages that the router takes now."""
        return int(self._client.ask("state", name=self.name)["credit"])

    def send(self, mail: Mail, *, settled: bool = False) -> RheaSent:
        """Send a whole message."""
        number = self._client.ask("send", name=self.name, message=_to_rhea(mail), settled=settled)["number"]
        with self._client.changed:
            sent = self._sent.setdefault(number, RheaSent(self._client))
            sent.settled = sent.settled or settled
        return sent

    def close(self) -> None:
        """Detach."""
        self._client.ask("detach", name=self.name)


class RheaArrival:
    """A delivery that came."""

    def __init__(self, receiver: RheaReceiver, news: dict[str, Any]) -> None:
        self._receiver = receiver
        self._number = news["number"]
        self._message = news["message"]
        self.settled = news["settled"]

    @property
    def mail(self) -> Mail:
        """The message."""
        fields = dict(self._message)
        body = fields.pop("body")
        return Mail(body, normal(fields))

    def settle(self, outcome: Outcome | str) -> None:
        """End it."""
        wanted = Outcome(outcome) if isinstance(outcome, str) else outcome
        fields: dict[str, Any] = {}
        if wanted.state == "rejected":
            fields = {"condition": wanted.condition, "description": wanted.description}
        elif wanted.state == "modified":
            fields = {
                "delivery_failed": wanted.failed,
                "undeliverable_here": wanted.undeliverable,
                "message_annotations": dict(wanted.annotations) or None,
            }
        self._receiver.settle(self._number, wanted.state, fields)


class RheaReceiver:
    """A receiving link."""

    def __init__(self, client: RheaClient, name: str) -> None:
        self._client = client
        self.name = name
        self.address: str | None = None
        self._arrivals: list[RheaArrival] = []
        self._taken = 0
        self._drained = False

    def news(self, news: dict[str, Any]) -> None:
        """What the driver tells."""
        if news["event"] == "message":
            self._arrivals.append(RheaArrival(self, news))
        elif news["event"] == "drained":
            self._drained = True

    def settle(self, number: int, state: str, fields: dict[str, Any]) -> None:
        """End a delivery."""
        self._client.ask("settle", name=self.name, number=number, state=state, fields=fields)

    def flow(self, credit: int) -> None:
        """Take more."""
        self._client.ask("credit", name=self.name, credit=credit)

    def drain(self) -> None:
        """Until the router says that this was all."""
        self._drained = False
        self._client.ask("drain", name=self.name)
        self._client.wait(lambda: self._drained, "the drain to end")

    def take(self, count: int = 1) -> list[RheaArrival]:
        """The next messages."""
        wanted = self._taken + count
        there = self._arrivals
        self._client.wait(
            lambda: len(there) >= wanted, f"{count} messages ({len(there) - self._taken} there)"
        )
        self._taken = wanted
        return there[wanted - count : wanted]

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken."""
        return len(self._arrivals) - self._taken

    def close(self) -> None:
        """Detach."""
        self._client.ask("detach", name=self.name)


def _to_rhea(mail: Mail) -> dict[str, Any]:
    message = dict(mail.fields)
    if isinstance(mail.body, Long):
        return {**message, "repeat": [mail.body.text, mail.body.times]}
    return {**message, "body": mail.body}
