"""Products that nothing was trained on: can they be found? A run is built again without some of its products.

The embedder, the tokenizer and the model of the new run never see the products withheld. These are then embedded, given
IDs by the tokenizer alone, and inserted into the live index, as a shop's new arrivals would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.embed.fine_tuning import TwoTowerRecipe
from genret.embed.settings import TWO_TOWER, EmbedSettings
from genret.eval.compare import DECIMALS, ROUNDS, Interval
from genret.eval.evaluation import own_queries
from genret.eval.measures import recall
from genret.eval.result import format_interval, table
from genret.eval.runs import RankedList, Run
from genret.eval.systems.bench import Bench, Prepared, System, SystemSettings, dense_search
from genret.eval.systems.dense import Dense
from genret.ground.errors import GenretError
from genret.ground.settings import check_ranges, make_settings
from genret.ground.types import SPLITS, Judgement, Product, Split
from genret.pipeline.folder import RunFolder

SYSTEMS = ("bm25", "dense", "generative", "generative-rescored", "generative-mixed")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ColdStartSettings:
    """How many products are withheld, and how they are looked for."""

    share: float = 0.05
    seed: int = 0
    k: int = 50
    beam_width: int = 100
    split: Split = "test"
    systems: tuple[str, ...] = SYSTEMS

    def __post_init__(self) -> None:
        check_ranges(self, "share", 0, 1, above=True, below=True)
        check_ranges(self, "k beam_width", 1)
        if self.split not in SPLITS:
            raise GenretError(f"split={self.split!r}: expected one of {', '.join(SPLITS)}")


class ColdRow(NamedTuple):
    """One system's recall@k, with 95 % bootstrap intervals over queries."""

    system: str
    withheld: Interval
    """Of the withheld products, over the queries that want one."""
    same_queries: Interval
    """Of the trained-on products that those same queries want."""
    trained_on: Interval
    """Of the trained-on products, over all queries that want one."""
    share_same: Interval
    """withheld / same_queries."""
    share_all: Interval
    """withheld / trained_on."""


@dataclass(frozen=True)
class ColdStart:
    """What was withheld and how well it is found. `chance` is the recall@k of a random order."""

    dataset: str
    settings: ColdStartSettings
    products: int
    withheld: int
    queries: int
    """That want a withheld product."""
    pairs: int
    """How many pairs of such a query and a withheld product that it wants."""
    chance: float
    rows: tuple[ColdRow, ...]

    def to_json(self) -> dict[str, Any]:
        rows = [
            {"system": row.system, **{name: getattr(row, name)._asdict() for name in ColdRow._fields[1:]}}
            for row in self.rows
        ]
        return {**asdict(self), "rows": rows}

    def markdown(self) -> str:
        """One table, and above it what was withheld and asked."""
        k = self.settings.k
        head = (
            f"{self.dataset}, {self.settings.split} split: {self.withheld} of {self.products} products withheld from "
            "the training of embedder, tokenizer and model, then embedded, given IDs by the tokenizer and inserted "
            f"into the live index (seed {self.settings.seed}). {self.queries} queries want {self.pairs} of them. "
            f"Recall@{k} of a random order: {self.chance:.4f}. Means over queries with 95 % bootstrap intervals."
        )
        columns = [
            "system",
            f"withheld: recall@{k}",
            "trained on, same queries",
            "trained on, all queries",
            "withheld / same queries",
            "withheld / all queries",
        ]
        rows = [
            [
                row.system,
                format_interval(row.withheld),
                format_interval(row.same_queries),
                format_interval(row.trained_on),
                format_interval(row.share_same),
                format_interval(row.share_all),
            ]
            for row in self.rows
        ]
        return f"{head}\n\n{table(columns, rows)}"


def cold_start(
    run: Path,
    cold: Path,
    settings: ColdStartSettings | None = None,
    recipe: TwoTowerRecipe | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ColdStart:
    """Build `run` again in `cold` without some products, insert them, and look for them.

    `recipe`: how its encoder was fine-tuned, for a run whose embeddings are a two-tower's own.
    """
    settings = settings or ColdStartSettings()
    dataset = RunFolder(run).dataset()
    withheld = drawn(dataset, settings)
    build_without(run, cold, withheld, settings, recipe, say)
    vectors = insert(cold, [dataset.catalogue[dataset.catalogue.row(one)] for one in withheld])
    queries, grading = own_queries(dataset, settings.split)
    search = SystemSettings(k=settings.k, beam_width=settings.beam_width)
    bench = Bench(dataset, queries, search, RunFolder(cold), {"dense": _dense(cold, withheld, vectors)}, say)
    runs = {name: bench.answer(name).run for name in settings.systems}
    relevant = [j for j in grading.judgements if j.grade >= grading.relevant_at]
    return measured(dataset, relevant, set(withheld), runs, settings)


def drawn(dataset: Dataset, settings: ColdStartSettings) -> list[str]:
    """The ids of the products to withhold: a seeded sample, in catalogue order."""
    count = round(settings.share * len(dataset.catalogue))
    if not 0 < count < len(dataset.catalogue):
        raise GenretError(
            f"share={settings.share} of {len(dataset.catalogue)} products is {count}; withhold at least one, not all"
        )
    rows = np.random.default_rng(settings.seed).permutation(len(dataset.catalogue))[:count]
    return [dataset.catalogue.ids[row] for row in np.sort(rows)]


def without(dataset: Dataset, withheld: Iterable[str]) -> Dataset:
    """The data set with no trace of some products: not in its catalogue, judgements, pairs or baskets."""
    gone = set(withheld)
    rows = [row for row, product in enumerate(dataset.catalogue.ids) if product not in gone]
    sessions = (tuple(product for product in session if product not in gone) for session in dataset.sessions)
    return replace(
        dataset,
        catalogue=dataset.catalogue.take(rows),
        judgements=[j for j in dataset.judgements if j.product_id not in gone],
        substitutes=[pair for pair in dataset.substitutes if not gone.intersection(pair)],
        sessions=[session for session in sessions if session],
        true_categories={product: path for product, path in dataset.true_categories.items() if product not in gone},
    )


def build_without(
    run: Path,
    cold: Path,
    withheld: Sequence[str],
    settings: ColdStartSettings,
    recipe: TwoTowerRecipe | None,
    say: Callable[[str], None],
) -> None:
    """Every stage of `run` again in `cold`, with the same settings, over its data without the products withheld."""
    from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    folder = RunFolder(run)
    dataset, data = folder.dataset(), folder.artifact("data")
    embed = make_settings(EmbedSettings, folder.artifact("embeddings").settings)
    tokenizer = make_settings(TokenizerSettings, folder.artifact("tokenizer").settings)
    both = folder.artifact("model").settings
    model, train = make_settings(ModelSettings, both["model"]), make_settings(TrainSettings, both["train"])
    if embed.model == TWO_TOWER and recipe is None:
        raise GenretError(f"{run}: its encoder was fine-tuned; give the recipe, which artifacts do not hold")
    source = {"without": settings.share, "seed": settings.seed, "of": data.fingerprint}
    stages = {
        "data": lambda: data_stage(cold, lambda: without(dataset, withheld), source),
        "embed": lambda: embed_stage(cold, embed, recipe, progress=False),
        "tokenize": lambda: tokenize_stage(cold, tokenizer, progress=False),
        "train": lambda: train_stage(cold, model, train),
        "index": lambda: index_stage(cold),
    }
    for name, stage in stages.items():
        result = stage()
        say(f"{name}: {'up to date' if result.reused else f'{result.seconds:.1f} s'}")


def insert(cold: Path, products: Sequence[Product]) -> npt.NDArray[np.float32]:
    """Put new products into the live index, as a shop would, under the run's collision policy; their (n, D) embeddings.

    Products that the index already holds, from an earlier call, are left as they are.
    """
    from genret.pipeline.stock import put_products

    run = RunFolder(cold)
    index = run.index()
    new = [product for product in products if product.id not in index]
    index.close()
    put_products(cold, new)
    fields = run.embedded_fields()
    return run.embedder().encode_products([product_text(product, fields) for product in products])


def measured(
    dataset: Dataset,
    relevant: Sequence[Judgement],
    withheld: set[str],
    runs: Mapping[str, Run],
    settings: ColdStartSettings,
) -> ColdStart:
    """Recall@k of withheld and trained-on products, a row per system. `relevant`: judgements that count."""
    wanted: dict[str, tuple[set[str], set[str]]] = {}  # query -> withheld, trained on
    for judgement in relevant:
        cold, warm = wanted.setdefault(judgement.query_id, (set(), set()))
        (cold if judgement.product_id in withheld else warm).add(judgement.product_id)
    pairs = sum(len(cold) for cold, _ in wanted.values())
    if not pairs:
        raise GenretError(
            f"no {settings.split} query of {dataset.name!r} wants one of the {len(withheld)} withheld products; "
            "withhold a larger share"
        )
    return ColdStart(
        dataset=dataset.name,
        settings=settings,
        products=len(dataset.catalogue),
        withheld=len(withheld),
        queries=sum(bool(cold) for cold, _ in wanted.values()),
        pairs=pairs,
        chance=min(1.0, settings.k / len(dataset.catalogue)),
        rows=tuple(_row(name, found, wanted, settings) for name, found in runs.items()),
    )


def _row(name: str, run: Run, wanted: Mapping[str, tuple[set[str], set[str]]], settings: ColdStartSettings) -> ColdRow:
    recalls = np.full((2, len(wanted)), np.nan)  # withheld, trained on; NaN where a query wants none
    for column, (query, groups) in enumerate(wanted.items()):
        products = run.get(query, RankedList((), ())).products
        for row, group in enumerate(groups):
            if group:
                recalls[row, column] = recall(products, group, settings.k)
    same = np.where(np.isnan(recalls[0]), np.nan, recalls[1])
    return ColdRow(name, *_intervals(recalls[0], same, recalls[1], settings.seed))


def _intervals(cold: Floats, same: Floats, warm: Floats, seed: int) -> list[Interval]:
    """Means of three (Q,) arrays over their numbers, and the first over each other, by one bootstrap of the queries."""
    values = np.stack([cold, same, warm])  # (3, Q)
    held = ~np.isnan(values)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(values.shape[1], np.full(values.shape[1], 1 / values.shape[1]), ROUNDS)  # (R, Q)
    weights = np.concatenate([np.ones((1, values.shape[1])), counts])  # the first row is the sample itself
    means = (weights @ np.nan_to_num(values).T) / np.maximum(weights @ held.T, 1)  # (1 + R, 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(means[:, 1:] > 0, means[:, :1] / means[:, 1:], 0.0)
    found = np.round(np.concatenate([means, shares], axis=1), DECIMALS)  # (1 + R, 5)
    low, high = np.quantile(found[1:], (0.025, 0.975), axis=0)
    return [Interval(*map(float, triple)) for triple in zip(found[0], low, high, strict=True)]


def _dense(cold: Path, withheld: Sequence[str], vectors: npt.NDArray[np.float32]) -> System:
    """Exact nearest neighbours by the embedder that never saw the withheld products, over all products."""

    def prepare(bench: Bench) -> Prepared:
        known = RunFolder(cold).embedded()
        ids = [*known.dataset.catalogue.ids, *withheld]
        index = Dense(np.concatenate([known.vectors, vectors]), ids)
        return Prepared(dense_search(index, RunFolder(cold).embedder(), bench.depth), {})

    return prepare
