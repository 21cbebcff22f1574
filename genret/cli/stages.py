"""`genret data|embed|tokenize|train|index|build`: one verb per stage, and all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.learn import check_learning, learn_on, learning_options, revert
from genret.cli.many import address_of, ray_options, shared, tell_shards
from genret.cli.options import Layers, device_option, run_argument, settings_options
from genret.cli.source import Source, read_source, say, source_options, tell
from genret.ground.errors import GenretError, require_extras
from genret.ground.hardware import Precision, describe
from genret.ground.progress import expecting
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.embed.fine_tuning import TwoTowerRecipe
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import OnChanges


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@source_options
@settings_options
def data(source: Path | None, layers: Layers, **options: Any) -> dict[str, Any]:
    """Read SOURCE (CSV, TSV, JSONL, JSON or Parquet, or a folder of a public data set) into RUN/data, and say what it
    was taken for."""
    return read_source(Source.of(source, options), layers)


def vectors_options(command: Any) -> Any:
    """Embeddings of one's own."""
    vectors = click.option("--vectors", help="Your own embeddings, instead of a model: npy, Parquet or safetensors.")
    encoder = click.option(
        "--query-encoder",
        help="Of --vectors: the sentence-transformers model for queries. Default: fitted to the texts.",
    )
    return vectors(encoder(command))


@click.command()
@run_argument
@click.option(
    "--model", help="towers (the default), lsa, two-tower, or a sentence-transformers model: hub name or folder."
)
@click.option("--dim", type=int, help="Width of towers and lsa.")
@vectors_options
@device_option
@settings_options
def embed(run: Path, layers: Layers, model: str | None, dim: int | None, **own: str | None) -> dict[str, Any]:
    """Embed the products of RUN/data into RUN/embeddings."""
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import embed_stage

    settings = layers.make(EmbedSettings, "embed", {"model": model, "dim": dim, **own})
    require_extras(*_extras_of(settings))
    tell_hardware(embedding=settings.resolved().precision)
    return say("embed", embed_stage(run, settings, _two_tower(layers, settings)))


@click.command()
@run_argument
@click.option("--lam", type=float, help="λ, the weight of the contrastive term.")
@click.option("--codebook-sizes", metavar="K,K,K,K", help="Codes per level, coarse to fine.")
@click.option("--seed", type=int)
@settings_options
def tokenize(run: Path, layers: Layers, lam: float | None, codebook_sizes: str | None, seed: int | None) -> Any:
    """Train the RQ-VAE on RUN/embeddings and give every product a semantic ID, RUN/tokenizer."""
    from genret.pipeline.stages import tokenize_stage
    from genret.tokenizer.judging.health_text import format_health
    from genret.tokenizer.settings import TokenizerSettings

    flags = {"lam": lam, "codebook_sizes": _sizes(codebook_sizes), "seed": seed}
    done = say("tokenize", tokenize_stage(run, layers.make(TokenizerSettings, "tokenizer", flags)))
    tell_coverage(run)
    health = RunFolder(run).health()
    click.echo(format_health(health))
    return {**done, "health": health.to_json()}


@click.command()
@run_argument
@click.option("--encoder", help="Warm-start the encoder from this local or hub checkpoint.")
@click.option("--max-steps", type=int)
@click.option("--batch-size", type=int)
@click.option("--lr", type=float)
@click.option("--seed", type=int)
@learning_options
@device_option
@settings_options
def train(run: Path, layers: Layers, encoder: str | None, **options: Any) -> dict[str, Any]:
    """Train the seq2seq model that spells semantic IDs, RUN/model. Goes on from its last checkpoint.

    With --continue it learns on from its present weights on a newer query log, --judgements FILE. A fifth of that log
    is kept back to judge on, beside the run's own queries; the newer model is searched only where a paired test finds
    it better there and not worse here, and --revert takes that back.
    """
    flags = {name: options.pop(name) for name in ("max_steps", "batch_size", "lr", "seed")}
    check_learning(options, encoder)
    if options["revert"]:
        return revert(run)
    if options["go_on"]:
        return learn_on(run, layers, flags, options)
    from genret.pipeline.stages import train_stage
    from genret.training.settings import ModelSettings, TrainSettings

    model, training = (
        layers.make(ModelSettings, "model", {"encoder": encoder}),
        layers.make(TrainSettings, "train", flags),
    )
    require_extras("train")
    tell_hardware(training=training.precision)
    return say("train", train_stage(run, model, training))


changes_option = click.option(
    "--changes",
    type=click.Choice(("keep", "drop")),
    help="What becomes of products put and removed since RUN/index was built. They are kept if RUN/data is the same.",
)


@click.command()
@run_argument
@changes_option
@settings_options
def index(run: Path, layers: Layers, changes: OnChanges | None) -> dict[str, Any]:
    """Build the prefix trie of RUN/tokenizer's semantic IDs, and the products' words beside it, RUN/index."""
    from genret.index.tuning import TuneSettings
    from genret.pipeline.stages import index_stage

    return say("index", index_stage(run, changes, layers.make(TuneSettings, "bm25")))


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="Embedding: towers (the default), lsa, two-tower, or a sentence-transformers model.")
@click.option("--encoder", help="Warm-start the encoder from this local or hub checkpoint.")
@click.option("--lam", type=float, help="λ, the weight of the contrastive term.")
@click.option("--max-steps", type=int, help="Training steps of the model.")
@ray_options
@vectors_options
@device_option
@changes_option
@source_options
@settings_options
def build(
    source: Path | None,
    layers: Layers,
    model: str | None,
    encoder: str | None,
    lam: float | None,
    max_steps: int | None,
    changes: OnChanges | None,
    ray: str | None,
    shards: int | None,
    train_workers: int | None,
    **options: Any,
) -> dict[str, Any]:
    """SOURCE, a catalogue, to a retriever: data, embed, tokenize, train and index. Finished stages are reused."""
    from genret.embed.settings import EmbedSettings
    from genret.index.tuning import TuneSettings
    from genret.pipeline.build import expected
    from genret.pipeline.stages import check_changes, index_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    address = address_of(ray, shards, train_workers)
    # Settings first: a wrong one should not cost an hour of embedding.
    own = {name: options.pop(name) for name in ("vectors", "query_encoder")}
    embedding = layers.make(EmbedSettings, "embed", {"model": model, **own})
    recipe = _two_tower(layers, embedding)
    tokenizer = layers.make(TokenizerSettings, "tokenizer", {"lam": lam})
    seq2seq = layers.make(ModelSettings, "model", {"encoder": encoder})
    training = layers.make(TrainSettings, "train", {"max_steps": max_steps})
    words = layers.make(TuneSettings, "bm25")
    require_extras("train", *_extras_of(embedding))
    tell_hardware(embedding=embedding.resolved().precision, training=training.precision)
    found = Source.of(source, options)
    run = found.run
    told = read_source(found, layers)
    if options["dry_run"]:
        return told
    check_changes(RunFolder(run), changes)  # so does the last stage; but not after hours of training
    with expecting(expected(tokenizer, training)), shared(address, run) as over:
        told |= say("embed", over.embed(run, embedding, recipe))
        told |= say("tokenize", over.tokenize(run, tokenizer))
        tell_coverage(run)
        tell_policy(run)
        told |= say("train", over.train(run, seq2seq, training, train_workers))
        told |= say("index", index_stage(run, changes, words))
        if shards:
            tell_shards(over.shards(run, shards))
    tell(f'\nnext:\n  genret search "..." --run {run}\n  genret eval {run}')
    return told


def tell_hardware(**precisions: Precision) -> None:
    """One line: the device, and the precision of each part of the work."""
    tell(f"{'hardware':9s} {describe(**precisions)}")


def _extras_of(settings: EmbedSettings) -> tuple[str, ...]:
    """The extras that embedding with these settings needs."""
    return () if settings.model in ("lsa", "towers") else ("embed",)


def tell_coverage(run: Path) -> None:
    """A line on stderr if RUN/tokenizer was trained on less than an epoch of its catalogue."""
    from genret.cli.tokenizer_reports import coverage_note

    if note := coverage_note(run):
        click.echo(f"genret: warning: {note}", err=True)


def tell_policy(run: Path) -> None:
    """What the collision policy of RUN/tokenizer did to its IDs and to reconstruction."""
    from genret.tokenizer.judging.health_text import format_policy

    for line in format_policy(RunFolder(run).health()):
        tell(f"{'':9s} {line}")


def _two_tower(layers: Layers, embedding: EmbedSettings) -> TwoTowerRecipe | None:
    """How to fine-tune the encoder, where the embedding asks for that."""
    if embedding.model != "two-tower":
        return None
    from genret.embed.fine_tuning import make_recipe

    return make_recipe(layers.table("two-tower"))


def _sizes(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise GenretError(f"--codebook-sizes {text!r}: expected whole numbers such as 256,256,256,256") from None
