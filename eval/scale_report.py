"""What `scale.py` measured as tables, CSV, JSON and a log-log plot, and the exponents fitted to it.

An exponent is the slope of a least-squares line through (log N, log value). Memory is fitted as it is, with what the
packages alone hold, and above that, which is the stricter of the two.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scale_stages import BUILD

from genret.eval.result import table
from genret.ground.artifacts import write_json
from genret.ground.errors import require

LARGE = 100_000
"""Exponents are fitted from here on too, where what does not grow counts less."""
COLUMNS = ("products", "stage", "wall_s", "cpu_s", "peak_mb", "idle_mb", "threads", "load")
Row = Mapping[str, Any]


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float | None:
    """The slope of log value on log size; None without two sizes, and where a value is not above 0."""
    if len(set(sizes)) < 2 or min(values, default=0.0) <= 0:
        return None
    return statistics.linear_regression([math.log(n) for n in sizes], [math.log(value) for value in values]).slope


def summed(rows: Sequence[Row]) -> list[Row]:
    """A further row for every size whose stages were all measured: the build, its seconds summed, its memory that of
    its largest stage."""
    found: list[Row] = []
    for size in sorted({row["products"] for row in rows}):
        own = [row for row in rows if row["products"] == size and row["stage"] in BUILD]
        if {row["stage"] for row in own} == set(BUILD):
            sums = {name: round(sum(row[name] for row in own), 3) for name in ("wall_s", "cpu_s")}
            most = max(own, key=lambda row: float(row["peak_mb"]))
            rest = {name: most[name] for name in ("peak_mb", "idle_mb", "threads", "load")}
            found.append({"products": size, "stage": "build", **sums, **rest})
    return found


def exponents(rows: Sequence[Row], least: int = 0) -> dict[str, dict[str, float | None]]:
    """Stage -> what is fitted -> exponent, over sizes of at least `least`."""
    found: dict[str, dict[str, float | None]] = {}
    for stage in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == stage and row["products"] >= least]
        sizes = [row["products"] for row in own]
        values = {
            "cpu_s": [row["cpu_s"] for row in own],
            "peak_mb": [row["peak_mb"] for row in own],
            "above_idle_mb": [row["peak_mb"] - row["idle_mb"] for row in own],
            "cpu_ms": [row["cpu_ms"] for row in own if "cpu_ms" in row],
        }
        fitted = {name: exponent(sizes, column) for name, column in values.items() if len(column) == len(own)}
        found[stage] = {name: None if slope is None else round(slope, 3) for name, slope in fitted.items()}
    return found


def write_report(
    out: Path, rows: Sequence[Row], plan: Mapping[str, Any], machine: Mapping[str, Any], command: str
) -> str:
    """Write everything to the folder `out`; the text of the tables."""
    every = [*rows, *summed(rows)]
    fitted, large = exponents(every), exponents(every, LARGE)
    settings = {name: value for name, value in plan.items() if name != "products"}
    out.mkdir(parents=True, exist_ok=True)
    found = {"command": command, "plan": settings, "machine": dict(machine), "rows": every}
    write_json(out / "scale.json", {**found, "exponents": fitted, "exponents_from_100000": large})
    with (out / "scale.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(every)
    text = _text(every, settings, machine, command)
    (out / "scale.md").write_text(text + "\n", encoding="utf-8")
    _plot(every, out / "scale.svg")
    return text


def _text(rows: Sequence[Row], plan: Mapping[str, Any], machine: Mapping[str, Any], command: str) -> str:
    said = ", ".join(f"{name} {value}" for name, value in plan.items())
    made = f"{machine['processor']} ({machine['instructions']}), torch {machine['torch']}, fp32"
    loads = [row["load"] for row in rows]
    threads = ", ".join(str(one) for one in sorted({row["threads"] for row in rows}))
    head = [
        "# Growth with the catalogue",
        "",
        f"`{command}`; {said}.",
        "",
        f"{made}, threads: {threads}; load average {min(loads):g} to {max(loads):g} while it ran, so that processor "
        "seconds count, and not the clock's.",
    ]
    parts = [
        ("Processor seconds", _grid(rows, "cpu_s", "cpu_s", "{:,.1f}")),
        ("Peak memory, MB", _grid(rows, "peak_mb", "above_idle_mb", "{:,.0f}")),
        ("What was found", _facts(rows)),
    ]
    note = (
        f"An exponent is the slope of log value on log N, from {LARGE:,} on where two sizes are. That of memory is of "
        f"what is above the {max(row['idle_mb'] for row in rows):,.0f} MB that the packages hold before any product."
    )
    body = [line for title, text in parts for line in ("", f"## {title}", "", text)]
    return "\n".join([*head, *body, "", note, "", "![Growth](scale.svg)"])


def _grid(rows: Sequence[Row], name: str, fitted: str, form: str) -> str:
    """Stages by sizes, with both exponents."""
    sizes = sorted({row["products"] for row in rows})
    every, large = exponents(rows), exponents(rows, LARGE)
    lines = []
    for stage in every:
        of_size = {row["products"]: row[name] for row in rows if row["stage"] == stage}
        cells = [form.format(of_size[size]) if size in of_size else "" for size in sizes]
        slopes = [every[stage].get(fitted), large[stage].get(fitted)]
        lines.append([stage, *cells, *("" if slope is None else f"{slope:.2f}" for slope in slopes)])
    head = ["stage", *(f"N = {size:,}" for size in sizes), "exponent", f"from {LARGE:,} on"]
    return table(head, lines)


def _facts(rows: Sequence[Row]) -> str:
    """What stages say of themselves, by size."""
    sizes = sorted({row["products"] for row in rows})
    lines = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        of_size = {row["products"]: row for row in rows if row["stage"] == stage}
        names = dict.fromkeys(name for row in of_size.values() for name in row if name not in COLUMNS)
        for fact in names:
            cells = [of_size[size].get(fact, "") if size in of_size else "" for size in sizes]
            lines.append([stage, fact.replace("_", " "), *map(_said, cells)])
    return table(["stage", "", *(f"N = {size:,}" for size in sizes)], lines)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _plot(rows: Sequence[Row], file: Path) -> None:
    """Processor seconds and memory of every stage, both axes logarithmic."""
    require("matplotlib", "report")
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "genret"
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    both = figure.subplots(1, 2)
    named = (("cpu_s", "processor seconds"), ("peak_mb", "peak memory, MB"))
    for axes, (name, title) in zip(both, named, strict=True):
        for stage in dict.fromkeys(row["stage"] for row in rows):
            own = [row for row in rows if row["stage"] == stage]
            style = {"linewidth": 3, "color": "black"} if stage == "build" else {"linewidth": 1}
            axes.plot([row["products"] for row in own], [row[name] for row in own], marker="o", label=stage, **style)
        axes.set(xscale="log", yscale="log", xlabel="products", title=title)
        axes.grid(alpha=0.3)
    both[1].legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
