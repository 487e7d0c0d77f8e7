"""What becomes of the figures: medians, comparison with the references, one JSON document. Pure."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from load.cases import Case

Figures = dict[str, float]


@dataclass(slots=True)
class Outcome:
    """The runs of one case on one target, in order, and what went wrong in others."""

    case: Case
    target: str
    runs: list[Figures] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def median(self) -> Figures:
        """The median of each figure; empty without a good run."""
        names = self.runs[0] if self.runs else ()
        return {name: statistics.median(run[name] for run in self.runs) for name in names}

    def document(self) -> dict[str, object]:
        return {
            "case": self.case.title,
            "arguments": list(self.case.arguments),
            "target": self.target,
            "median": self.median(),
            "runs": self.runs,
            "errors": self.errors,
        }


def rate(figures: Figures) -> tuple[float, str]:
    """The headline figure of a run and its unit."""
    for name, unit in (("msgs_per_s", "msg/s"), ("per_s", "/s"), ("Gbit_per_s", "Gbit/s")):
        if name in figures:
            return figures[name], unit
    return 0.0, ""


def cost(figures: Figures) -> str:
    """CPU of the measured processes per unit, the steadiest figure on a shared machine."""
    for name, unit in (
        ("router_cpu_us_per_msg", "us/msg"),
        ("router_cpu_us", "us each"),
        ("router_cpu_ms_per_GB", "ms/GB"),
    ):
        if name in figures:
            return f"{figures[name]:.2f} {unit}"
    return ""


def table(outcomes: Iterable[Outcome]) -> str:
    """One line for each case and target: rate, CPU per unit, and the rate as a multiple of nginx's."""
    outcomes = list(outcomes)
    reference = {each.case: rate(each.median())[0] for each in outcomes if each.target == "nginx"}
    lines = [f"{'case':<40} {'target':<10} {'median':>16}  {'router CPU':<16} x nginx"]
    for each in outcomes:
        value, unit = rate(each.median())
        beside = f"{value / reference[each.case]:.2f}" if reference.get(each.case) else ""
        shown = f"{value:.2f} {unit}" if unit == "Gbit/s" else f"{value:.0f} {unit}"
        failed = f"  {len(each.errors)} FAILED" if each.errors else ""
        lines.append(
            f"{each.case.title:<40} {each.target:<10} {shown:>16}  {cost(each.median()):<16} {beside}{failed}"
        )
    return "\n".join(lines)
