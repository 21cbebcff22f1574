"""Cold start: 5 % of a run's products withheld from all training, then inserted into its live index and looked for.

    python eval/cold_start.py runs/demo

Builds the run again without them in WORK (with the run's own settings; kept, and used again), and writes
cold_start.json and cold_start.md to eval/results/cold-start/NAME. How it is done is in genret.eval.studies.cold_start.
"""

from __future__ import annotations

from pathlib import Path

import click
from script import RESULTS, run_script, write_results

from genret.embed.fine_tuning import make_recipe
from genret.eval.studies.cold_start import ColdStartSettings, cold_start
from genret.ground.settings import make_settings, read_preset
from genret.ground.types import SPLITS


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--share", type=float, help="Of the products to withhold. [default: 0.05]")
@click.option("--seed", type=int, help="Of the draw. [default: 0]")
@click.option("--split", type=click.Choice(SPLITS), help="Whose queries look for them. [default: test]")
@click.option("-k", type=int, help="Recall at k. [default: 50]")
@click.option("--beam-width", type=int, help="[default: 100]")
@click.option("--systems", help="Comma-separated, in place of bm25, dense and the generative ones.")
@click.option("--recipe", type=click.Path(path_type=Path), help="The preset whose [two-tower] made the RUN's encoder.")
@click.option("--work", type=click.Path(path_type=Path), help="[default: runs/work/cold-NAME, NAME being the run's]")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/cold-start/NAME]")
def main(
    run: Path,
    share: float | None,
    seed: int | None,
    split: str | None,
    k: int | None,
    beam_width: int | None,
    systems: str | None,
    recipe: Path | None,
    work: Path | None,
    out: Path | None,
) -> None:
    """Recall@50 of products that the RUN's training never saw, beside that of the others, by system."""
    flags = {
        "share": share,
        "seed": seed,
        "split": split,
        "k": k,
        "beam_width": beam_width,
        "systems": tuple(systems.split(",")) if systems else None,
    }
    settings = make_settings(ColdStartSettings, flags)
    name = run.resolve().name
    work = work or Path("runs/work") / f"cold-{name}"
    out = out or RESULTS / "cold-start" / name
    made = make_recipe(read_preset(recipe).get("two-tower", {})) if recipe else None
    found = cold_start(run, work, settings, made, say=lambda line: click.echo(line, err=True))
    write_results(out, "cold_start", found.to_json(), found.markdown())


if __name__ == "__main__":
    run_script(main)
