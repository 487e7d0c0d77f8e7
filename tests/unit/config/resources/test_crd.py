"""The CRDs in the tree are those of the kinds, and of the form that Kubernetes takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from skrouter.config.resources.catalog import CUSTOM
from skrouter.config.resources.crd import definition, files
from skrouter_testing.source_tree import ROOT

DIRECTORY = ROOT / "config" / "crd"
SHORT_NAMES = {
    "Site": ["st"],
    "Link": ["ln"],
    "Listener": ["lnr"],
    "Connector": ["cnr"],
    "MultiKeyListener": [],
    "AttachedConnector": ["acnr"],
    "AttachedConnectorBinding": ["acnrb"],
    "AccessGrant": ["grant", "gr"],
    "AccessToken": ["token", "to"],
    "RouterAccess": [],
    "SecuredAccess": [],
    "Certificate": [],
    "NetworkObserver": [],
}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for inner in (
        *schema.get("properties", {}).values(),
        schema.get("items"),
        schema.get("additionalProperties"),
    ):
        if inner is not None:
            yield from nodes(inner)


def test_files_in_the_tree_are_current() -> None:
    found = {file.name: file.read_text(encoding="utf-8") for file in DIRECTORY.glob("*.yaml")}
    assert found == files(), "run `make crds`"


@pytest.mark.parametrize("name", sorted(CUSTOM))
def test_schema_is_structural(name: str) -> None:
    (version,) = definition(CUSTOM[name].KIND)["spec"]["versions"]
    for node in nodes(version["schema"]["openAPIV3Schema"]):
        assert node["type"] in ("object", "array", "string", "integer", "boolean")


@pytest.mark.parametrize("name", sorted(CUSTOM))
def test_short_names_are_those_that_people_know(name: str) -> None:
    assert definition(CUSTOM[name].KIND)["spec"]["names"]["shortNames"] == SHORT_NAMES[name]


@pytest.mark.parametrize("name", sorted(CUSTOM))
def test_columns_show_fields_that_exist(name: str) -> None:
    (version,) = definition(CUSTOM[name].KIND)["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        node = version["schema"]["openAPIV3Schema"]
        for part in column["jsonPath"].strip(".").split("."):
            node = node["properties"][part]
        assert node["type"] == column["type"]


def test_connector_takes_one_of_host_and_selector() -> None:
    (version,) = definition(CUSTOM["Connector"].KIND)["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert spec["oneOf"] == [{"required": ["selector"]}, {"required": ["host"]}]
    assert spec["required"] == ["routingKey", "port"]
