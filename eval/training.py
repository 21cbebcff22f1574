"""Does training the decoder pay? Models trained by several recipes beside the untrained start, over one run's IDs.

    python eval/training.py runs/homedepot --recipes eval/trainings/homedepot.toml

Each table [recipe.NAME] of the file holds training settings ([train]'s names); they overlay those of the RUN's model.
Every recipe is trained with each of the seeds and searches by the beam alone. Recall on the train split stands beside:
where it rises and that of dev does not, the model learns its queries by heart. Tests are paired by query, over the mean
of the seeds. A trained model is kept in --work until it is searched, so that an interrupted run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from prefix_values import searched
from script import RESULTS, run_script, whole_numbers, write_results

from genret.data.records import Dataset, load_dataset
from genret.eval.compare import PerQuery, compare
from genret.eval.evaluation import answerable
from genret.eval.measures import evaluate
from genret.eval.result import TESTED, Grading, format_comparison, table
from genret.ground.artifacts import read_artifact, write_json
from genret.ground.hardware import processor
from genret.ground.settings import make_settings, read_preset, settings_dict
from genret.ground.types import SPLITS, Query, Split
from genret.index.index import Index
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import trained
from genret.training.saved import load_model
from genret.training.settings import ModelSettings, TrainSettings

UNTRAINED = "untrained"


def measured(retriever: Retriever, queries: Sequence[Query], grading: Grading, width: int) -> PerQuery:
    """Measure -> query id -> value, of the beam's own order."""
    run, _ = searched(retriever, queries, width)
    found = evaluate(run, grading.judgements, grading.relevant_at, grading.irrelevant_grade)
    return {name: found.per_query[name] for name in TESTED}


def averaged(seeds: Sequence[PerQuery]) -> PerQuery:
    """The mean of the seeds, query by query."""
    return {
        name: {query: float(np.mean([seed[name][query] for seed in seeds])) for query in seeds[0][name]}
        for name in seeds[0]
    }


class Trial:
    """A run whose model is trained anew by recipe and seed, and what its beams find."""

    def __init__(self, run: Path, work: Path, queries: Mapping[Split, Sequence[Query]], width: int) -> None:
        self.run, self.work, self.queries, self.width = run, work, queries, width
        dataset = load_dataset(run / "data")[0]
        self.gradings = {split: grading(dataset, split, asked) for split, asked in queries.items()}
        self.index = Index.open(run / "index")
        settings = read_artifact(run / "model", "model", verify=False).settings
        self.model = make_settings(ModelSettings, settings["model"])
        self.train = settings["train"]

    def of(self, name: str, recipe: Mapping[str, Any], seed: int) -> dict[str, PerQuery]:
        """Split -> what the beams find. Read from the work folder, where it was measured before."""
        path = self.work / f"{name}-{seed}.json"
        train = make_settings(TrainSettings, self.train, recipe, {"seed": seed})
        asked = {split: [query.id for query in queries] for split, queries in self.queries.items()}
        made_of = {"train": settings_dict(train), "beam_width": self.width, "queries": asked}
        if path.is_file() and (kept := json.loads(path.read_text(encoding="utf-8"))).get("made_of") == made_of:
            found: dict[str, PerQuery] = kept["found"]
            return found
        if train == make_settings(TrainSettings, self.train):
            model, text_tokenizer, _ = load_model(self.run / "model")
        else:
            model, text_tokenizer, *_ = trained(self.run, self.model, train, self.work / f"{name}-{seed}")
        retriever = Retriever(model, text_tokenizer, self.index)
        values: dict[str, PerQuery] = {
            split: measured(retriever, queries, self.gradings[split], self.width)
            for split, queries in self.queries.items()
        }
        write_json(path, {"made_of": made_of, "found": values})
        return values


def grading(dataset: Dataset, split: Split, queries: Sequence[Query]) -> Grading:
    """Of these queries of one split."""
    asked = {query.id for query in queries}
    judgements = [judgement for judgement in dataset.split_judgements(split) if judgement.query_id in asked]
    return Grading(judgements, dataset.relevant_at, dataset.irrelevant_grade)


def asked(run: Path, split: Split, train_queries: int) -> dict[Split, Sequence[Query]]:
    """The split's answerable queries, and as many of the train split as are wanted."""
    dataset = load_dataset(run / "data")[0]
    splits: tuple[Split, Split] = (split, "train")
    every = {one: list(dataset.split_queries(one)) for one in splits}
    found = {one: answerable(every[one], grading(dataset, one, every[one])) for one in splits}
    chosen = np.random.default_rng(0).permutation(len(found["train"]))[:train_queries].tolist()
    return {split: found[split], "train": [found["train"][place] for place in sorted(chosen)]}


def mean(values: PerQuery) -> dict[str, float]:
    """Of each measure, over the queries."""
    return {measure: float(np.mean(list(found.values()))) for measure, found in values.items()}


def markdown(head: str, values: Mapping[str, Mapping[str, PerQuery]], split: Split) -> str:
    """A row per recipe, and its difference from the untrained model."""
    tests = {
        (one.system, one.measure): format_comparison(one)
        for one in compare({name: splits[split] for name, splits in values.items()}, UNTRAINED, TESTED)
    }
    rows = []
    for name, splits in values.items():
        means = [f"{value:.3f}" for value in mean(splits[split]).values()]
        learnt = f"{mean(splits['train'])['recall@10']:.3f}"
        rows.append([name, *means, learnt, tests.get((name, "recall@10"), ""), tests.get((name, "nDCG@10"), "")])
    columns = ["recipe", *TESTED, "train recall@10", "difference at recall@10", "at nDCG@10"]
    return f"{head}\n\n{table(columns, rows)}"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--recipes", type=click.Path(path_type=Path), help="TOML. Default: the training that RUN's model had.")
@click.option("--seeds", type=whole_numbers, default="0", show_default=True, help="Comma-separated.")
@click.option("--split", type=click.Choice(SPLITS), default="dev", show_default=True)
@click.option("--train-queries", type=click.IntRange(1), default=500, show_default=True)
@click.option("--beam-width", type=click.IntRange(1), default=100, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), help="[default: RUN/training]")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/training/NAME-SPLIT]")
def main(
    run: Path,
    recipes: Path | None,
    seeds: list[int],
    split: Split,
    train_queries: int,
    beam_width: int,
    work: Path | None,
    out: Path | None,
) -> None:
    """Recall of models trained by each recipe beside that of the untrained start, over the RUN's IDs."""
    given = read_preset(recipes)["recipe"] if recipes else {"trained": {}}
    trial = Trial(run, work or run / "training", asked(run, split, train_queries), beam_width)
    trial.work.mkdir(parents=True, exist_ok=True)
    values = {UNTRAINED: trial.of(UNTRAINED, {"max_steps": 0}, 0)}
    for name, recipe in given.items():
        found = [trial.of(name, recipe, seed) for seed in seeds]
        values[name] = {one: averaged([splits[one] for splits in found]) for one in found[0]}
        click.echo(markdown(name, {key: values[key] for key in (UNTRAINED, name)}, split), err=True)
    settings = {
        name: settings_dict(make_settings(TrainSettings, trial.train, recipe)) for name, recipe in given.items()
    }
    head = (
        f"{run.resolve().name}, {split} split: {len(trial.queries[split])} queries, beam {beam_width} alone, mean of "
        f"seeds {','.join(map(str, seeds))}, float32 on {processor()}. Differences from `{UNTRAINED}`: mean over "
        "queries, 95 % interval, p (Holm)."
    )
    out = out or RESULTS / "training" / f"{run.resolve().name}-{split}"
    means = {name: {one: mean(per) for one, per in splits.items()} for name, splits in values.items()}
    figures = {"seeds": seeds, "beam_width": beam_width, "recipes": settings, "means": means}
    write_results(out, "training", figures, markdown(head, values, split))


if __name__ == "__main__":
    run_script(main)
