"""`genret tokenizer health|audit|tune|bench`: look into a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genret.artifacts import MANIFEST, write_json
from genret.cli.options import Layers, json_option, run_argument, settings_options

if TYPE_CHECKING:
    from genret.tokenizer.verbs import Report


@click.group()
def tokenizer() -> None:
    """Look into the tokenizer of a run: RUN is a run folder, or its tokenizer artifact."""


@tokenizer.command()
@run_argument
@click.option("--plots", type=click.Path(path_type=Path), help="Also draw the health as this PNG.")
@json_option
def health(run: Path, plots: Path | None, json_file: Path | None) -> None:
    """Codebook use, collisions, fragmentation, purity, and similarity against depth."""
    from genret.tokenizer.verbs import health_report

    _show(health_report(_run(run), plots=plots), json_file)


@tokenizer.command()
@run_argument
@click.option("--at", default=0.8, show_default=True, help="Score from which a product counts as misfiled.")
@click.option("--limit", default=20, show_default=True, help="Products to show.")
@json_option
def audit(run: Path, at: float, limit: int, json_file: Path | None) -> None:
    """Products whose codes and category disagree most: often the label is wrong."""
    from genret.tokenizer.verbs import audit_report

    _show(audit_report(_run(run), at=at, limit=limit), json_file)


@tokenizer.command()
@run_argument
@click.option("--plots", type=click.Path(path_type=Path), help="Also draw the trade-off as this PNG.")
@settings_options
@json_option
def tune(run: Path, layers: Layers, plots: Path | None, json_file: Path | None) -> None:
    """Recommend a λ for RUN's embeddings and taxonomy, by the knee of reconstruction against coherence."""
    from genret.tokenizer.settings import TokenizerSettings
    from genret.tokenizer.verbs import tune_report

    settings = layers.make(TokenizerSettings, "tokenizer")
    _show(tune_report(_run(run), settings, plots=plots, echo=lambda line: click.echo(line, err=True)), json_file)


@tokenizer.command()
@run_argument
@click.option("--lam", default=0.01, show_default=True, help="The λ that is set against 0.")
@click.option("--share", default=0.1, show_default=True, help="Share of products whose text is corrupted.")
@click.option("--seeds", default=3, show_default=True)
@json_option
def bench(run: Path, lam: float, share: float, seeds: int, json_file: Path | None) -> None:
    """Error propagation: how far corrupted text throws products from their leaf, for λ = 0 and λ > 0."""
    from genret.tokenizer.verbs import bench_report

    _show(bench_report(_run(run), lam=lam, share=share, seeds=seeds), json_file)


def _run(path: Path) -> Path:
    """The run folder, also where its tokenizer artifact was given."""
    return path.parent if (path / MANIFEST).is_file() else path


def _show(report: Report, json_file: Path | None) -> None:
    click.echo(report.text)
    if json_file:
        write_json(json_file, report.value)
