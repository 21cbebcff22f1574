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

FORMATS = ("csv", "tsv", "jsonl", "parquet")


@click.command()
@run_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="What FILE calls a field of ours.")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Of FILE, if its extension does not say.")
@click.option(
    "--on-bad-row",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Stop at a bad row, or leave such rows out and write them to RUN/rejects.jsonl.",
)
def put(run: Path, file: Path, columns: tuple[str, ...], file_format: str | None, on_bad_row: OnBadRow) -> None:
    """Add FILE's products to RUN/index, in place of those with the same id. They can be found at once.

    FILE is CSV, TSV, JSONL or Parquet, as for `genret build`. Nothing is retrained: new products get semantic IDs from
    the run's own tokenizer.
    """
    from genret.cli.stages import named_columns
    from genret.data import read_catalogue
    from genret.pipeline.stock import put_products

    folder = RunFolder(run)
    rejects = folder.rejects if on_bad_row == "skip" else None
    products = read_catalogue(
        file, format=file_format, columns=named_columns(columns), on_bad_row=on_bad_row, rejects=rejects
    )
    done = put_products(run, products)
    click.echo(f"{done.inserted} products inserted, {done.updated} updated  ({folder.folder('index')})")


@click.command()
@run_argument
@click.argument("ids", nargs=-1)
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Ids, one a line.")
def remove(run: Path, ids: tuple[str, ...], file: Path | None) -> None:
    """Take the products with these IDS out of RUN/index: all of them, or none if one is not there."""
    from genret.pipeline.stock import remove_products

    listed = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()] if file else []
    wanted = [*ids, *(one for one in listed if one)]
    if not wanted:
        raise GenretError("no product to remove; give ids, or --file with one a line")
    remove_products(run, wanted)
    click.echo(f"{len(wanted)} products removed  ({RunFolder(run).folder('index')})")


@click.command()
@run_argument
def compact(run: Path) -> None:
    """Write RUN/index anew with all changes in it, so that it opens without replaying them."""
    from genret.pipeline.stock import compact as compact_index

    artifact = compact_index(run)
    click.echo(f"compacted  ({artifact.path}, {artifact.fingerprint[:12]})")
