"""`genret data|embed|tokenize|train|index|build`: one verb per stage, and all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from genret.cli.options import Layers, run_argument, settings_options
from genret.ground.artifacts import sha256
from genret.ground.errors import GenretError
from genret.ground.settings import settings_dict
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.data.records import Dataset
    from genret.data.validate import ReadReport
    from genret.embed.fine_tuning import TwoTowerRecipe
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import OnChanges, StageResult

FORMATS = ("files", "grocery", "homedepot", "chorus", "instacart", "grocerydb", "esci", "wands", "beir")


OWN_FILES = ("queries", "judgements", "columns", "relevant_at")
"""The options with which only a user's own files are read; a public set's are published in one way."""


def source_options(command: Any) -> Any:
    """Where a data set comes from."""
    for option in (
        click.option("--format", "format_name", type=click.Choice(FORMATS), default="files", show_default=True),
        click.option("--queries", type=click.Path(path_type=Path), help="Queries: id, text (and split, frequency)."),
        click.option("--judgements", type=click.Path(path_type=Path), help="Judgements: query_id, product_id, grade."),
        click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Name a column of your file."),
        click.option(
            "--relevant-at", type=float, default=1.0, show_default=True, help="Grades that count as relevant."
        ),
        click.option("--on-bad-row", type=click.Choice(("error", "skip")), default="error", show_default=True),
        click.option("--drop-leaks", is_flag=True, help="Leave out queries of train whose text dev or test have."),
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
@click.option(
    "--model", help="towers (the default), lsa, two-tower, or a sentence-transformers model: hub name or folder."
)
@click.option("--dim", type=int, help="Width of towers and lsa.")
@settings_options
def embed(run: Path, layers: Layers, model: str | None, dim: int | None) -> None:
    """Embed the products of RUN/data into RUN/embeddings."""
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import embed_stage

    settings = layers.make(EmbedSettings, "embed", {"model": model, "dim": dim})
    say("embed", embed_stage(run, settings, _two_tower(layers, settings)))


@click.command()
@run_argument
@click.option("--lam", type=float, help="λ, the weight of the contrastive term.")
@click.option("--codebook-sizes", metavar="K,K,K,K", help="Codes a level, coarse to fine.")
@click.option("--seed", type=int)
@settings_options
def tokenize(run: Path, layers: Layers, lam: float | None, codebook_sizes: str | None, seed: int | None) -> None:
    """Train the RQ-VAE on RUN/embeddings and give every product a semantic ID, RUN/tokenizer."""
    from genret.pipeline.stages import tokenize_stage
    from genret.tokenizer.judging.health_text import format_health
    from genret.tokenizer.settings import TokenizerSettings

    flags = {"lam": lam, "codebook_sizes": _sizes(codebook_sizes), "seed": seed}
    say("tokenize", tokenize_stage(run, layers.make(TokenizerSettings, "tokenizer", flags)))
    tell_coverage(run)
    click.echo(format_health(RunFolder(run).health()))


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
    from genret.pipeline.stages import train_stage
    from genret.training.settings import ModelSettings, TrainSettings

    model = layers.make(ModelSettings, "model", {"encoder": encoder})
    say("train", train_stage(run, model, layers.make(TrainSettings, "train", flags)))


changes_option = click.option(
    "--changes",
    type=click.Choice(("keep", "drop")),
    help="What becomes of products put and removed since RUN/index was built. They are kept if RUN/data is the same.",
)


@click.command()
@run_argument
@changes_option
def index(run: Path, changes: OnChanges | None) -> None:
    """Build the prefix trie of RUN/tokenizer's semantic IDs, RUN/index."""
    from genret.pipeline.stages import index_stage

    say("index", index_stage(run, changes))


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--out", "run", required=True, type=click.Path(path_type=Path), help="The run folder.")
@click.option("--model", help="Embedding: towers (the default), lsa, two-tower, or a sentence-transformers model.")
@click.option("--encoder", help="Warm-start the encoder from this local or hub checkpoint.")
@click.option("--lam", type=float, help="λ, the weight of the contrastive term.")
@click.option("--max-steps", type=int, help="Training steps of the model.")
@changes_option
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
    changes: OnChanges | None,
    **options: Any,
) -> None:
    """A catalogue to a retriever: data, embed, tokenize, train and index. Finished stages are reused."""
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import check_changes, embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    # Settings first: a wrong one should not cost an hour of embedding.
    embedding = layers.make(EmbedSettings, "embed", {"model": model})
    recipe = _two_tower(layers, embedding)
    tokenizer = layers.make(TokenizerSettings, "tokenizer", {"lam": lam})
    seq2seq = layers.make(ModelSettings, "model", {"encoder": encoder})
    training = layers.make(TrainSettings, "train", {"max_steps": max_steps})
    _read_data(source, run, layers, options)
    check_changes(RunFolder(run), changes)  # so does the last stage; but not after hours of training
    say("embed", embed_stage(run, embedding, recipe))
    say("tokenize", tokenize_stage(run, tokenizer))
    tell_coverage(run)
    tell_policy(run)
    say("train", train_stage(run, seq2seq, training))
    say("index", index_stage(run, changes))
    click.echo(f'\nnext:\n  genret search "..." --run {run}\n  genret eval {run}')


def say(name: str, result: StageResult) -> None:
    """One line on how a stage ended."""
    what = "up to date, reused" if result.reused else f"done in {result.seconds:.1f} s"
    click.echo(f"{name:9s} {what}  ({result.artifact.path}, {result.artifact.fingerprint[:12]})")


def tell_coverage(run: Path) -> None:
    """A line on stderr if RUN/tokenizer was trained on less than an epoch of its catalogue."""
    from genret.cli.tokenizer_reports import coverage_note

    if note := coverage_note(run):
        click.echo(f"genret: warning: {note}", err=True)


def tell_policy(run: Path) -> None:
    """What the collision policy of RUN/tokenizer did to its IDs and to reconstruction."""
    from genret.tokenizer.judging.health_text import format_policy

    for line in format_policy(RunFolder(run).health()):
        click.echo(f"{'':9s} {line}")


def _two_tower(layers: Layers, embedding: EmbedSettings) -> TwoTowerRecipe | None:
    """How to fine-tune the encoder, where the embedding asks for that."""
    if embedding.model != "two-tower":
        return None
    from genret.embed.fine_tuning import make_recipe

    return make_recipe(layers.table("two-tower"))


def _read_data(source: Path | None, run: Path, layers: Layers, options: dict[str, Any]) -> None:
    from genret.pipeline.stages import data_stage

    say("data", data_stage(run, *_reader(source, run, layers, options)))


def _reader(
    source: Path | None, run: Path, layers: Layers, options: dict[str, Any]
) -> tuple[Callable[[], Dataset], dict[str, Any]]:
    """How to read the data, and a record of what is read that tells one source from another."""
    from genret.data import read_dataset, read_files_dataset

    name, on_bad_row = options["format_name"], options["on_bad_row"]
    _refuse_ignored(name, source)
    if name == "grocery":
        from genret.data.grocery import GrocerySettings, make_grocery

        settings = layers.make(GrocerySettings, "grocery")
        return lambda: make_grocery(settings), {"format": "grocery", **settings_dict(settings)}
    if source is None:
        raise GenretError(f"no SOURCE given; give a file or folder to read as {name}, or --format grocery")
    reports: list[ReadReport] = []
    rejects = RunFolder(run).rejects if on_bad_row == "skip" else None

    def read() -> Dataset:
        if name == "files":
            dataset = read_files_dataset(
                source,
                options["queries"],
                options["judgements"],
                columns=named_columns(options["columns"]),
                relevant_at=options["relevant_at"],
                on_bad_row=on_bad_row,
                rejects=rejects,
                reports=reports,
            )
        else:
            dataset = read_dataset(name, source, on_bad_row=on_bad_row, rejects=rejects, reports=reports)
        _tell_rejected(reports, rejects)
        return _leaks_told(dataset, options["drop_leaks"])

    paths = [path for path in (source, options["queries"], options["judgements"]) if path]
    record = {"format": name, "columns": list(options["columns"]), "relevant_at": options["relevant_at"]}
    record |= {"drop_leaks": True} if options["drop_leaks"] else {}
    return read, {**record, "files": [_print_of(path) for path in paths], "on_bad_row": on_bad_row}


def _refuse_ignored(name: str, source: Path | None) -> None:
    """A GenretError for an option on the command line that reading this format has no use for."""
    context = click.get_current_context()
    ignored = {"files": (), "grocery": (*OWN_FILES, "on_bad_row", "drop_leaks")}.get(name, OWN_FILES)
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name in ignored:
            what = "is generated" if name == "grocery" else "is read as it is published"
            raise GenretError(f"{parameter.opts[0]} has no use with --format {name}, which {what}; leave it out")
    if name == "grocery" and source is not None:
        raise GenretError(f"SOURCE {source} has no use with --format grocery, which is generated; leave it out")


def _leaks_told(dataset: Dataset, drop: bool) -> Dataset:
    """The data set, without its leaks if asked; a line on stderr for each split that has some."""
    from genret.data.overlaps import leaks, without_leaks

    for split, queries in leaks(dataset.queries).items():
        later = "dev or test" if split == "train" else "test"
        told = "left out" if drop else "kept (--drop-leaks leaves them out)"
        click.echo(
            f"data      {len(queries)} queries of {split} have a text that {later} has too, "
            f"such as {queries[0].text[:40]!r}: {told}",
            err=True,
        )
    return without_leaks(dataset) if drop else dataset


def _tell_rejected(reports: Sequence[ReadReport], rejects: Path | None) -> None:
    rejected = sum(report.skipped for report in reports)
    if rejected:
        click.echo(f"data      {rejected} bad rows skipped, written to {rejects}", err=True)


def _print_of(path: Path) -> str:
    """A digest of a file, or of the files in a folder: what was read, wherever it lies."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digests = [sha256(file) for file in files if file.is_file()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def named_columns(pairs: Sequence[str]) -> dict[str, str]:
    columns = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise GenretError(f"--column {pair!r}: expected FIELD=COLUMN, for example --column title=product_title")
        columns[field] = column
    return columns


def _sizes(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise GenretError(f"--codebook-sizes {text!r}: expected whole numbers such as 256,256,256,256") from None
