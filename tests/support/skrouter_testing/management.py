"""Management exchanges of a real router, and the facts behind its answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skrouter.amqp.message import Message, decode_message
from skrouter.mgmt.agent.naming import short_name
from skrouter.mgmt.agent.request import bare
from skrouter.mgmt.agent.settings import facts_from

from skrouter_testing.fake_router import KINDS, FakeRouter

EXCHANGES = Path(__file__).parents[2] / "data" / "management" / "exchanges.txt"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the reference's answer, None where none came."""

    number: int
    title: str
    request: bytes
    response: bytes | None

    @property
    def asked(self) -> Message:
        """The request, decoded."""
        return decode_message(self.request)

    @property
    def answer(self) -> Message:
        """The answer, decoded; there must be one."""
        assert self.response is not None, f"exchange {self.number} had no answer"
        return decode_message(self.response)


def exchanges() -> dict[int, Exchange]:
    """All recorded exchanges by number."""
    lines = EXCHANGES.read_text(encoding="utf-8").splitlines()[2:]
    found = {}
    for title, request, response in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        number = int(title.removeprefix("# ").split(".")[0])
        answer = None if response == "-" else bytes.fromhex(response)
        found[number] = Exchange(number, title, bytes.fromhex(request), answer)
    return found


def rows_of(message: Message) -> list[dict[str, Any]]:
    """The rows of a QUERY's answer as maps."""
    body: Any = message.body
    return [dict(zip(body["attributeNames"], row, strict=True)) for row in body["results"]]


def facts_of(entity_type: str, row: dict[str, Any]) -> Any:
    """The facts behind one row."""
    values: Any = bare(row)
    default_name = f"{entity_type}/"
    if str(values.get("name", "")).startswith(default_name):
        values["name"] = None
    numbered = ("connection", "router.link", "router.config.address", "router.config.autoLink")
    if entity_type in numbered:
        values["identity"] = int(values["identity"])
    if entity_type == "router.link":
        values["connectionId"] = int(values["connectionId"])
    if entity_type == "routerMetrics":
        values["version"] = values[""]  # where the reference has it
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return facts_from(KINDS[entity_type], values)


def router_of(*answers: Exchange) -> FakeRouter:
    """A router with the facts that these answers to QUERY show."""
    router = FakeRouter()
    for answer in answers:
        entity_type = short_name(str((answer.asked.application_properties or {})["entityType"]))
        router.rows[entity_type] = [facts_of(entity_type, row) for row in rows_of(answer.answer)]
    return router
