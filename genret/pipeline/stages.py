"""The stages, run on a folder: data, embeddings, tokenizer, model, index. Knows the order and what may be reused.

A stage reads the artifacts before it, checks that they belong together, and writes its own. A stage whose settings and
inputs are those of the artifact already there is not run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from genret.data.engagement import co_engaged
from genret.data.records import Dataset, load_dataset, save_dataset
from genret.embed.catalogue import embed_catalogue, load_embedder, load_embeddings
from genret.embed.fine_tuned import TunedEmbedder, tuned_encoder
from genret.embed.settings import TOWERS, TWO_TOWER, EmbedSettings
from genret.ground.artifacts import Artifact, check_lineage, read_artifact, read_json, write_json
from genret.ground.errors import GenretError
from genret.ground.settings import settings_dict

if TYPE_CHECKING:
    from genret.embed.fine_tuning import TwoTowerRecipe
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

STAGES = {"data": "dataset", "embeddings": "embeddings", "tokenizer": "tokenizer", "model": "model", "index": "index"}
"""Folder of a stage below the run -> kind of its artifact."""
EMBEDDINGS = "embeddings"
"""As a model's encoder: the one that the run fine-tuned for its embeddings."""
TIMINGS = "timings.json"


class StageResult(NamedTuple):
    """What a stage left, whether it was there already, and the seconds that making it took (now or then)."""

    artifact: Artifact
    reused: bool
    seconds: float


def data_stage(run: Path, read: Callable[[], Dataset], source: Mapping[str, Any]) -> StageResult:
    """RUN/data from `read()`; `source` says where from, and decides whether an existing one is taken as it is."""
    folder = run / "data"
    existing = _existing(folder, STAGES["data"])
    if existing and existing.settings.get("source") == dict(source):
        return StageResult(existing, True, _timing(run, "data"))
    started = perf_counter()
    artifact = save_dataset(read(), folder, source)
    return StageResult(artifact, False, _timed(run, "data", started))


def embed_stage(
    run: Path, settings: EmbedSettings, recipe: TwoTowerRecipe | None = None, *, progress: bool = True
) -> StageResult:
    """RUN/embeddings from RUN/data. `recipe`: how to fine-tune the encoder, if the settings ask for `two-tower`."""
    dataset, data = load_dataset(run / "data")
    if recipe is not None:
        recipe = replace(recipe, fields=settings.fields) if settings.model == TWO_TOWER else None
    own = settings_dict(settings) | ({"two-tower": settings_dict(recipe)} if recipe else {})

    def make(inputs: Mapping[str, str], scratch: Path) -> None:
        embed_catalogue(
            dataset, settings, run / "embeddings", inputs, recipe=recipe, scratch=scratch, progress=progress
        )

    return _stage(run, "embeddings", {"dataset": data.fingerprint}, own, make)


def tokenize_stage(run: Path, settings: TokenizerSettings, *, progress: bool = True) -> StageResult:
    """RUN/tokenizer from RUN/data and RUN/embeddings: the trained RQ-VAE and a semantic ID for every product."""
    from genret.tokenizer import assign_ids, save_tokenizer, train_tokenizer
    from genret.tokenizer.judging.health import health

    dataset, data = load_dataset(run / "data")
    vectors, embeddings = load_embeddings(run / "embeddings")
    check_lineage(embeddings, "dataset", data)

    def make(inputs: Mapping[str, str], scratch: Path) -> None:
        tokenizer = train_tokenizer(
            vectors,
            dataset.catalogue.categories,
            settings,
            pairs=co_engaged(dataset, settings.engagement) if settings.needs_pairs else None,
            progress=progress,
            checkpoint=scratch,
        )
        codes = assign_ids(tokenizer, vectors).codes
        row = dataset.catalogue.row
        pairs = [(row(a), row(b)) for a, b in dataset.substitutes]
        report = health(tokenizer, codes, vectors, dataset.catalogue.categories, pairs)
        save_tokenizer(tokenizer, codes, dataset.catalogue.ids, run / "tokenizer", inputs, health=report.to_json())

    inputs = {"dataset": data.fingerprint, "embeddings": embeddings.fingerprint}
    return _stage(run, "tokenizer", inputs, settings_dict(settings), make)


def train_stage(run: Path, model: ModelSettings, train: TrainSettings) -> StageResult:
    """RUN/model from RUN/data and RUN/tokenizer. An interrupted training goes on from its last checkpoint."""
    from genret.embed.towers import TowerEmbedder
    from genret.tokenizer import load_tokenizer
    from genret.training.trainer import save_model, train_model

    dataset, data = load_dataset(run / "data")
    vectors, embeddings = load_embeddings(run / "embeddings")
    tokenizer, codes, tokens = load_tokenizer(run / "tokenizer")
    check_lineage(tokens, "dataset", data)
    check_lineage(tokens, "embeddings", embeddings)

    def make(inputs: Mapping[str, str], scratch: Path) -> None:
        own, towers, bag_share = model, None, 0.0
        if embeddings.settings["model"] in (TOWERS, TWO_TOWER):
            embedder = load_embedder(run / "embeddings")
            if isinstance(embedder, TowerEmbedder):
                towers = embedder
            elif isinstance(embedder, TunedEmbedder) and model.encoder == EMBEDDINGS:
                towers, bag_share = embedder.bag, embedder.bag_share
        if model.encoder == EMBEDDINGS:
            own = replace(model, encoder=str(tuned_encoder(embeddings)))
        trained = train_model(dataset, codes, tokenizer, vectors, own, train, scratch, towers, bag_share)
        save_model(trained._replace(model_settings=model), run / "model", inputs)

    inputs = {"dataset": data.fingerprint, "tokenizer": tokens.fingerprint}
    return _stage(run, "model", inputs, {"model": settings_dict(model), "train": settings_dict(train)}, make)


def index_stage(run: Path) -> StageResult:
    """RUN/index from RUN/data, RUN/embeddings and RUN/tokenizer."""
    from genret.index.index import build_index
    from genret.tokenizer import load_tokenizer
    from genret.tokenizer.tokenizer import id_sizes

    dataset, data = load_dataset(run / "data")
    vectors, embeddings = load_embeddings(run / "embeddings")
    tokenizer, codes, tokens = load_tokenizer(run / "tokenizer")
    check_lineage(tokens, "dataset", data)
    check_lineage(tokens, "embeddings", embeddings)

    def make(inputs: Mapping[str, str], scratch: Path) -> None:
        sizes = id_sizes(codes, tokenizer.codebook_sizes)
        build_index(dataset.catalogue, codes, sizes, run / "index", inputs, vectors)

    inputs = {
        "dataset": data.fingerprint,
        "embeddings": embeddings.fingerprint,
        "tokenizer": tokens.fingerprint,
    }
    return _stage(run, "index", inputs, {}, make)


def fork_run(run: Path, fork: Path) -> None:
    """Give `fork` the data and embeddings of `run` (as hard links where it can), to try another tokenizer on."""
    for name in ("data", "embeddings"):
        source, target = read_artifact(run / name, STAGES[name], verify=False), fork / name
        existing = _existing(target, STAGES[name])
        if existing and existing.fingerprint == source.fingerprint:
            continue
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source.path, target, copy_function=_link)


def timings(run: Path) -> dict[str, float]:
    """Seconds that each stage took when it was made."""
    path = run / TIMINGS
    return dict(read_json(path)) if path.exists() else {}


def _stage(
    run: Path,
    name: str,
    inputs: Mapping[str, str],
    settings: Mapping[str, Any],
    make: Callable[[Mapping[str, str], Path], None],
) -> StageResult:
    """Run `make(inputs, scratch)` unless the artifact that it would write is there.

    Settings count as an input, by their hash. `scratch` is a folder for checkpoints, named by the inputs so that a
    checkpoint of other settings is never taken up; it is removed when the artifact is whole.
    """
    wanted = {**inputs, "settings": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()}
    existing = _existing(run / name, STAGES[name])
    if existing and dict(existing.inputs) == wanted:
        return StageResult(existing, True, _timing(run, name))
    started = perf_counter()
    scratch = (
        run / f".{name}.checkpoints" / hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
    )
    scratch.mkdir(parents=True, exist_ok=True)
    make(wanted, scratch)
    shutil.rmtree(scratch.parent, ignore_errors=True)
    return StageResult(read_artifact(run / name, STAGES[name], verify=False), False, _timed(run, name, started))


def _existing(folder: Path, kind: str) -> Artifact | None:
    """The artifact in `folder` if there is a whole one, else None: a broken one is made again."""
    try:
        return read_artifact(folder, kind)
    except GenretError:
        return None


def _timing(run: Path, name: str) -> float:
    return timings(run).get(name, 0.0)


def _timed(run: Path, name: str, started: float) -> float:
    seconds = round(perf_counter() - started, 2)
    write_json(run / TIMINGS, {**timings(run), name: seconds})
    return seconds


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
