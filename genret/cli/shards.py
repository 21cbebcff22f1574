"""`genret shards`: a run's index in shards by L1 range, for several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genret.cli.options import run_argument


@click.command()
@run_argument
@click.option(
    "--count", default=16, show_default=True, help="Shards; alike in products as far as whole L1 codes allow."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder that the shards go to.")
def shards(run: Path, count: int, out: Path) -> dict[str, Any]:
    """Cut RUN/index into shards by L1 range, each a run of its own below OUT, and a head that searches them all.

    Where OUT holds an earlier generation of as many shards, each is replaced, one after the other; servers of them
    answer for both until the last one has changed.
    """
    from genret.pipeline.split import split

    made = split(run, out, count)
    for shard in made.shards:
        codes = f"L1 {shard.start}-{shard.stop - 1}"
        click.echo(f"{shard.name}  {codes:14s} {shard.products:,} products, {shard.ids:,} IDs")
    click.echo(f"generation {made.generation} of {made.products:,} products in {len(made.shards)} shards  ({out})")
    return {"generation": made.generation, "products": made.products, "shards": [one._asdict() for one in made.shards]}
