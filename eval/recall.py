"""The recall benchmark: every system on one data set and one split, by one command.

    python eval/recall.py eval/presets/homedepot.toml --run runs/homedepot

Reads a preset, runs each system that it names (training the two-tower and embedding the products where the work folder
has not got them yet), writes TREC runs and qrels to the work folder and results.json, results.md and timings.json to
eval/results/PRESET-SPLIT. Generative systems need a run folder; without `--run` they are left out, and the command says
so. The systems, the measures and the tests are in genret.eval.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from script import RESULTS, run_script

from genret.data import read_dataset
from genret.data.records import Dataset
from genret.embed.fine_tuning import make_recipe
from genret.embed.settings import EmbedSettings
from genret.eval.evaluation import evaluate_bench, own_queries
from genret.eval.result import EvalResult, Grading
from genret.eval.systems.bench import (
    SYSTEMS,
    WITHOUT_A_RUN,
    Bench,
    System,
    SystemSettings,
    bm25_system,
    parts_of,
)
from genret.eval.systems.encoders import encoder_system, two_tower_system
from genret.ground.errors import GenretError
from genret.ground.settings import make_settings, read_preset
from genret.ground.types import SPLITS, Split
from genret.index.lexical import BM25Settings
from genret.pipeline.folder import RunFolder

NEED_A_RUN = SYSTEMS.keys() - WITHOUT_A_RUN.keys()
RESULT_FILES = ("results.json", "results.md", "timings.json")
"""What is fit to be checked in. Runs and qrels hold ids and judgements of data that may not be passed on, and stay in
the work folder."""


@dataclass(frozen=True)
class BenchmarkSettings:
    """The [benchmark] table of a preset."""

    format: str
    path: str | None = None
    """Of the data, relative to where the command is run; none for the embedded catalogue."""
    split: Split = "dev"
    systems: tuple[str, ...] = ("bm25", "bm25-tuned")
    baselines: tuple[str, ...] = ("bm25-tuned",)

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise GenretError(f"split={self.split!r}: expected one of {', '.join(SPLITS)}")
        if self.path is None and self.format != "grocery":
            raise GenretError(f"format={self.format!r} needs the path of its files; give path in the preset, or --data")


def asks_for_systems(command: Any) -> Any:
    """The PRESET of a command, and the options that stand in place of what it says."""
    for option in (
        click.option("--systems", help="Comma-separated, in place of the preset's."),
        click.option("--run", type=click.Path(path_type=Path), help="A genret run folder over the same catalogue."),
        click.option("--split", type=click.Choice(SPLITS), help="In place of the preset's."),
        click.option("--data", type=click.Path(), help="The data set's folder, in place of the preset's."),
        click.argument("preset", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


def asked_for(
    preset: Path, data: str | None, split: Split | None, systems: str | None
) -> tuple[Mapping[str, Any], BenchmarkSettings]:
    """The tables of a preset, and what is to be run of it."""
    tables = read_preset(preset)
    flags = {"path": data, "split": split, "systems": tuple(systems.split(",")) if systems else None}
    return tables, make_settings(BenchmarkSettings, tables.get("benchmark", {}), flags)


@click.command()
@asks_for_systems
@click.option("--tune", is_flag=True, help="Tune BM25 anew, whatever settings the preset records.")
@click.option("--work", type=click.Path(path_type=Path), help="For what is expensive. [default: runs/work/PRESET]")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/PRESET-SPLIT]")
def main(
    preset: Path,
    data: str | None,
    split: Split | None,
    run: Path | None,
    systems: str | None,
    tune: bool,
    work: Path | None,
    out: Path | None,
) -> None:
    """Run the systems of PRESET and write their runs, measures and paired tests."""
    tables, settings = asked_for(preset, data, split, systems)
    out = out or RESULTS / f"{preset.stem}-{settings.split}"
    result = benchmark(settings, tables, run, work or Path("runs/work") / preset.stem, out, tune)
    click.echo(result.markdown())
    click.echo(f"\nwritten to {out}")


def benchmark(
    settings: BenchmarkSettings, tables: Mapping[str, Any], run: Path | None, work: Path, out: Path, tune: bool = False
) -> EvalResult:
    """The result of every system of `settings` that can be run, written to `out`."""
    bench, grading, names = prepare(settings, tables, run, work, tune)
    runs = work / f"runs-{settings.split}"
    result = evaluate_bench(bench, grading, settings.split, names, settings.baselines, run is not None, runs)
    out.mkdir(parents=True, exist_ok=True)
    for file in RESULT_FILES:
        shutil.copyfile(runs / file, out / file)
    return result


def prepare(
    settings: BenchmarkSettings, tables: Mapping[str, Any], run: Path | None, work: Path, tune: bool = False
) -> tuple[Bench, Grading, list[str]]:
    """The preset's bench, what was judged, and the systems that can be run."""
    dataset = load(settings, tables)
    queries, grading = own_queries(dataset, settings.split)
    if not queries:
        raise GenretError(f"data set {dataset.name!r} has no answerable query in its {settings.split} split")
    search = make_settings(SystemSettings, tables.get("search", {}))
    own = {**recorded_bm25(tables, tune), **encoders(tables, work)}
    bench = Bench(
        dataset, queries, search, RunFolder(run) if run else None, own, lambda line: click.echo(line, err=True)
    )
    names = [name for name in settings.systems if run or not NEED_A_RUN & set(parts_of(name))]
    for name in settings.systems:
        if name not in names:
            click.echo(f"{name}: left out, it needs --run", err=True)
    return bench, grading, names


def load(settings: BenchmarkSettings, tables: Mapping[str, Any]) -> Dataset:
    """The preset's data set; its judgements are those of the files, or of the embedded catalogue's own making."""
    if settings.format == "grocery":
        from genret.data.grocery import GrocerySettings, make_grocery

        return make_grocery(make_settings(GrocerySettings, tables.get("grocery", {})))
    return read_dataset(settings.format, settings.path or ".")


def recorded_bm25(tables: Mapping[str, Any], tune: bool) -> dict[str, System]:
    """`bm25-tuned` with the settings that the preset's [bm25] records from an earlier tuning, unless asked to tune."""
    if tune or "bm25" not in tables:
        return {}
    return {
        "bm25-tuned": bm25_system(make_settings(BM25Settings, tables["bm25"]), {"tuned": "earlier, see the preset"})
    }


def encoders(tables: Mapping[str, Any], work: Path) -> dict[str, System]:
    """The dense systems of the preset: each [encoder.NAME], and the two-tower of [two-tower]."""
    systems: dict[str, System] = {}
    for name, table in tables.get("encoder", {}).items():
        embed = make_settings(EmbedSettings, table)
        systems[name] = encoder_system(name, embed, work)
    if "two-tower" in tables:
        systems["two-tower"] = two_tower_system("two-tower", make_recipe(tables["two-tower"]), work)
    clash = systems.keys() & SYSTEMS.keys()
    if clash:
        raise GenretError(f"encoder names {sorted(clash)} are taken; give others")
    return systems


if __name__ == "__main__":
    run_script(main)
