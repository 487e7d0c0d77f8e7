"""Every module is declared either pure or allowed to do I/O, and the declaration covers nothing else."""

from skrouter_testing.source_tree import area_files, module_name, native_packages, setup_cfg

SHELLS = (
    "skrouter.amqp._proton",
    "skrouter.amqp.cyrus",
    "skrouter.router.net",
    "skrouter.router.runtime",
    "skrouter.adaptors.tcp.records",
    "skrouter.adaptors.tcp.shell",
    "skrouter.adaptors.tcp.sockets",
    "skrouter.mgmt.bundles.wheels",
    "skrouter.mgmt.client.net",
    "skrouter.mgmt.controller.authority",
    "skrouter.mgmt.controller.loop",
    "skrouter.mgmt.grants.server",
    "skrouter.mgmt.platforms.containers.engine",
    "skrouter.mgmt.platforms.containers.manager",
    "skrouter.mgmt.platforms.containers.system",
    "skrouter.mgmt.platforms.linux.files",
    "skrouter.mgmt.platforms.linux.grants",
    "skrouter.mgmt.platforms.linux.host",
    "skrouter.mgmt.platforms.linux.live",
    "skrouter.mgmt.platforms.linux.managers",
    "skrouter.mgmt.platforms.linux.platform",
    "skrouter.mgmt.platforms.linux.snapshot",
    "skrouter.mgmt.platforms.linux.store",
    "skrouter.mgmt.platforms.linux.supervise",
    "skrouter.mgmt.platforms.linux.systemd",
    "skrouter.mgmt.platforms.linux.watcher",
    "skrouter.cli",
)
"""The I/O shells, beside the native packages: these may use sockets, clocks and threads."""


def pure_modules() -> tuple[str, ...]:
    return tuple(setup_cfg("importlinter:contract:sans-io", "source_modules").split())


def covered(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def modules() -> list[str]:
    """Every Python module; packages with modules of their own count by these."""
    return [module_name(path) for path in area_files(".py") if path.name != "__init__.py"]


def test_every_module_is_declared_pure_or_a_shell() -> None:
    undeclared = [
        name for name in modules() if not covered(name, (*pure_modules(), *SHELLS, *native_packages()))
    ]
    assert undeclared == [], "name it in the sans-io contract of setup.cfg, or in SHELLS here"


def test_no_module_is_declared_both() -> None:
    both = [
        name
        for name in modules()
        if covered(name, pure_modules()) and covered(name, (*SHELLS, *native_packages()))
    ]
    assert both == []


def test_contract_names_no_shell_package_as_a_whole() -> None:
    swallowed = [shell for shell in (*SHELLS, *native_packages()) if covered(shell, pure_modules())]
    assert swallowed == []


def test_contract_forbids_every_native_package() -> None:
    forbidden = setup_cfg("importlinter:contract:sans-io", "forbidden_modules").split()
    assert set(native_packages()) <= set(forbidden)
