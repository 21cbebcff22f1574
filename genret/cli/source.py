"""Where a run's data comes from: the options of `genret data` and `genret build` that say so, and the reading."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genret.cli.options import Layers
from genret.ground.artifacts import sha256
from genret.ground.errors import GenretError
from genret.ground.progress import quiet
from genret.ground.settings import settings_dict
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.data.records import Dataset
    from genret.data.rows import Layout
    from genret.data.survey import Reading
    from genret.pipeline.stages import StageResult

F = TypeVar("F", bound=Callable[..., Any])

TABLES = ("csv", "tsv", "jsonl", "json", "parquet")
SETS = ("homedepot", "chorus", "instacart", "grocerydb", "esci", "wands", "beir")
GROCERY = "grocery"
ON_BAD_ROW = ("repair", "skip", "error")
OWN_FILES_ONLY = (
    *("queries", "judgements", "columns", "relevant_at"),
    *("delimiter", "encoding", "decimal", "separator", "ignore", "text_fields"),
)
"""Options that have no use where a public set says how it is written."""


def layout_options(command: F) -> F:
    """How files are written, and what becomes of bad rows: `--delimiter`, `--encoding`, `--on-bad-row`, `--column`."""
    for option in (
        click.option(
            "--on-bad-row",
            type=click.Choice(ON_BAD_ROW),
            default="repair",
            show_default=True,
            help="Leave empty what can't be read and leave out rows without id or title if they are few (repair) or "
            "however many they are (skip), or stop at the first (error).",
        ),
        click.option("--encoding", help="Of text files. Default: found out (UTF-8, UTF-16, Windows-1252)."),
        click.option("--delimiter", help="Between columns: one character, or tab. Default: found out."),
        click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Name a column of your file."),
    ):
        command = option(command)
    return command


def source_options(command: F) -> F:
    """Where a data set comes from, and how it is read."""
    for option in (
        click.option("--force", is_flag=True, help="Replace the data of a run that was made from another source."),
        click.option("--dry-run", is_flag=True, help="Say what would be read and taken for what, and stop."),
        click.option("--locale", help="esci only: the market to read (us, es, jp). Default: us."),
        click.option("--text-fields", multiple=True, metavar="NAME,...", help="Embed these fields and columns only."),
        click.option("--ignore", multiple=True, metavar="COLUMN,...", help="Leave these columns out."),
        click.option("--separator", help="Between the levels of a category. Default: found out."),
        click.option("--decimal", type=click.Choice(("point", "comma")), help="The decimal sign. Default: found out."),
        click.option("--relevant-at", type=float, help="Grades that count as relevant. Default: 1."),
        click.option("--drop-leaks", is_flag=True, help="Leave out queries of train whose text dev or test have."),
        layout_options,
        click.option("--judgements", type=click.Path(path_type=Path), help="Judgements: query_id, product_id, grade."),
        click.option("--queries", type=click.Path(path_type=Path), help="Queries: id, text (and split, frequency)."),
        click.option(
            "--format",
            "format_name",
            type=click.Choice(("files", *TABLES, GROCERY, *SETS)),
            default="files",
            show_default=True,
            help="files: by their extensions; a table's format; or a public data set.",
        ),
        click.option("--out", "run", type=click.Path(path_type=Path), help="The run folder. Default: runs/SOURCE."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Source:
    """What is to be read into which run, checked: an option that would be ignored is refused."""

    path: Path | None
    run: Path
    options: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path | None, options: Mapping[str, Any]) -> Source:
        """From a command's argument and options."""
        name = options["format_name"]
        if path is None and name != GROCERY:
            raise GenretError(f"no SOURCE given; give a file or folder to read as {name}, or --format grocery")
        if path is not None and name == GROCERY:
            raise GenretError(f"SOURCE {path} has no use with --format grocery, which makes its own; leave one out")
        for option in OWN_FILES_ONLY if name in (GROCERY, *SETS) else ():
            if options[option] not in (None, ()):
                flag = "--" + {"columns": "column"}.get(option, option).replace("_", "-")
                raise GenretError(f"{flag} has no use with --format {name}, whose files are known; leave one out")
        if options["locale"] and name != "esci":
            raise GenretError(f"--locale has no use with --format {name}; it chooses a market of esci; leave it out")
        if name == GROCERY and options["drop_leaks"]:
            raise GenretError("--drop-leaks has no use with --format grocery, which is generated; leave it out")
        run = options["run"] or Path("runs") / (_stem(path) if path else GROCERY)
        return cls(path, run, options)

    @property
    def format(self) -> str:
        return str(self.options["format_name"])

    @property
    def files(self) -> list[Path]:
        """The files and folders that were named."""
        return [path for path in (self.path, self.options["queries"], self.options["judgements"]) if path]

    @property
    def layout(self) -> Layout:
        from genret.data.rows import Layout

        return Layout(self.options["delimiter"], self.options["encoding"])

    @property
    def reading(self) -> Reading:
        from genret.data.survey import Reading

        options = self.options
        return Reading(
            options["decimal"] or "auto",
            options["separator"],
            _listed(options["ignore"]),
            _listed(options["text_fields"]),
        )

    def record(self) -> dict[str, Any]:
        """What tells this source, read this way, from another, wherever it lies."""
        plain = ("delimiter", "encoding", "decimal", "separator", "locale", "on_bad_row", "relevant_at")
        lists = {name: list(self.options[name]) for name in ("columns", "ignore", "text_fields")}
        chosen = {name: self.options[name] for name in plain if self.options[name] is not None}
        if self.options["drop_leaks"]:
            chosen["drop_leaks"] = True
        return {"format": self.format, **lists, **chosen, "files": [print_of(path) for path in self.files]}

    def read(self, layers: Layers, rejects: Path | None) -> Dataset:
        """The data set, its leaks told; bad rows go to `rejects`."""
        dataset = self._read(layers, rejects)
        return dataset if self.format == GROCERY else leaks_told(dataset, self.options["drop_leaks"])

    def _read(self, layers: Layers, rejects: Path | None) -> Dataset:
        from genret.data import read_dataset, read_files_dataset

        options = self.options
        strict = options["on_bad_row"] == "error"
        if self.format == GROCERY:
            from genret.data.grocery import GrocerySettings, make_grocery

            return make_grocery(layers.make(GrocerySettings, "grocery"))
        if self.format in SETS:
            return read_dataset(
                self.format,
                self.files[0],
                locale=options["locale"] or "us",
                on_bad_row=options["on_bad_row"],
                rejects=None if strict else rejects,
            )
        return read_files_dataset(
            self.files[0],
            options["queries"],
            options["judgements"],
            columns=named_columns(options["columns"]),
            relevant_at=1.0 if options["relevant_at"] is None else options["relevant_at"],
            format=None if self.format == "files" else self.format,
            layout=self.layout,
            reading=self.reading,
            on_bad_row=options["on_bad_row"],
            rejects=None if strict else rejects,
        )


def leaks_told(dataset: Dataset, drop: bool) -> Dataset:
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


def read_source(source: Source, layers: Layers) -> dict[str, Any]:
    """RUN/data from the source, and what it was taken for on the terminal; the same as plain values."""
    from genret.data.describe import describe
    from genret.pipeline.stages import data_stage

    if source.options["dry_run"]:
        planned = describe(source.read(layers, None))
        click.echo(str(planned))
        return {"data": planned.to_json()}
    rejects = RunFolder(source.run).rejects
    record = source.record()
    if source.format == GROCERY:
        from genret.data.grocery import GrocerySettings

        record = {"format": GROCERY, **settings_dict(layers.make(GrocerySettings, "grocery"))}
    done = data_stage(source.run, lambda: source.read(layers, rejects), record, replace_other=source.options["force"])
    report = describe(RunFolder(source.run).dataset())
    told = say("data", done)
    tell(f"\n{report}\n")
    lost = sum(file.skipped for file in report.files), sum(file.repaired for file in report.files)
    if any(lost):
        kept = f"; as they were: {rejects}" if rejects.exists() else ""
        click.echo(f"data      {lost[0]:,} bad rows left out, {lost[1]:,} fields left empty{kept}", err=True)
    return {"data": {**report.to_json(), **told["data"]}}


def tell(line: str) -> None:
    """A line on what is being done, unless only results and errors are asked for (`--quiet`)."""
    if not quiet():
        click.echo(line)


def say(name: str, result: StageResult) -> dict[str, Any]:
    """One line on how a stage ended; the same as plain values, under the stage's name."""
    what = "up to date, reused" if result.reused else f"done in {result.seconds:.1f} s"
    tell(f"{name:9s} {what}  ({result.artifact.path}, {result.artifact.fingerprint[:12]})")
    if "given" in result.artifact.settings:
        from genret.embed.given import VectorsReport

        tell(f"{'':9s} {VectorsReport(**result.artifact.settings['given'])}")
    made = {"path": str(result.artifact.path), "fingerprint": result.artifact.fingerprint}
    return {name: {**made, "reused": result.reused, "seconds": result.seconds}}


def print_of(path: Path) -> str:
    """A digest of a file, or of the files that readers find in a folder: what was read, wherever it lies.

    Folders below are not looked into, since a run may lie in there, except the one where BEIR keeps its judgements.
    """
    folders = [path, path / "qrels"] if path.is_dir() else []
    files = sorted(file for folder in folders if folder.is_dir() for file in folder.iterdir() if _is_data(file))
    digests = [sha256(file) for file in files or [path] if file.is_file()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def named_columns(pairs: Sequence[str]) -> dict[str, str]:
    """`FIELD=COLUMN` texts as a mapping; a GenretError for one that is not so written."""
    columns = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise GenretError(f"--column {pair!r}: expected FIELD=COLUMN, for example --column title=product_title")
        columns[field] = column
    return columns


def _is_data(file: Path) -> bool:
    from genret.data.folders import EXTENSIONS

    known = (*EXTENSIONS, ".qrels", ".trec", ".tab")
    name = file.name.lower().removesuffix(".gz")
    return file.is_file() and name.endswith(known) and file.name != "rejects.jsonl"


def _listed(values: Sequence[str]) -> tuple[str, ...]:
    """Names given one by one or with commas between them."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _stem(path: Path) -> str:
    name = path.resolve().name.partition(".")[0]
    return name or "mine"
