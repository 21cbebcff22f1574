"""Calls of the public functions with wrong arguments: every argument in turn gets every value that it can't take.

python tests/fuzz/calls.py RUN      prints calls, those answered by a GenretError, other outcomes, and the slowest
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import torch

from genret import BuildSettings, Retriever, build_run, column, evaluate_run, named
from genret.data import (
    attach_judgements,
    read_catalogue,
    read_dataset,
    read_files_dataset,
    read_judgements,
    read_queries,
)
from genret.data.grocery import GrocerySettings
from genret.data.records import load_dataset
from genret.embed.settings import EmbedSettings
from genret.eval.measures import evaluate, recall_at
from genret.eval.runs import ranked, read_qrels, read_trec_run, write_qrels, write_trec_run
from genret.eval.systems.bench import SystemSettings
from genret.ground.errors import GenretError
from genret.ground.types import Judgement
from genret.index.filter_text import parse
from genret.index.index import Index
from genret.search.beam import BeamSettings
from genret.search.logits import generate_ids
from genret.tokenizer.settings import TokenizerSettings
from genret.training.settings import ModelSettings, TrainSettings

COUNT: tuple[object, ...] = ("3", None, 0, -1, 2.5, True, [3], float("nan"), {})
NONE_OR_MORE: tuple[object, ...] = ("3", None, -1, 2.5, True, [3], float("nan"), {})
MAYBE_COUNT: tuple[object, ...] = ("3", 0, -1, 2.5, True, [3], float("nan"), {})
NUMBER: tuple[object, ...] = ("3", None, True, [3], {}, b"1")
FLAG: tuple[object, ...] = ("yes", 1, None, [], 0.0)
TEXT = (None, 5, b"x", ["x"], 1.5, "\ud800")
PATH = (None, 5, b"x", ["x"], 1.5, True)
OPTIONAL_PATH = (5, b"x", ["x"], 1.5, True)
CHOICE: tuple[object, ...] = (5, "no such", [], True, "")
LISTING = (5, "x", True, {"x": 1}, 1.5)
TABLE = (5, "x", True, [1], 1.5)


class Call(NamedTuple):
    """A function, arguments that are right, and for each the values that are wrong."""

    function: Callable[..., Any]
    right: dict[str, Any]
    wrong: dict[str, tuple[Any, ...]]

    def __iter__(self) -> Iterator[tuple[str, Any, Callable[[], Any]]]:  # type: ignore[override]
        for name, values in self.wrong.items():
            for value in values:
                yield name, value, partial(self.function, **{**self.right, name: value})


def calls(run: Path, folder: Path) -> list[Call]:
    """What is called. `folder` is for files."""
    return [
        *_searching(run),
        *_conditions(),
        *_reading(run, folder),
        *_judging(run, folder),
        *_settings(),
        Call(build_run, {"run": folder / "r"}, {"dataset": (None, 5, "x"), "settings": (5, "x", {})}),
        Call(Index.open, {}, {"path": (*PATH, "no such")}),
    ]


def _searching(run: Path) -> list[Call]:
    retriever = Retriever.load(run)
    tokens = dict(zip(("input_ids", "attention_mask"), retriever.tokens(["milk"]), strict=True))
    generate = {
        "model": retriever.model,
        "inputs": tokens,
        "trie": retriever.index.trie,
        "vocab": retriever.model.vocab,
    }
    search = {
        **{"queries": (None, 5, b"x", {"x": 1}, [None], [""], "", "\ud800", "x" * 20_000), "k": COUNT},
        **{"beam_width": MAYBE_COUNT, "exact": FLAG, "max_per_prefix": MAYBE_COUNT, "errors": CHOICE},
        **{"where": (5, b"x", [], "price <", "\ud800", "x" * 30_000, 'brand = "no such"', "nothing = 1", True)},
        **{"rescore": ("yes", -1, float("nan"), None, [1])},
    }
    explain = {"query": (None, 5, b"x", [], ""), "k": COUNT, "beam_width": MAYBE_COUNT, "where": (5, "price <")}
    beam: dict[str, tuple[Any, ...]] = {"k": COUNT, "beam_width": COUNT, "exact": FLAG, "max_rows": COUNT}
    return [
        Call(retriever.search, {"queries": "milk", "k": 3}, search),
        Call(retriever.explain, {"query": "milk", "k": 3}, explain),
        Call(retriever.decoder, {"queries": ["milk"]}, {"queries": (None, 5, b"x", {}, [None], [""])}),
        Call(
            Retriever.load,
            {"folder": run},
            {"folder": (*PATH, "no such"), "device": (5, None, "no such", [], "cuda:99")},
        ),
        Call(BeamSettings, {"k": 3}, {**beam, "max_per_prefix": MAYBE_COUNT, "prefix_levels": COUNT}),
        Call(generate_ids, generate, {"num_beams": COUNT}),
    ]


def _conditions() -> list[Call]:
    price, brand = column("price"), column("brand")
    return [
        Call(column, {"name": "brand"}, {"name": (None, 5, b"x", [], "\ud800"), "nocase": FLAG}),
        Call(named, {"name": "x"}, {"name": (None, 5, b"x", [], "\ud800")}),
        Call(parse, {"text": "available"}, {"text": TEXT}),
        Call(lambda value: brand == value, {}, {"value": (None, b"x", [], {}, "\ud800")}),
        Call(lambda value: price < value, {}, {"value": (None, b"x", [], {}, "\ud800")}),
        Call(lambda value: brand.isin(value), {}, {"value": (None, 5, "abc", [None], [b"x"])}),
        Call(lambda value: brand.has(value), {}, {"value": TEXT}),
        Call(lambda value: brand.under(value), {}, {"value": (None, 5, b"x", [None])}),
        Call(lambda value: named("available") & value, {}, {"value": (None, 5, "x", [])}),
    ]


def _reading(run: Path, folder: Path) -> list[Call]:
    (folder / "p.csv").write_text("id,title\n1,milk\n")
    (folder / "q.csv").write_text("id,text\n1,milk\n")
    (folder / "j.csv").write_text("query,product_id,grade\nmilk,1,1\n")
    dataset = load_dataset(run / "data")[0]
    reading = {"format": CHOICE, "columns": TABLE, "on_bad_row": CHOICE, "rejects": OPTIONAL_PATH}
    return [
        Call(read_catalogue, {"path": folder / "p.csv"}, {"path": PATH, **reading, "clean": FLAG}),
        Call(read_queries, {"path": folder / "q.csv"}, {"path": PATH, **reading}),
        Call(read_judgements, {"path": folder / "j.csv"}, {"path": PATH, **reading}),
        Call(
            read_files_dataset,
            {"products": folder / "p.csv"},
            {
                "products": PATH,
                "queries": OPTIONAL_PATH,
                "judgements": OPTIONAL_PATH,
                "limit": MAYBE_COUNT,
                "seed": NUMBER,
            }
            | {"relevant_at": NUMBER, "irrelevant_grade": NUMBER, **reading},
        ),
        Call(read_dataset, {"name": "files", "path": folder}, {"name": CHOICE, "path": PATH, "limit": MAYBE_COUNT}),
        Call(
            attach_judgements,
            {"dataset": dataset, "path": folder / "j.csv"},
            {"dataset": (None, 5, "x"), "path": PATH, "queries": OPTIONAL_PATH, **reading},
        ),
    ]


def _judging(run: Path, folder: Path) -> list[Call]:
    judgements, ranking = [Judgement("q", "a", 1.0)], {"q": ranked(["a"], [1.0])}
    graded: dict[str, Any] = {"run": ranking, "judgements": judgements}
    return [
        Call(evaluate, graded, {"run": TABLE, "judgements": LISTING, "relevant_at": (*NUMBER, float("nan"), 0.0)}),
        Call(recall_at, {**graded, "k": 1}, {"run": TABLE, "judgements": LISTING, "k": ("3", None, 2.5, True, [3])}),
        Call(
            write_trec_run, {"path": folder / "r", "run": ranking}, {"path": PATH, "run": TABLE, "tag": (None, 5, "")}
        ),
        Call(write_qrels, {"path": folder / "q", "judgements": judgements}, {"path": PATH, "judgements": LISTING}),
        Call(read_trec_run, {}, {"path": (*PATH, "no such")}),
        Call(read_qrels, {}, {"path": (*PATH, "no such")}),
        Call(
            evaluate_run,
            {"folder": run, "systems": ("bm25",)},
            {
                "folder": (*PATH, "no such"),
                "split": CHOICE,
                "systems": (5, True, ("no such",)),
                "settings": (5, "x", {}),
            },
        ),
    ]


def _settings() -> list[Call]:
    return [
        Call(BuildSettings, {}, {"embed": (5, None, {}), "train": (5, None, {}), "model": (5,), "tokenizer": ("x",)}),
        Call(EmbedSettings, {}, {"model": TEXT[:5], "dim": COUNT}),
        Call(GrocerySettings, {}, {"products": NONE_OR_MORE, "seed": NUMBER}),
        Call(TokenizerSettings, {}, {"lam": NUMBER, "steps": COUNT, "codebook_sizes": LISTING, "batch_size": COUNT}),
        Call(TrainSettings, {}, {"lr": NUMBER, "max_steps": NONE_OR_MORE, "batch_size": COUNT, "seed": NUMBER}),
        Call(ModelSettings, {}, {"d_model": COUNT, "encoder": (5, [], 1.5)}),
        Call(SystemSettings, {}, {"k": COUNT, "beam_width": COUNT, "tune_grid": CHOICE, "lexical_weight": NUMBER}),
    ]


class Answers(NamedTuple):
    calls: int
    other: list[str]
    """Calls that were answered by something else than a GenretError."""
    slowest: tuple[float, str]
    """Seconds of processor time, and the call."""


def answers(run: Path) -> Answers:
    """Make all the calls."""
    count, other, slowest = 0, [], (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        for call in calls(run, Path(folder)):
            for name, value, make in call:
                begun, count = process_time(), count + 1
                what = f"{getattr(call.function, '__qualname__', call.function)}({name}={value!r:.40})"
                try:
                    with torch.inference_mode():
                        found = make()
                    other.append(f"{what} gave {found!r:.60}")
                except GenretError:
                    pass
                except Exception as error:  # what is looked for
                    other.append(f"{what} raised {type(error).__name__}: {error!s:.100}")
                slowest = max(slowest, (process_time() - begun, what))
    return Answers(count, other, slowest)


if __name__ == "__main__":
    made = answers(Path(sys.argv[1]))
    seconds, which = made.slowest
    print(
        f"{made.calls} calls, {len(made.other)} not answered by a GenretError, "
        f"slowest {seconds:.3f} s of processor time ({which})"
    )
    print("\n".join(made.other))
