"""A data set to a retriever in one call, for Python: `build_run("runs/mine", dataset)` is what `genret build` does.

Finished stages are reused, interrupted ones go on from their last checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genret.data.records import Dataset
from genret.embed.fine_tuning import TwoTowerRecipe
from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError
from genret.ground.progress import expecting
from genret.ground.typed import typed, typed_fields
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
from genret.tokenizer.settings import TokenizerSettings
from genret.training.settings import ModelSettings, TrainSettings


@dataclass(frozen=True)
@typed_fields
class BuildSettings:
    """The settings of every stage."""

    embed: EmbedSettings = field(default_factory=EmbedSettings)
    tokenizer: TokenizerSettings = field(default_factory=TokenizerSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    two_tower: TwoTowerRecipe | None = None
    """How to fine-tune the encoder, where `embed.model` is `two-tower`."""


def expected(tokenizer: TokenizerSettings, train: TrainSettings) -> dict[str, float]:
    """Stage -> how long it takes beside the others: seconds of one slow processor, by the defaults' builds."""
    practice = train.max_steps * train.batch_size * train.accumulate / 256
    return {"embed": 140.0, "tokenizer": 0.17 * tokenizer.steps, "train": 0.9 * practice, "index": 5.0}


@typed
def build_run(
    run: str | Path,
    dataset: Dataset | Callable[[], Dataset],
    settings: BuildSettings | None = None,
    *,
    progress: bool = True,
) -> Retriever:
    """The retriever of `dataset`, built in the folder `run`: data, embeddings, tokenizer, model and index.

    `dataset` may be a function that makes it. Raises GenretError for what the user can put right.

    >>> retriever = build_run("runs/mine", read_files_dataset("products.csv"))  # doctest: +SKIP
    >>> retriever.search("oat milk", k=3)  # doctest: +SKIP
    """
    settings, folder = settings or BuildSettings(), Path(run)
    made = dataset if isinstance(dataset, Dataset) else dataset()
    if not isinstance(made, Dataset):
        raise GenretError(f"dataset={type(made).__name__}: expected a Dataset, as read_files_dataset gives one")
    data_stage(folder, lambda: made, {"format": "memory", "content": digest(made)})
    with expecting(expected(settings.tokenizer, settings.train)):
        embed_stage(folder, settings.embed, settings.two_tower, progress=progress)
        tokenize_stage(folder, settings.tokenizer, progress=progress)
        train_stage(folder, settings.model, settings.train, progress=progress)
        index_stage(folder)
    return Retriever.load(folder)


def digest(dataset: Dataset) -> str:
    """What tells one data set from another: a hash of all that it holds."""
    found = hashlib.sha256()

    def take(value: Any) -> None:
        found.update(repr(value).encode("utf-8", "surrogatepass"))

    for batch in dataset.catalogue.table.to_batches(max_chunksize=65_536):
        take(batch.to_pylist())
    take(sorted((split, list(queries)) for split, queries in dataset.queries.items()))
    for part in (dataset.judgements, dataset.substitutes, dataset.sessions, sorted(dataset.true_categories.items())):
        take(list(part))
    take((dataset.name, dataset.relevant_at, dataset.irrelevant_grade))
    return found.hexdigest()[:16]
