"""The stages, run on a folder: data, embeddings, tokenizer, model, index.

A stage reads the artifacts before it, checks that they belong together, and writes its own. A stage whose settings and
inputs are those of the artifact already there is not run again.

>>> index_stage(Path("runs/demo")).reused
True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from genret.data.engagement import co_engaged
from genret.data.records import Dataset, load_dataset, save_dataset
from genret.data.samples import sample_rows, sampled
from genret.embed.catalogue import embed_catalogue
from genret.embed.embedder import QueryBag
from genret.embed.fine_tuned import tuned_encoder
from genret.embed.settings import LSA, TOWERS, TWO_TOWER, VECTORS, EmbedSettings
from genret.ground.arrays import Floats
from genret.ground.artifacts import Artifact, sha256
from genret.ground.errors import GenretError
from genret.ground.ranks import agreed, is_main, main_alone, wait
from genret.ground.settings import settings_dict
from genret.pipeline.folder import Part, RunFolder

if TYPE_CHECKING:
    from genret.embed.fine_tuning import TwoTowerRecipe
    from genret.index.build import Carry
    from genret.index.store import State
    from genret.index.tuning import TuneSettings
    from genret.tokenizer.settings import TokenizerSettings
    from genret.tokenizer.tokenizer import Tokenizer
    from genret.training.settings import ModelSettings, TrainSettings
    from genret.training.trainer import Trained

OnChanges: TypeAlias = Literal["keep", "drop"]
EMBEDDINGS = "embeddings"
"""As a model's encoder: the one that the run fine-tuned for its embeddings."""


class StageResult(NamedTuple):
    """What a stage left, whether it was there already, and the seconds that making it took (now or then)."""

    artifact: Artifact
    reused: bool
    seconds: float


def data_stage(
    run: Path, read: Callable[[], Dataset], source: Mapping[str, Any], *, replace_other: bool = True
) -> StageResult:
    """RUN/data from `read()`; `source` says where from, and decides whether an existing one is taken as it is.

    replace_other: whether the data of another source may be replaced; a GenretError if it may not.
    """
    folder = RunFolder(run)

    def is_made() -> bool:
        existing = folder.whole("data")
        before = existing.settings.get("source") if existing else None
        if existing and before and not replace_other and _other_source(before, source):
            raise GenretError(
                f"{run} holds the data of another source ({existing.settings.get('name')}, {_made_of(before)}); give "
                "another --out, or replace it and all that was made of it with --force"
            )
        return existing is not None and before == dict(source)

    if agreed(is_made):
        return StageResult(folder.artifact("data"), True, folder.timings().get("data", 0.0))
    started = perf_counter()
    main_alone(lambda: save_dataset(read(), folder.folder("data"), source))
    return StageResult(folder.artifact("data"), False, _timed(folder, "data", started))


def embed_stage(
    run: Path, settings: EmbedSettings, recipe: TwoTowerRecipe | None = None, *, progress: bool = True
) -> StageResult:
    """RUN/embeddings from RUN/data. `recipe`: how to fine-tune the encoder, if the settings ask for `two-tower`."""
    folder = RunFolder(run)
    dataset, data = load_dataset(folder.folder("data"))
    plan = embedding_plan(dataset.text_fields, settings, recipe)

    def make(out: Path, inputs: Mapping[str, str], scratch: Path) -> None:
        embed_catalogue(dataset, plan.settings, out, inputs, recipe=plan.recipe, scratch=scratch, progress=progress)

    shared = plan.settings.model not in (LSA, TOWERS)
    return stage(folder, "embeddings", {"dataset": data.fingerprint}, plan.own, make, shared=shared)


class EmbeddingPlan(NamedTuple):
    """How a run's products are embedded."""

    settings: EmbedSettings
    """With the fields and the precision that they stand for."""
    recipe: TwoTowerRecipe | None
    own: Mapping[str, Any]
    """What of both, and of a file of vectors, tells these embeddings from others of the same data."""


def embedding_plan(
    text_fields: tuple[str, ...], settings: EmbedSettings, recipe: TwoTowerRecipe | None
) -> EmbeddingPlan:
    """The plan for data whose products are embedded by these fields, unless the settings ask for others."""
    settings = settings.resolved()
    if settings.fields == EmbedSettings.fields:
        settings = replace(settings, fields=text_fields)
    if recipe is not None:
        recipe = replace(recipe, fields=settings.fields) if settings.model == TWO_TOWER else None
    own = settings_dict(settings) | ({"two-tower": settings_dict(recipe)} if recipe else {})
    if settings.vectors:
        own["vectors"] = _digest(settings.vectors)
    return EmbeddingPlan(settings, recipe, own)


def tokenize_stage(run: Path, settings: TokenizerSettings, *, progress: bool = True) -> StageResult:
    """RUN/tokenizer from RUN/data and RUN/embeddings: the trained RQ-VAE and a semantic ID for every product."""
    from genret.tokenizer import assign_ids, save_tokenizer
    from genret.tokenizer.judging.health import health
    from genret.tokenizer.judging.usage import given, of_whole

    folder = RunFolder(run)
    dataset, vectors, fingerprints = folder.embedded()

    def make(out: Path, inputs: Mapping[str, str], scratch: Path) -> None:
        part = sampled(dataset, settings.sample, settings.seed)
        rows = sample_rows(len(vectors), settings.sample, settings.seed)
        some = vectors if rows is None else vectors[rows]
        tokenizer = fitted_tokenizer(part, some, settings, scratch, progress)
        codes = assign_ids(tokenizer, vectors).codes
        own = codes if rows is None else codes[rows]
        report = health(tokenizer, own, some, part.catalogue.categories, part.substitute_rows())
        if rows is not None:
            report = of_whole(report, tokenizer, given(tokenizer.encode(vectors), codes, tokenizer.codebook_sizes))
        save_tokenizer(tokenizer, codes, dataset.catalogue.ids, out, inputs, health=report.to_json())

    return stage(folder, "tokenizer", fingerprints, settings_dict(settings), make)


def fitted_tokenizer(
    dataset: Dataset, vectors: Floats, settings: TokenizerSettings, scratch: Path, progress: bool
) -> Tokenizer:
    """A tokenizer trained on a data set's products and their (N, D) vectors; checkpoints in `scratch`."""
    from genret.tokenizer import train_tokenizer

    return train_tokenizer(
        vectors,
        dataset.catalogue.categories,
        settings,
        pairs=co_engaged(dataset, settings.engagement) if settings.needs_pairs else None,
        progress=progress,
        checkpoint=scratch,
    )


def train_stage(run: Path, model: ModelSettings, train: TrainSettings, *, progress: bool = True) -> StageResult:
    """RUN/model from RUN/data and RUN/tokenizer. An interrupted training goes on from its last whole checkpoint."""
    from genret.training.trainer import save_model

    folder, train = RunFolder(run), train.resolved()
    fingerprints = folder.tokenized().fingerprints

    def make(out: Path, inputs: Mapping[str, str], scratch: Path) -> None:
        found = trained(run, model, train, scratch, progress=progress)
        if is_main():
            save_model(found, out, inputs)

    inputs = {kind: fingerprints[kind] for kind in ("dataset", "tokenizer")}
    settings = {"model": settings_dict(model), "train": settings_dict(train)}
    return stage(folder, "model", inputs, settings, make, shared=True)


def trained(run: Path, model: ModelSettings, train: TrainSettings, scratch: Path, *, progress: bool = True) -> Trained:
    """The model that `train_stage` writes, from the artifacts before it; checkpoints in `scratch`."""
    from genret.tokenizer.tokenizer import id_sizes
    from genret.training.trainer import Corpus, train_model

    folder = RunFolder(run)
    dataset, vectors, tokenizer, codes, _ = folder.tokenized()
    embeddings, own = folder.artifact("embeddings"), model
    if model.encoder == EMBEDDINGS:
        own = replace(model, encoder=str(tuned_encoder(embeddings)))
    data = Corpus(dataset, codes, id_sizes(codes, tokenizer.codebook_sizes), vectors)
    found = train_model(data, own, train, scratch, _query_bag(folder, embeddings, model), progress=progress)
    return found._replace(model_settings=model)


def _query_bag(run: RunFolder, embeddings: Artifact, model: ModelSettings) -> QueryBag | None:
    """How the run's embedder reads queries, where a model with this encoder, or with none, can read them so too."""
    if embeddings.settings["model"] not in (TOWERS, TWO_TOWER, VECTORS):
        return None  # a sentence-transformers model need not be loaded to know that it has no bag
    bag = run.embedder().query_bag()
    if bag is None:
        return None
    fits = model.encoder == EMBEDDINGS if bag.share else not model.encoder
    return bag if fits else None


def index_stage(run: Path, changes: OnChanges | None = None, bm25: TuneSettings | None = None) -> StageResult:
    """RUN/index from RUN/data, RUN/embeddings and RUN/tokenizer. `bm25`: how word scores are tuned on the query log.

    Where it has to be built again, products that were put or removed since are carried over if RUN/data is still what
    it was; if not, `changes` says whether to "keep" or to "drop" them, and without it that is a GenretError.
    """
    from genret.index.build import Contents, build_index
    from genret.index.tuning import TuneSettings, index_text
    from genret.pipeline.stock import carried
    from genret.tokenizer.tokenizer import id_sizes

    folder = RunFolder(run)
    dataset, vectors, tokenizer, codes, fingerprints = folder.tokenized()

    tuning = bm25 or TuneSettings()

    def make(out: Path, inputs: Mapping[str, str], scratch: Path) -> None:
        before = check_changes(folder, changes)
        carry = before and carried(folder, before)
        sizes = id_sizes(codes, tokenizer.codebook_sizes)
        taken: Carry | Literal["forget"] | None = "forget" if changes == "drop" else carry
        contents = Contents(dataset.catalogue, codes, vectors, text=index_text(dataset, tuning))
        build_index(contents, sizes, out, inputs, changes=taken)

    return stage(folder, "index", fingerprints, {"bm25": settings_dict(tuning)}, make)


def check_changes(run: RunFolder, changes: OnChanges | None) -> State | None:
    """The state of RUN/index, if products came or went since it was built and are to be kept; else None.

    A GenretError if they are, RUN/data is not what it was, and `changes` does not say what is to become of them.
    """
    from genret.index.build import live_changes

    folder = run.folder("index")
    live = None if changes == "drop" else live_changes(folder)
    if live is None or not (live.size or live.state.migrated):
        return None
    same = live.state.inputs.get("dataset") == run.artifact("data").fingerprint
    if live.state.migrated and not same:
        raise GenretError(
            f"{folder} is of an earlier format, which does not say what was put and removed, and RUN/data is another "
            "now; build it without (--changes drop), or with the data that it was built from first"
        )
    if changes is None and not same:
        raise GenretError(
            f"{folder}: {live.size} products were put or removed since it was built, and RUN/data is another now; say "
            "whether they go on top of it (--changes keep) or are to be lost (--changes drop)"
        )
    return live.state


def stage(
    run: RunFolder,
    part: Part,
    inputs: Mapping[str, str],
    settings: Mapping[str, Any],
    make: Callable[[Path, Mapping[str, str], Path], None],
    *,
    shared: bool = False,
) -> StageResult:
    """Run `make(out, inputs, scratch)` unless the artifact that it would write is there.

    Settings count as an input, by their hash. `scratch` holds checkpoints until the artifact is whole. In a `torchrun`
    every rank takes part in a `shared` stage, whose `make` writes on rank 0; the others are rank 0's alone.
    """
    wanted = {**inputs, "settings": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()}

    def is_made() -> bool:
        existing = run.whole(part)
        return existing is not None and dict(existing.inputs) == wanted

    if agreed(is_made):
        if is_main():
            run.drop_checkpoints(part, wanted)  # of a process that died before it could
        return StageResult(run.artifact(part), True, run.timings().get(part, 0.0))
    started = perf_counter()

    def make_here() -> None:
        make(run.folder(part), wanted, run.checkpoints(part, wanted))

    if shared:
        make_here()
        wait()
    else:
        main_alone(make_here)
    if is_main():
        run.drop_checkpoints(part)
    return StageResult(run.artifact(part), False, _timed(run, part, started))


def _digest(file: str) -> str:
    """What a file holds, wherever it lies."""
    if not Path(file).is_file():
        raise GenretError(f"{file}: no such file; give the file of the products' vectors")
    return sha256(file)


def _other_source(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the data is another, rather than the same read in another way."""
    return before.get("format") != now.get("format") or before.get("files") != now.get("files")


def _made_of(source: Mapping[str, Any]) -> str:
    return f"format {source.get('format', 'unknown')}"


def _timed(run: RunFolder, part: Part, started: float) -> float:
    seconds = round(perf_counter() - started, 2)
    if is_main():
        run.note_time(part, seconds)
    return seconds
