"""A run's stages with their heavy parts shared out: embedding, coding, collisions, and shards of the index.

What learns stays in this process, as it is in `genret.pipeline.stages`: the embedder and the tokenizer of a sample, and
the index of the whole of all products; the seq2seq model too, unless Ray Train is asked for (`training.py`). The
artifacts are those that these stages write, to the byte; a model that several processes trained, up to rounding.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genret.data.product_text import TEXT_FIELDS
from genret.data.records import Dataset
from genret.data.samples import ProductRows, load_sampled, sample_rows
from genret.embed.catalogue import CHUNK, fit_embedder, save_embeddings
from genret.embed.settings import LSA, TOWERS, EmbedSettings
from genret.ground.arrays import Floats
from genret.ground.artifacts import MANIFEST
from genret.ground.files import whole_file, whole_folder, write_npy
from genret.ground.settings import settings_dict
from genret.index.shards import Shards
from genret.pipeline.distributed.blocks import Blocks, L1Range, l1_counts, l1_ranges
from genret.pipeline.distributed.codes import GroupsJob, groups_apart, load_group, resolve_group
from genret.pipeline.distributed.encoding import BlockEmbedder, CodesJob, EmbedJob, encode_block
from genret.pipeline.distributed.engine import Workers
from genret.pipeline.distributed.shards import FOLDER, ShardsJob, build_shard
from genret.pipeline.folder import RunFolder
from genret.pipeline.split import empty, prepared
from genret.pipeline.stages import (
    StageResult,
    embed_stage,
    embedding_plan,
    fitted_tokenizer,
    stage,
    tokenize_stage,
    train_stage,
)
from genret.tokenizer.judging.health import health
from genret.tokenizer.judging.usage import Given, all_given, of_whole
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import CHUNK as ENCODED
from genret.tokenizer.tokenizer import Tokenizer, load_tokenizer, save_tokenizer

if TYPE_CHECKING:
    from genret.embed.fine_tuning import TwoTowerRecipe
    from genret.training.settings import ModelSettings, TrainSettings

FITTED = "fitted"
"""The folder, below a stage's checkpoints, of the tokenizer that workers read."""
GROUPS, PRODUCTS_OF_A_GROUP = 16, 250_000
"""L1 ranges that are resolved one by one: so many at least, and so many products to one."""


class Stages:
    """The stages that can be shared out, over workers or, without any, in this process."""

    def __init__(self, workers: Workers | None) -> None:
        self.workers = workers

    def embed(self, run: Path, settings: EmbedSettings, recipe: TwoTowerRecipe | None = None) -> StageResult:
        """RUN/embeddings from RUN/data; vectors of one's own are matched in this process."""
        if self.workers is None or settings.vectors:
            return embed_stage(run, settings, recipe)
        return embed_over(self.workers, run, settings, recipe)

    def tokenize(self, run: Path, settings: TokenizerSettings) -> StageResult:
        """RUN/tokenizer from RUN/data and RUN/embeddings."""
        return tokenize_stage(run, settings) if self.workers is None else tokenize_over(self.workers, run, settings)

    def train(self, run: Path, model: ModelSettings, settings: TrainSettings, ranks: int | None = None) -> StageResult:
        """RUN/model from RUN/data and RUN/tokenizer: in this process, or by so many of Ray Train's."""
        if self.workers is None or ranks is None:
            return train_stage(run, model, settings)
        from genret.pipeline.distributed.training import train_over

        return train_over(self.workers, run, model, settings, ranks)

    def shards(self, run: Path, count: int) -> Shards:
        """RUN/shards beside RUN/index, by workers."""
        assert self.workers is not None, "the command line asks for them"
        return shards_over(self.workers, run, count)


def embed_over(
    workers: Workers, run: Path, settings: EmbedSettings, recipe: TwoTowerRecipe | None = None
) -> StageResult:
    """RUN/embeddings from RUN/data, the products' texts embedded by actors."""
    folder = RunFolder(run)
    data = folder.artifact("data", verify=True)
    plan = embedding_plan(tuple(data.settings.get("text_fields", TEXT_FIELDS)), settings, recipe)

    def make(out: Path, inputs: Mapping[str, str], scratch: Path) -> None:
        fitted, wanted = scratch / "embedder", plan.settings
        if not fitted.is_dir():
            dataset = load_sampled(data, wanted.sample, wanted.seed, judged=True)
            embedder = fit_embedder(dataset, wanted, True, plan.recipe, scratch)
            with whole_folder(fitted) as temporary:
                embedder.save(temporary)
        products = data.file("products.parquet")
        blocks = Blocks((scratch / "blocks").resolve(), len(ProductRows(products)), CHUNK)
        job = EmbedJob(products.resolve(), fitted.resolve(), wanted.fields, blocks)
        workers.run_actors(BlockEmbedder, job, blocks.missing(), "embed", gpu=wanted.model not in (LSA, TOWERS))
        copy = partial(shutil.copytree, fitted, dirs_exist_ok=True)  # as it was saved, and not as it would be again
        save_embeddings(out, copy, blocks.parts(), wanted, inputs)

    return stage(folder, "embeddings", {"dataset": data.fingerprint}, plan.own, make)


def tokenize_over(workers: Workers, run: Path, settings: TokenizerSettings) -> StageResult:
    """RUN/tokenizer from RUN/data and RUN/embeddings: trained here on its sample; blocks and L1 groups shared out."""
    folder = RunFolder(run)
    made = folder.artifact("data", verify=True), folder.vectors()[1]

    def make(out: Path, inputs: Mapping[str, str], scratch: Path) -> None:
        _write_tokenizer(workers, folder, settings, out, inputs, scratch)

    inputs = {artifact.kind: artifact.fingerprint for artifact in made}
    return stage(folder, "tokenizer", inputs, settings_dict(settings), make)


def shards_over(workers: Workers, run: Path, count: int) -> Shards:
    """RUN/shards: the index in `count` shards by L1 range, as `genret shards RUN --out RUN/shards` cuts it."""
    splitter, snapshot, ends = prepared(run.resolve(), run.resolve() / FOLDER, count)
    job = ShardsJob(run.resolve(), splitter, tuple(ends.tolist()))
    made = workers.run(build_shard, job, range(count), "shards")
    return splitter.finish(sorted(made, key=lambda shard: shard.start), empty(snapshot))


def _write_tokenizer(
    workers: Workers,
    run: RunFolder,
    settings: TokenizerSettings,
    out: Path,
    inputs: Mapping[str, str],
    scratch: Path,
) -> None:
    vectors, embeddings = run.vectors()
    data = run.artifact("data")
    part = load_sampled(data, settings.sample, settings.seed)
    rows = sample_rows(len(vectors), settings.sample, settings.seed)
    some = vectors if rows is None else vectors[rows]
    tokenizer = _fitted(part, some, settings, scratch)
    codes, done = _coded(workers, embeddings.file("embeddings.npy"), tokenizer, len(vectors), scratch)
    own = np.asarray(codes if rows is None else codes[rows], np.int64)
    report = health(tokenizer, own, some, part.catalogue.categories, part.substitute_rows())
    if rows is not None:
        report = of_whole(report, tokenizer, done)
    pieces = ProductRows(data.file("products.parquet")).ids()
    ids = chain.from_iterable(piece.to_pylist() for piece in pieces)
    save_tokenizer(tokenizer, codes, ids, out, inputs, health=report.to_json())


def _fitted(part: Dataset, vectors: Floats, settings: TokenizerSettings, scratch: Path) -> Tokenizer:
    """The tokenizer that the sample's products teach, from its own artifact in `scratch`, where workers read it too."""
    folder = scratch / FITTED
    if not (folder / MANIFEST).is_file():
        trained = fitted_tokenizer(part, vectors, settings, scratch, True)
        save_tokenizer(trained, np.zeros((0, settings.levels), np.int32), [], folder)
    return load_tokenizer(folder)[0]


def _coded(
    workers: Workers, vectors: Path, tokenizer: Tokenizer, count: int, scratch: Path
) -> tuple[npt.NDArray[np.int32], Given]:
    """The (N, L) IDs of a catalogue, on disk, and what giving them did."""
    fitted, levels = (scratch / FITTED).resolve(), len(tokenizer.codebook_sizes)
    latents, nearest = (Blocks((scratch / name).resolve(), count, ENCODED) for name in ("latents", "nearest"))
    missing = sorted({*latents.missing(), *nearest.missing()})
    workers.run(encode_block, CodesJob(vectors.resolve(), fitted, latents, nearest), missing, "encode")
    joined = (scratch / "nearest.npy").resolve()
    with whole_file(joined) as temporary:
        write_npy(temporary, nearest.parts(), (count, levels), np.int32)
    job = GroupsJob(joined, latents, fitted, (scratch / "groups").resolve())
    counts = l1_counts(np.load(joined, mmap_mode="r"), tokenizer.codebook_sizes[0])
    parts = max(GROUPS, -(-count // PRODUCTS_OF_A_GROUP)) if groups_apart(tokenizer) else 1
    ranges = l1_ranges(counts, parts)
    workers.run(resolve_group, job, [one for one in ranges if load_group(job, one) is None], "resolve")
    return _joined(job, ranges, scratch / "codes.npy", (count, levels + (tokenizer.settings.collisions == "suffix")))


def _joined(
    job: GroupsJob, ranges: Sequence[L1Range], file: Path, shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int32], Given]:
    """The IDs of all groups in catalogue order, in a file, and what was done to all."""
    codes, done = np.lib.format.open_memmap(file, mode="w+", dtype=np.int32, shape=shape), []
    for one in ranges:
        group = load_group(job, one)
        assert group is not None, "its job has ended"
        codes[group.rows] = group.codes
        done.append(group.given)
    return codes, all_given(done)
