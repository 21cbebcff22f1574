"""Where generative search loses to BM25: recall by kind of query, and the level at which the beam lost the product.

    python eval/failures.py runs/demo --examples 10

Writes failures.json and failures.md to eval/results/failures/NAME-SPLIT. Examples quote the data: leave them out, as
happens without `--examples`, where the data may not be passed on. The analysis is in genret.eval.studies.failures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from script import RESULTS, run_script, write_results

from genret.eval.evaluation import own_queries
from genret.eval.studies.failures import BASELINE, SYSTEM, analyse
from genret.eval.systems.bench import Bench, SystemSettings, bm25_system
from genret.ground.errors import GenretError
from genret.ground.settings import make_settings, read_preset
from genret.ground.types import SPLITS
from genret.index.lexical import BM25Settings
from genret.pipeline.folder import RunFolder


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("-k", default=10, show_default=True, help="Recall at k.")
@click.option("--beam-width", default=100, show_default=True)
@click.option("--system", default=SYSTEM, show_default=True, help="A generative one.")
@click.option("--baseline", default=BASELINE, show_default=True)
@click.option("--preset", type=click.Path(path_type=Path), help="Whose [bm25] is `bm25-tuned`; else tuned on train.")
@click.option("--examples", default=0, show_default=True, help="Of each kind; they quote queries and titles.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/failures/NAME-SPLIT]")
def main(
    run: Path,
    split: Any,
    k: int,
    beam_width: int,
    system: str,
    baseline: str,
    preset: Path | None,
    examples: int,
    out: Path | None,
) -> None:
    """Compare the RUN's generative search with a baseline, query by query and level by level."""
    folder = RunFolder(run)
    dataset = folder.dataset()
    queries, grading = own_queries(dataset, split)
    if not queries:
        raise GenretError(f"{run}: no answerable query in its {split} split; give another --split")
    tables = read_preset(preset) if preset else {}
    own = {"bm25-tuned": bm25_system(make_settings(BM25Settings, tables["bm25"]))} if "bm25" in tables else {}
    depth = max(k, 100)
    settings = SystemSettings(k=depth, beam_width=beam_width, fusion_depth=depth)
    bench = Bench(dataset, queries, settings, folder, own, lambda line: click.echo(line, err=True))
    found = analyse(bench, grading, split, k=k, system=system, baseline=baseline, examples=examples)
    out = out or RESULTS / "failures" / f"{dataset.name}-{split}"
    write_results(out, "failures", found.to_json(), found.markdown())


if __name__ == "__main__":
    run_script(main)
