"""`genret put`, `remove` and `compact`: a run's catalogue while it serves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genret.cli.options import run_argument
from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.data.validate import OnBadRow
    from genret.pipeline.stock import Put

FORMATS = ("csv", "tsv", "jsonl", "parquet")


@click.command()
@run_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--patch", is_flag=True, help="FILE has ids and, of the rest, only what changes: price, stock and such.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="What FILE calls a field of ours.")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Of FILE, if its extension does not say.")
@click.option(
    "--on-bad-row",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Stop at a bad row, or leave such rows out and write them to RUN/rejects.jsonl.",
)
def put(
    run: Path, file: Path, patch: bool, columns: tuple[str, ...], file_format: str | None, on_bad_row: OnBadRow
) -> None:
    """Add FILE's products to RUN/index, in place of those with the same id: all or none. They can be found at once.

    FILE is CSV, TSV, JSONL or Parquet, as for `genret build`. Nothing is retrained: new products get semantic IDs from
    the run's own tokenizer.

    With --patch, a row has an id and one or more of price, available, stores and popularity, and changes these and
    nothing else. A null, or an empty cell in a CSV file, clears the field; a key that a JSONL row lacks is left as it
    is.
    """
    from genret.cli.stages import named_columns
    from genret.data import read_catalogue
    from genret.data.patches import read_patches
    from genret.pipeline.stock import PATCHED, patch_products, put_products

    rejects = RunFolder(run).rejects if on_bad_row == "skip" else None
    named = named_columns(columns)
    if patch:
        patches = read_patches(file, PATCHED, format=file_format, columns=named, on_bad_row=on_bad_row, rejects=rejects)
        _say(patch_products(run, patches), run)
        return
    products = read_catalogue(file, format=file_format, columns=named, on_bad_row=on_bad_row, rejects=rejects)
    _say(put_products(run, products), run)


@click.command()
@run_argument
@click.argument("ids", nargs=-1)
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Ids, one a line.")
@click.option("--missing-ok", is_flag=True, help="List ids that are not there, and remove the others.")
def remove(run: Path, ids: tuple[str, ...], file: Path | None, missing_ok: bool) -> None:
    """Take the products with these IDS out of RUN/index: all of them, or none if one is not there."""
    from genret.pipeline.stock import remove_products

    wanted = [*ids, *(_lines(file) if file else [])]
    if not wanted:
        raise GenretError("no product to remove; give ids, or --file with one a line")
    done = remove_products(run, wanted, missing_ok=missing_ok)
    missing = f", {len(done.missing)} not there" if done.missing else ""
    click.echo(f"{len(done.removed)} products removed{missing}  ({RunFolder(run).folder('index')})")
    for one in done.missing:
        click.echo(f"not there: {one}")


@click.command()
@run_argument
def compact(run: Path) -> None:
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


def _say(done: Put, run: Path) -> None:
    counts = f"{done.inserted} products inserted, {done.updated} updated, {done.unchanged} unchanged"
    click.echo(f"{counts}  ({RunFolder(run).folder('index')})")


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GenretError(f"{file}: not valid UTF-8 (byte {error.start}); save it as UTF-8") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
