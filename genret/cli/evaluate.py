"""`genret eval`: what a run is worth, beside the baselines, on its own split or on other judgements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import device_option, run_argument
from genret.cli.source import layout_options, named_columns
from genret.eval.demo import BASELINE
from genret.ground.errors import GenretError
from genret.ground.types import SPLITS
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.data.sources import Attached
    from genret.eval.evaluation import GradedQueries
    from genret.eval.result import EvalResult
    from genret.ground.types import Split


@click.command("eval")
@run_argument
@click.option("--split", type=click.Choice(SPLITS), help="Default: test, or dev where there are no test queries.")
@click.option("--judgements", type=click.Path(path_type=Path), help="Other judgements over the same catalogue.")
@click.option(
    "--format", "format_name", help="How they are written: homedepot, chorus, esci, wands, beir, trec, csv ..."
)
@click.option("--queries", type=click.Path(path_type=Path), help="The queries' texts, where the judgements lack them.")
@layout_options
@click.option("--systems", help="Comma-separated; a+b fuses ranks, a~b scores. Default: the standard ones.")
@click.option("--against", type=click.Path(path_type=Path), help="A run with λ = 0, for the substitutes check.")
@click.option("--beam-width", type=int, help="Default: 100, or the run's own if that is wider.")
@click.option("--lexical-weight", default=1.0, show_default=True, help="Of BM25 in fusions, against 1 for the others.")
@click.option("--drop-leaks", is_flag=True, help="Leave out queries whose text is one of the train split's.")
@click.option("--out", type=click.Path(path_type=Path), help="Where runs, qrels and tables go. Default: RUN/eval.")
@device_option
def evaluate(
    run: Path,
    split: Any,
    judgements: Path | None,
    format_name: str | None,
    queries: Path | None,
    systems: str | None,
    against: Path | None,
    beam_width: int | None,
    lexical_weight: float,
    drop_leaks: bool,
    out: Path | None,
    **layout: Any,
) -> dict[str, Any]:
    """Recall@10/50/100, nDCG@10 and MRR@10 of RUN beside BM25 and dense, with intervals and paired tests.

    Writes TREC run and qrels files, JSON and Markdown. Where there is a second run with λ = 0 (--against, or
    RUN/lambda0), also whether true substitutes share codes and beams. A run without any judgement is asked for
    products by parts of their own titles, and the table says so.
    """
    from genret.eval.evaluation import EvalPlan, evaluate_run
    from genret.eval.studies.contrast import check_contrast
    from genret.eval.systems.bench import STANDARD, SystemSettings

    _refuse_ignored(judgements, format_name, queries, against, layout)
    folder = RunFolder.existing(run)
    if against:
        check_contrast(against, run)
    asked, note = _given(folder, judgements, format_name, queries, layout) if judgements else None, ""
    if judgements is None and split is None and not folder.dataset().judgements:
        asked, note = _known_items(folder)
    split = split or _last_split(folder)
    width = _own_width(folder) if beam_width is None else beam_width
    result = evaluate_run(
        run,
        split,
        systems=tuple(systems.split(",")) if systems else STANDARD,
        settings=SystemSettings(beam_width=width, lexical_weight=lexical_weight),
        plan=EvalPlan(asked, drop_leaks=drop_leaks),
        out=out or folder.eval,
        progress=lambda line: click.echo(line, err=True),
    )
    report = _tell(result, note)
    against = against or (run / BASELINE if RunFolder(run / BASELINE).has("tokenizer") else None)
    if against and asked is None:
        report["substitutes"] = _contrast(against, run, split)
    return report


def _tell(result: EvalResult, note: str) -> dict[str, Any]:
    """Print the result; and what of it goes into a JSON file."""
    click.echo(result.markdown())
    if note:
        click.echo(f"\n{note}")
    if result.leaked:
        click.echo(f"{result.leaked} of the queries were trained on; --drop-leaks leaves them out", err=True)
    return result.to_json() | ({"note": note} if note else {})


def _contrast(before: Path, after: Path, split: Split) -> dict[str, Any]:
    """The substitutes check of two runs, printed."""
    from genret.eval.studies.contrast import contrast_runs

    contrast = contrast_runs(before, after, split)
    click.echo(f"\n{contrast.markdown()}")
    return contrast.to_json()


def _known_items(run: RunFolder) -> tuple[GradedQueries, str]:
    """What a run without judgements is asked, and a note that says so."""
    from genret.eval.evaluation import GradedQueries
    from genret.eval.studies.known_item import NOTE, known_items

    return GradedQueries(*known_items(run.dataset())), NOTE


def _refuse_ignored(
    judgements: Path | None,
    format_name: str | None,
    queries: Path | None,
    against: Path | None,
    layout: Mapping[str, Any],
) -> None:
    """A GenretError for options that would change nothing."""
    if judgements is None and any(layout[name] for name in ("columns", "delimiter", "encoding")):
        raise GenretError("--column, --delimiter and --encoding say how --judgements are written; give those too")
    if judgements is None and (format_name or queries):
        name = "--format" if format_name else "--queries"
        raise GenretError(
            f"{name} says how to read other judgements; give their file with --judgements, or leave it out"
        )
    if judgements is not None and against:
        raise GenretError("--against compares runs on their own split; leave out --against, or --judgements")


def _own_width(run: RunFolder) -> int:
    """As wide as the run's model is searched by default, or as an evaluation is, whichever is wider."""
    from genret.eval.systems.bench import SystemSettings

    own = run.artifact("model").settings["model"].get("beam_width", 0)
    return max(int(own), SystemSettings.beam_width)


def _last_split(run: RunFolder) -> Split:
    """test where it has queries, else dev, as in data sets that are published without test judgements."""
    return "test" if run.dataset().queries.get("test") else "dev"


def _given(
    run: RunFolder, judgements: Path, format_name: str | None, queries: Path | None, layout: Mapping[str, Any]
) -> GradedQueries:
    """Queries and grading from a judgement file, over the run's catalogue."""
    from genret.data import attach_judgements
    from genret.data.columns import columns_for
    from genret.data.rows import Layout
    from genret.data.validate import BadRows
    from genret.eval.evaluation import GradedQueries
    from genret.eval.result import Grading

    named = named_columns(layout["columns"])
    found: Attached = attach_judgements(
        run.dataset(),
        judgements,
        format_name,
        queries=queries,
        columns={**columns_for(named, "product"), **columns_for(named, "judgement")},
        layout=Layout(layout["delimiter"], layout["encoding"]),
        bad=BadRows(layout["on_bad_row"]),
    )
    left_out = found.unknown_products + found.unknown_queries
    if left_out:
        click.echo(
            f"{judgements}: {left_out} judgements left out ({found.unknown_products} on products that the catalogue "
            f"lacks, {found.unknown_queries} on queries without text)",
            err=True,
        )
    own = found.queries_are_products
    return GradedQueries(found.queries, Grading(found.judgements, found.relevant_at, found.irrelevant_grade, own))
