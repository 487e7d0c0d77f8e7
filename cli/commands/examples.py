"""Examples of every command, which its help, its man page and the reference show."""

from __future__ import annotations

import click

EXAMPLES: dict[str, tuple[str, ...]] = {
    "site create": (
        "skupper site create my-site",
        "skupper site create my-site --enable-link-access -n second",
    ),
    "site update": (
        "skupper site update --enable-link-access",
        "skupper site update my-site --no-enable-link-access",
    ),
    "site status": ("skupper site status", "skupper site status -o yaml"),
    "site delete": ("skupper site delete my-site", "skupper site delete --all"),
    "site generate": ("skupper site generate my-site --enable-link-access > site.yaml",),
    "site reload": ("skupper site reload",),
    "token issue": (
        "skupper token issue ~/west.yaml",
        "skupper token issue ~/west.yaml --redemptions-allowed 3 --expiration-window 60m",
        "skupper token issue ~/west.yaml --host west.example.com --cost 5",
    ),
    "token redeem": ("skupper token redeem ~/west.yaml",),
    "listener create": (
        "skupper listener create database 5432",
        "skupper listener create database 5432 --routing-key db-a --host 127.0.0.1",
    ),
    "listener update": ("skupper listener update database --port 15432",),
    "listener status": ("skupper listener status", "skupper listener status database"),
    "listener delete": ("skupper listener delete database",),
    "listener generate": ("skupper listener generate database 5432 -o json",),
    "link generate": ("skupper link generate > link.yaml", "skupper link generate --host 192.0.2.10"),
    "link status": ("skupper link status", "skupper link status link-west"),
    "link update": ("skupper link update link-west --cost 10",),
    "link delete": ("skupper link delete link-west",),
    "connector create": (
        "skupper connector create database 5432",
        "skupper connector create database 5432 --host db.example.com --routing-key db-a",
    ),
    "connector update": ("skupper connector update database --host db2.example.com",),
    "connector status": ("skupper connector status", "skupper connector status database -o yaml"),
    "connector delete": ("skupper connector delete database",),
    "connector generate": ("skupper connector generate database 5432 > connector.yaml",),
    "status": ("skupper status", "skupper status --watch 5", "skupper status -o json"),
    "version": ("skupper version", "skupper version -o yaml"),
    "debug explain": ("skupper debug explain listener database",),
    "debug check": ("skupper debug check",),
    "debug dump": ("skupper debug dump", "skupper debug dump ~/for-support"),
    "system start": ("skupper system start", "skupper system start -n second"),
    "system reload": ("skupper system reload",),
    "system stop": ("skupper system stop",),
    "system setup": ("skupper system setup --path ./my-site", "skupper system setup --force"),
    "system teardown": ("skupper system teardown",),
    "system apply": (
        "skupper system apply -f link.yaml",
        "skupper link generate | skupper system apply -f -",
    ),
    "system delete": ("skupper system delete -f link.yaml",),
    "system generate-bundle": (
        "skupper system generate-bundle remote-site",
        "skupper system generate-bundle remote-site --input ./my-site --type shell-script",
    ),
    "system install": ("skupper system install --reload-type auto -p podman",),
    "system uninstall": ("skupper system uninstall -p podman",),
    "completion": (
        "source <(skupper completion bash)",
        "skupper completion zsh > ~/.zfunc/_skupper",
        "skupper completion fish > ~/.config/fish/completions/skupper.fish",
    ),
}
"""By the words of a command."""


def attach(path: str, command: click.Command) -> None:
    """Have the help of a command, or of all commands of a group, end with its examples."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            attach(f"{path} {name}", inner)
    elif path in EXAMPLES and command.epilog is None:
        lines = "\n".join(f"  {one}" for one in EXAMPLES[path])
        command.epilog = f"\b\nExamples:\n{lines}"
