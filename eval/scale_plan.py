"""A plan for a catalogue that no machine here can hold: machines, hours, memory, network and cost. A calculation.

    python eval/scale_plan.py       # 10^8 products x 384 dimensions, from eval/results/scale; writes plan.md there

Every stage's processor seconds at the largest size that `scale.py` measured grow with N to the fitted power, and never
to less than the first; what handles vectors grows with their width. The rest is arithmetic on the sizes of arrays, on
a published throughput of a GPU, and on prices and a network that are options. Nothing of it was run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from scale_stages import BUILD
from script import RESULTS, run_script

from genret.eval.result import table
from genret.ground.artifacts import read_json
from genret.ground.errors import GenretError
from genret.ground.settings import check_ranges
from genret.search.first import MOST_PREFIXES
from genret.training.settings import ModelSettings

STAGES = ("read", *(stage for stage in BUILD if stage not in ("data", "embed")))
"""A user's catalogue is read and not generated."""
WIDE = ("tokenizer", "assign-reassign", "ids", "model")
"""Stages whose time is that of vectors: it is taken to grow with their width."""
FIXED = ("tokenizer",)
"""Stages that look at a sample: as long for any catalogue above it."""
GB = 1e9


@dataclass(frozen=True)
class Site:
    """What is planned for, and with what."""

    products: int = 10**8
    dim: int = 384
    shards: int = 16
    """Machines that build, and then search a part each."""
    cores: int = 16
    """Of each."""
    texts: float = 14_200.0
    """That a GPU embeds in a second: all-MiniLM-L6-v2 on a V100, as sbert.net publishes it."""
    gbit: float = 10.0
    """Network of each machine."""
    core_price: float = 0.05
    """Of an hour of one core."""
    gpu_price: float = 2.5
    """Of an hour of one GPU."""

    def __post_init__(self) -> None:
        check_ranges(self, "products dim shards cores", 1)
        check_ranges(self, "texts gbit", 0, above=True)
        check_ranges(self, "core_price gpu_price", 0)


def core_hours(found: Mapping[str, Any], site: Site) -> dict[str, tuple[float, float]]:
    """Stage of the build -> the exponent that is used and the hours of one core; embedding is left to a GPU."""
    rows = {row["stage"]: row for row in found["rows"] if row["stage"] in STAGES}  # of the largest size, which is last
    if not rows:
        raise GenretError("no stage of a build was measured; run python eval/scale.py first")
    hours = {}
    for stage, row in rows.items():
        fitted = found["exponents_from_100000"][stage].get("cpu_s") or found["exponents"][stage].get("cpu_s")
        power = 0.0 if stage in FIXED else max(1.0, fitted or 1.0)
        wider = max(1.0, site.dim / found["plan"]["dim"]) if stage in WIDE else 1.0
        hours[stage] = power, row["cpu_s"] * wider * (site.products / row["products"]) ** power / 3600
    return hours


def sizes(found: Mapping[str, Any], site: Site) -> dict[str, float]:
    """What -> bytes, of all shards together."""
    rows = {row["stage"]: row for row in found["rows"] if "bytes" in row}  # of the largest size, which comes last
    width = found["plan"]["dim"] * 4
    per = {stage: row["bytes"] / row["products"] for stage, row in rows.items()}
    vectors = float(site.products * site.dim * 4)
    return {
        "catalogue (Parquet)": site.products * per["data"],
        "embeddings, fp32": vectors,
        "index without embeddings": site.products * max(0.0, per["index"] - width),
        "vectors of IDs in the model": vectors,
    }


def rows_of(found: Mapping[str, Any], site: Site) -> list[tuple[str, str]]:
    """What is calculated, with its value."""
    hours, held = core_hours(found, site), sizes(found, site)
    cores = sum(hour for _, hour in hours.values())
    gpus = site.products / site.texts / 3600
    vectors = held["embeddings, fp32"]
    shard = (held["vectors of IDs in the model"] + held["index without embeddings"]) / site.shards
    coarse = float(min(MOST_PREFIXES, site.products) * site.dim * 4)
    below = (ModelSettings().looks_below(site.products) or 0) / MOST_PREFIXES * vectors
    lines = [(f"{stage}, one core (N^{power:.2f})", f"{hour:,.2f} h") for stage, (power, hour) in hours.items()]
    return [
        *lines,
        (f"the build, {site.shards} machines of {site.cores} cores", f"{cores / site.shards / site.cores:,.2f} h"),
        ("embedding, one GPU", f"{gpus:,.1f} h"),
        *((f"{name}, all", f"{size / GB:,.1f} GB") for name, size in held.items()),
        ("memory of a shard that searches: its IDs' vectors and its index", f"{shard / GB:,.1f} GB"),
        ("and its embeddings on disk", f"{vectors / site.shards / GB:,.1f} GB"),
        ("read per query: vectors of coarse prefixes, on every shard asked", f"{coarse / GB:,.2f} GB"),
        ("read per query: vectors of IDs below the best of them, all shards", f"{below / GB:,.2f} GB"),
        (
            "grouping by L1: every vector sent once, per machine",
            f"{vectors * 8 / site.shards / site.gbit / 1e9:,.0f} s",
        ),
        ("cost of cores", f"{cores * site.core_price:,.0f}"),
        ("cost of GPUs", f"{gpus * site.gpu_price:,.0f}"),
    ]


def report(found: Mapping[str, Any], site: Site, command: str) -> str:
    largest = max(row["products"] for row in found["rows"])
    head = (
        f"**A calculation, not a measurement.** `{command}`: {site.products:,} products x {site.dim} dimensions from "
        f"what `{found['command']}` measured, at most {largest:,} products x {found['plan']['dim']} dimensions on "
        f"{found['machine']['processor']}. {site.texts:,.0f} texts a second are all-MiniLM-L6-v2 on one V100, as "
        f"sbert.net publishes it; a core costs {site.core_price:g} and a GPU {site.gpu_price:g} an hour (assumed), in "
        "any currency."
    )
    lines: Sequence[tuple[str, str]] = rows_of(found, site)
    return f"# Plan for {site.products:,} products\n\n{head}\n\n{table(['what', 'calculated'], lines)}"


@click.command()
@click.option("--measured", type=click.Path(exists=True, path_type=Path), default=RESULTS / "scale" / "scale.json")
@click.option("--products", default=Site.products, show_default=True)
@click.option("--dim", default=Site.dim, show_default=True)
@click.option("--shards", default=Site.shards, show_default=True, help="Machines.")
@click.option("--cores", default=Site.cores, show_default=True, help="Of a machine.")
@click.option("--gbit", default=Site.gbit, show_default=True, help="Network of a machine.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write. [default: plan.md beside the measured]")
def main(measured: Path, products: int, dim: int, shards: int, cores: int, gbit: float, out: Path | None) -> None:
    """Calculate what a large catalogue would take."""
    site = replace(Site(), products=products, dim=dim, shards=shards, cores=cores, gbit=gbit)
    text = report(read_json(measured), site, " ".join(["python eval/scale_plan.py", *sys.argv[1:]]))
    (out or measured.parent / "plan.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    run_script(main)
