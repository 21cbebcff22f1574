"""`genret data|embed|tokenize|train|index|build`: one verb a stage, and all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import Layers, run_argument, settings_options
from genret.errors import GenretError

if TYPE_CHECKING:
    from genret.pipeline import StageResult

FORMATS = ("files", "grocery", "homedepot", "chorus", "instacart", "grocerydb", "esci", "wands", "beir")


def source_options(command: Any) -> Any:
    """Where a data set comes from."""
    for option in (
        click.option("--format", "format_name", type=click.Choice(FORMATS), default="files", show_default=True),
        click.option("--queries", type=click.Path(path_type=Path), help="Queries: id, text (and split, frequency)."),
        click.option("--judgements", type=click.Path(path_type=Path), help="Judgements: query_id, product_id, grade."),
        click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Name a column of your file."),
        click.option("--on-bad-row", type=click.Choice(("error", "skip")), default="error", show_default=True),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--out", "run", required=True, type=click.Path(path_type=Path), help="The run folder.")
@source_options
@settings_options
def data(source: Path | None, run: Path, layers: Layers, **options: Any) -> None:
    """Read SOURCE (CSV, TSV, JSONL or Parquet, or a folder of a public data set) into RUN/data."""
    _read_data(source, run, layers, options)


@click.command()
@run_argument
@click.option("--model", help="lsa, or a sentence-transformers model: hub name or folder.")
@click.option("--dim", type=int, help="Width of the lsa embedding.")
@settings_options
def embed(run: Path, layers: Layers, model: str | None, dim: int | None) -> None:
    """Embed the products of RUN/data into RUN/embeddings."""
    from genret.embed import EmbedSettings
    from genret.pipeline import embed_stage

    say("embed", embed_stage(run, layers.make(EmbedSettings, "embed", {"model": model, "dim": dim})))


@click.command()
@run_argument
@click.option("--lam", type=float, help="λ, the weight of the contrastive term.")
@click.option("--codebook-sizes", metavar="K,K,K,K", help="Codes a level, coarse to fine.")
@click.option("--seed", type=int)
@settings_options
def tokenize(run: Path, layers: Layers, lam: float | None, codebook_sizes: str | None, seed: int | None) -> None:
    """Train the RQ-VAE on RUN/embeddings and give every product a semantic ID, RUN/tokenizer."""
    from genret.pipeline import tokenize_stage
    from genret.tokenizer import format_health, load_health
    from genret.tokenizer.settings import TokenizerSettings

    flags = {"lam": lam, "codebook_sizes": _sizes(codebook_sizes), "seed": seed}
    say("tokenize", tokenize_stage(run, layers.make(TokenizerSettings, "tokenizer", flags)))
    click.echo(format_health(load_health(run / "tokenizer")))


@click.command()
@run_argument
@click.option("--encoder", help="Warm-start the encoder from this local or hub checkpoint.")
@click.option("--max-steps", type=int)
@click.option("--batch-size", type=int)
@click.option("--lr", type=float)
@click.option("--seed", type=int)
@settings_options
def train(run: Path, layers: Layers, encoder: str | None, **flags: Any) -> None:
    """Train the seq2seq model that spells semantic IDs, RUN/model. Goes on from its last checkpoint."""
    from genret.pipeline import train_stage
    from genret.training import ModelSettings, TrainSettings

    model = layers.make(ModelSettings, "model", {"encoder": encoder})
    say("train", train_stage(run, model, layers.make(TrainSettings, "train", flags)))


@click.command()
@run_argument
def index(run: Path) -> None:
    """Build the prefix trie of RUN/tokenizer's semantic IDs, RUN/index."""
    from genret.pipeline import index_stage

    say("index", index_stage(run))


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--out", "run", required=True, type=click.Path(path_type=Path), help="The run folder.")
@click.option("--model", help="Embedding: lsa, or a sentence-transformers model.")
@click.option("--encoder", help="Warm-start the encoder from this local or hub checkpoint.")
@click.option("--lam", type=float, help="λ, the weight of the contrastive term.")
@click.option("--max-steps", type=int, help="Training steps of the model.")
@source_options
@settings_options
def build(
    source: Path | None,
    run: Path,
    layers: Layers,
    model: str | None,
    encoder: str | None,
    lam: float | None,
    max_steps: int | None,
    **options: Any,
) -> None:
    """A catalogue to a retriever: data, embed, tokenize, train and index. Finished stages are reused."""
    from genret.embed import EmbedSettings
    from genret.pipeline import embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training import ModelSettings, TrainSettings

    # Settings first: a wrong one should not cost an hour of embedding.
    embedding = layers.make(EmbedSettings, "embed", {"model": model})
    tokenizer = layers.make(TokenizerSettings, "tokenizer", {"lam": lam})
    seq2seq = layers.make(ModelSettings, "model", {"encoder": encoder})
    training = layers.make(TrainSettings, "train", {"max_steps": max_steps})
    _read_data(source, run, layers, options)
    say("embed", embed_stage(run, embedding))
    say("tokenize", tokenize_stage(run, tokenizer))
    say("train", train_stage(run, seq2seq, training))
    say("index", index_stage(run))
    click.echo(f'\nnext:\n  genret search "..." --run {run}\n  genret eval {run}')


def say(name: str, result: StageResult) -> None:
    """One line on how a stage ended."""
    what = "up to date, reused" if result.reused else f"done in {result.seconds:.1f} s"
    click.echo(f"{name:9s} {what}  ({result.artifact.path}, {result.artifact.fingerprint[:12]})")


def _read_data(source: Path | None, run: Path, layers: Layers, options: dict[str, Any]) -> None:
    from genret.pipeline import data_stage

    say("data", data_stage(run, *_reader(source, run, layers, options)))


def _sizes(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise GenretError(f"--codebook-sizes {text!r}: expected whole numbers such as 256,256,256,256") from None
