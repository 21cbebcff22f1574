"""`genret tokenizer health|audit|tune|bench`: look into a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import Layers, run_argument, settings_options
from genret.ground.artifacts import MANIFEST
from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.cli.tokenizer_reports import Report

GRID = "0,0.003,0.01,0.03,0.1,0.3"


@click.group()
def tokenizer() -> None:
    """Look into the tokenizer of a run: RUN is a run folder, or its tokenizer artifact."""


@tokenizer.command()
@run_argument
@click.option("--plots", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the health as this PNG.")
def health(run: Path, plots: Path | None) -> Any:
    """Codebook use, collisions, fragmentation, purity, and similarity against depth."""
    from genret.cli.tokenizer_reports import health_report

    return _show(health_report(_run(run), plots=plots))


@tokenizer.command()
@run_argument
@click.option("--at", default=0.8, show_default=True, help="Score, 0 to 1, above which a product counts as misfiled.")
@click.option("--limit", default=20, show_default=True, help="Products to show.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Also write all of them to this CSV file.")
def audit(run: Path, at: float, limit: int, csv_file: Path | None) -> Any:
    """Products whose codes and category disagree most: often the label is wrong."""
    from genret.cli.tokenizer_reports import audit_report

    return _show(audit_report(_run(run), at=at, limit=limit, csv_file=csv_file))


@tokenizer.command()
@run_argument
@click.option("--lam", "grid", default=GRID, show_default=True, metavar="λ,λ,...", help="The λ to try; 0 is always.")
@click.option("--seeds", default=2, show_default=True, help="Trainings a λ, at least 2.")
@click.option("--budget", default=0.1, show_default=True, help="The most that λ may add to the error: 0.1 is a tenth.")
@click.option("--plots", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the trade-off as this PNG.")
@settings_options
def tune(run: Path, layers: Layers, grid: str, seeds: int, budget: float, plots: Path | None) -> Any:
    """Recommend a λ for RUN's embeddings and taxonomy, by the knee of reconstruction against agreement.

    Starts from the settings of RUN/tokenizer where there is one. Agreement is the share of the data set's substitutes
    (of same-leaf pairs, where it names none) that share L1 and L1-L2, the mean of the two. A λ is recommended only if
    its gain exceeds what the seeds vary by.
    """
    from genret.cli.tokenizer_reports import trained_with, tune_report
    from genret.tokenizer.judging.tune import TuneSettings
    from genret.tokenizer.settings import TokenizerSettings

    if any(flag.replace(" ", "").startswith("tokenizer.lam=") for flag in layers.flags):
        raise GenretError("--set tokenizer.lam has no effect here: λ is what is searched; give those to try as --lam")
    folder = _run(run)
    defaults = trained_with(folder)
    _tell(
        f"settings: those of {RunFolder(folder).folder('tokenizer')}"
        if defaults
        else "settings: the defaults (no tokenizer yet)"
    )
    search = TuneSettings(_numbers(grid), seeds, budget)
    settings = layers.make(TokenizerSettings, "tokenizer", defaults=defaults)
    return _show(tune_report(folder, settings, search, plots=plots, echo=_tell))


@tokenizer.command()
@run_argument
@click.option("--lam", default=0.01, show_default=True, help="The λ that is set against 0.")
@click.option("--share", default=0.1, show_default=True, help="Share of products whose text is corrupted.")
@click.option("--seeds", default=3, show_default=True, help="Trainings a λ, at least 2; from 3 on, 95 % intervals.")
def bench(run: Path, lam: float, share: float, seeds: int) -> Any:
    """Error propagation: how far corrupted text throws products from their leaf, for λ = 0 and λ > 0."""
    from genret.cli.tokenizer_reports import bench_report

    return _show(bench_report(_run(run), lam=lam, share=share, seeds=seeds, echo=_tell))


def _run(path: Path) -> Path:
    """The run folder, also where its tokenizer artifact was given."""
    if not path.is_dir():
        raise GenretError(f"{path}: no such run folder; make one with genret build")
    if not (path / MANIFEST).is_file():
        return path
    return path.parent if path.name else path.resolve().parent


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of a comma-separated list."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise GenretError(f"--lam {text!r}: expected numbers separated by commas, such as {GRID}") from None


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _show(report: Report) -> dict[str, Any]:
    click.echo(report.text)
    return report.value
