"""Cost: recall against latency against index size, for every system of a preset, in one table and one plot.

    python eval/cost.py eval/presets/grocery.toml --run runs/demo

Takes what `recall.py` has trained and embedded; writes cost.json, cost.md and cost.svg to eval/results/PRESET-SPLIT.
Times are wall times: let nothing else run meanwhile. How they are taken is in genret.eval.studies.cost.
"""

from __future__ import annotations

from pathlib import Path

import click
from recall import asked_for, asks_for_systems, prepare
from script import RESULTS, run_script, write_results

from genret.eval.studies.cost import CostSettings, measure_cost
from genret.ground.settings import make_settings
from genret.ground.types import Split


@click.command()
@asks_for_systems
@click.option("--queries", type=int, help="Timed one at a time. [default: 100]")
@click.option("--work", type=click.Path(path_type=Path), help="Of recall.py. [default: runs/work/PRESET]")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/PRESET-SPLIT]")
def main(
    preset: Path,
    data: str | None,
    split: Split | None,
    run: Path | None,
    systems: str | None,
    queries: int | None,
    work: Path | None,
    out: Path | None,
) -> None:
    """Recall, latency and size of the systems of PRESET."""
    tables, settings = asked_for(preset, data, split, systems)
    bench, grading, names = prepare(settings, tables, run, work or Path("runs/work") / preset.stem)
    cost = measure_cost(bench, grading, settings.split, names, make_settings(CostSettings, {"queries": queries}))
    out = out or RESULTS / f"{preset.stem}-{settings.split}"
    write_results(out, "cost", cost.to_json(), cost.markdown())
    (out / "cost.svg").write_text(cost.plot() + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
