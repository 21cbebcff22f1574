"""`genret judge` and `genret compare`: what a run is worth where nobody has judged, and how two runs differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import run_argument
from genret.cli.terminal import json_text
from genret.ground.errors import GenretError

if TYPE_CHECKING:
    from genret.pipeline.folder import RunFolder

POOLED = "bm25,dense,generative,bm25~generative-mixed"


@click.command()
@run_argument
@click.option("--queries", type=click.Path(path_type=Path), help="One query per line: what is to be judged.")
@click.option("--out", type=click.Path(path_type=Path), help="The sheet to write: FILE.html, or FILE.csv.")
@click.option("--graded", type=click.Path(path_type=Path), help="A graded sheet (CSV): evaluates the systems on it.")
@click.option("--systems", default=POOLED, show_default=True, help="Whose products are pooled, or evaluated.")
@click.option("-k", "k", default=10, show_default=True, help="Products of each system per query.")
def judge(run: Path, queries: Path | None, out: Path | None, graded: Path | None, systems: str, k: int) -> Any:
    """Grade the answers of several systems by hand: --queries FILE --out SHEET makes a sheet, --graded reads it back.

    The HTML sheet is graded with the keys 0 to 3 and saves a CSV. A product that no system found is not judged, so
    the figures compare these systems and say little of others.
    """
    from genret.eval.evaluation import EvalPlan, GradedQueries, evaluate_run
    from genret.eval.studies.pooling import read_sheet
    from genret.pipeline.folder import RunFolder

    folder, names = RunFolder.existing(run), tuple(systems.split(","))
    if (graded is None) == (queries is None) or (queries is not None and out is None):
        raise GenretError("give --queries FILE with --out SHEET to make a sheet, or --graded SHEET to read one back")
    if graded is not None:
        plan = EvalPlan(GradedQueries(*read_sheet(graded, folder.dataset())), free_decode=False)
        result = evaluate_run(run, systems=names, plan=plan)
        click.echo(result.markdown())
        return result.to_json()
    assert queries is not None, "checked above"
    assert out is not None, "checked above"
    return _pool(folder, queries, out, names, k)


def _pool(folder: RunFolder, queries: Path, out: Path, systems: tuple[str, ...], k: int) -> dict[str, Any]:
    from genret.eval.studies.pooling import pool, write_sheet
    from genret.eval.systems.bench import Bench, SystemSettings
    from genret.ground.text_files import read_lines
    from genret.ground.types import Query

    if out.suffix not in (".csv", ".html"):
        raise GenretError(f"--out {out}: cannot tell the format by {out.suffix!r}; expected .html or .csv")
    texts = list(dict.fromkeys(read_lines(queries)))
    if not texts:
        raise GenretError(f"{queries}: holds no query; put one on each line")
    asked = [Query(f"q{number}", text) for number, text in enumerate(texts, 1)]
    dataset = folder.dataset()
    bench = Bench(dataset, asked, SystemSettings(k=max(k, 10), beam_width=max(k, 100)), folder)
    rows = pool(bench, systems, k)
    write_sheet(rows, dataset, out)
    click.echo(f"{out}: {len(rows)} products for {len(asked)} queries, to be graded 0 to 3")
    click.echo(f"next: grade it, then  genret judge {folder.path} --graded graded.csv")
    return {"sheet": str(out), "queries": len(asked), "products": len(rows)}


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--queries", required=True, type=click.Path(path_type=Path), help="One query per line.")
@click.option("-k", "k", default=10, show_default=True, help="Products per query.")
@click.option("--show", default=5, show_default=True, help="Queries to show, those that differ most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per query, for machines.")
def compare(first: Path, second: Path, queries: Path, k: int, show: int, as_json: bool) -> None:
    """Two runs on the same queries, side by side: where they differ most. Needs no judgements."""
    from genret.eval.studies.side_by_side import format_differences, side_by_side
    from genret.ground.text_files import read_lines
    from genret.pipeline.retriever import Retriever

    texts = read_lines(queries)
    if not texts:
        raise GenretError(f"{queries}: holds no query; put one on each line")
    found = [Retriever.load(run).search(texts, k) for run in (first, second)]
    rows = side_by_side(*found)
    if as_json:
        for row in rows:
            click.echo(json_text(row.to_json()))
    else:
        click.echo(format_differences(rows, (str(first), str(second)), show))
