"""`genret put`, `remove` and `compact`: a run's catalogue while it serves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import ENCODING_REMEDY, run_argument
from genret.cli.source import TABLES, layout_options, named_columns
from genret.ground.errors import GenretError
from genret.ground.text_files import read_lines
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.ground.types import Split
    from genret.pipeline.stock import Put


@click.command()
@run_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--patch", is_flag=True, help="FILE has ids and, of the rest, only what changes: price, stock and such.")
@click.option("--format", "file_format", type=click.Choice(TABLES), help="Of FILE, if its extension does not say.")
@click.option("--decimal", type=click.Choice(("point", "comma")), help="The decimal sign. Default: found out.")
@layout_options
def put(run: Path, file: Path, patch: bool, file_format: str | None, **options: Any) -> dict[str, Any]:
    """Add FILE's products to RUN/index, in place of those with the same id: all or none. They can be found at once.

    FILE is CSV, TSV, JSONL, JSON or Parquet, and its columns are read as those of RUN/data were. Nothing is retrained:
    new products get semantic IDs from the run's own tokenizer. Bad rows and fields are kept in RUN/rejects.jsonl.

    With --patch, a row has an id and one or more of price, available, stores and popularity, and changes these and
    nothing else. A null, or an empty cell in a CSV file, clears the field; a key that a JSONL row lacks is left as it
    is.
    """
    from genret.data.patches import read_patches
    from genret.data.products import ProductFile
    from genret.data.rows import Layout
    from genret.data.sources import read_more
    from genret.data.survey import Reading
    from genret.data.validate import BadRows
    from genret.pipeline.stock import PATCHED, patch_products, put_products

    folder, policy = RunFolder(run), options["on_bad_row"]
    bad = BadRows(policy, None if policy == "error" else folder.rejects)
    layout, reading = Layout(options["delimiter"], options["encoding"]), Reading(options["decimal"] or "auto")
    given = ProductFile(file, file_format, named_columns(options["columns"]), layout, reading)
    if patch:
        done = patch_products(run, read_patches(given, PATCHED, bad))
    else:
        done = put_products(run, read_more(folder.artifact("data").settings, given, bad))
    for report in bad.reports:
        if report.skipped or report.repaired:
            click.echo(f"{report.skipped:,} bad rows left out, {report.repaired:,} fields left empty", err=True)
    _say(done, run)
    return done._asdict()


@click.command()
@run_argument
@click.argument("ids", nargs=-1)
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Ids, one per line.")
@click.option("--encoding", help="Of FILE. Default: UTF-8, or UTF-16 by its mark.")
@click.option("--missing-ok", is_flag=True, help="List ids that are not there, and remove the others.")
def remove(
    run: Path, ids: tuple[str, ...], file: Path | None, encoding: str | None, missing_ok: bool
) -> dict[str, Any]:
    """Take the products with these IDS out of RUN/index: all of them, or none if one is not there."""
    from genret.pipeline.stock import remove_products

    wanted = [*ids, *(read_lines(file, encoding, ENCODING_REMEDY) if file else ())]
    if not wanted:
        raise GenretError("no product to remove; give ids, or --file with one per line")
    done = remove_products(run, wanted, missing_ok=missing_ok)
    missing = f", {len(done.missing)} not there" if done.missing else ""
    click.echo(f"{len(done.removed)} products removed{missing}  ({RunFolder(run).folder('index')})")
    for one in done.missing:
        click.echo(f"not there: {one}")
    return done._asdict()


@click.command()
@run_argument
def compact(run: Path) -> dict[str, Any]:
    """Write RUN/index anew with all changes in it, so that it opens without replaying them.

    Searches and changes go on meanwhile.
    """
    from genret.pipeline.stock import compact as compact_index

    artifact, outcome = compact_index(run)
    said = {
        "written": "compacted",
        "nothing to do": "nothing to compact",
        "another process is writing": "another process is compacting or building this index; nothing to do here",
    }
    click.echo(f"{said[outcome]}  ({artifact.path}, {artifact.fingerprint[:12]})")
    return {"outcome": outcome, "path": str(artifact.path), "fingerprint": artifact.fingerprint}


def _say(done: Put, run: Path) -> None:
    counts = f"{done.inserted} products inserted, {done.updated} updated, {done.unchanged} unchanged"
    click.echo(f"{counts}  ({RunFolder(run).folder('index')})")


@click.command()
@run_argument
@click.option("--split", type=click.Choice(("train", "dev", "test")), default="dev", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the queries drawn, and the nonsense.")
def calibrate(run: Path, split: Split, seed: int) -> dict[str, Any]:
    """Fit RUN/calibration: how likely a hit is to be relevant, for `genret search --min-confidence`."""
    from genret.pipeline.calibrate import calibrate as fit

    made = fit(RunFolder.existing(run), split, seed)
    click.echo(f"calibrated on {made.settings['queries']} queries of {split}  ({made.path})")
    return {"path": str(made.path), "fingerprint": made.fingerprint, **made.settings}
