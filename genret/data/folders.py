"""A user's own files -> `Dataset`, and what all readers of folders share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from genret.data.columns import columns_for
from genret.data.files import JudgementRow, QueryRow, judgement_rows, query_rows
from genret.data.judged import split_queries
from genret.data.overlaps import queries_are_products, without_own
from genret.data.product_text import TEXT_FIELDS
from genret.data.products import ProductFile
from genret.data.records import Catalogue, Dataset
from genret.data.rows import Layout, format_of, open_table
from genret.data.survey import Reading, Understanding
from genret.data.validate import BadField, BadRows, OnBadRow
from genret.ground.errors import GenretError
from genret.ground.typed import typed
from genret.ground.types import SPLITS, Product, Query, Split

EXTENSIONS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
_JUDGEMENT_STEMS = ("judgements", "judgments", "qrels", "ratings")


@dataclass(frozen=True)
class SourceSettings:
    """What every reader is told. limit: products at most; locale: esci's market; seed: of drawn splits."""

    limit: int | None = None
    locale: str = "us"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise GenretError(f"limit={self.limit}, expected at least 1 product, or no limit")


@dataclass(frozen=True)
class FilesSettings:
    """How a user's own files are read.

    As the parameters of `read_files_dataset`.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    relevant_at: float = 1.0
    irrelevant_grade: float = 0.0
    limit: int | None = None
    seed: int = 0
    layout: Layout = field(default_factory=Layout)
    reading: Reading = field(default_factory=Reading)
    format: str | None = None

    def __post_init__(self) -> None:
        SourceSettings(limit=self.limit)
        if self.relevant_at <= self.irrelevant_grade:
            raise GenretError(
                f"relevant_at={self.relevant_at:g}, but irrelevant_grade={self.irrelevant_grade:g}; "
                "a relevant grade must be higher than the irrelevant one"
            )
        parts = {name.rpartition(".")[0] for name in self.columns} - {"", "product", "query", "judgement"}
        if parts:
            raise GenretError(
                f"column mapping for {sorted(parts)[0]!r}, expected FIELD, query.FIELD or judgement.FIELD"
            )


@typed
def read_files_dataset(
    products: str | Path,
    queries: str | Path | None = None,
    judgements: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    relevant_at: float = 1.0,
    irrelevant_grade: float = 0.0,
    limit: int | None = None,
    seed: int = 0,
    format: str | None = None,
    layout: Layout | None = None,
    reading: Reading | None = None,
    on_bad_row: OnBadRow = "repair",
    rejects: str | Path | None = None,
) -> Dataset:
    """A data set from a user's own files, each CSV, TSV, JSONL or Parquet (judgements also TREC qrels), plain or .gz.

    >>> dataset = read_files_dataset("products.csv")
    >>> [product.title for product in dataset.catalogue]
    ['Oat Milk', 'Whole Milk']

    products: the catalogue's file, or a folder that holds `products.*` and perhaps `queries.*` and `judgements.*`.
    judgements: their rows name a query by id, or by text. A row whose query or product is not known is a bad row.
    columns: field -> column, with `query.` or `judgement.` before the fields of those files:
        `{"title": "product_title", "judgement.grade": "stars"}`.
    relevant_at: grades from here on count as relevant. irrelevant_grade: the grade without gain.
    limit: products to read at most, the first ones; judgements on others are then left out.
    seed: draws the splits where the files name none.
    format: of the products' file, where its extension does not say.
    layout, reading: delimiter and encoding; how the products' columns are read, where that is not found out.
    The splits are those of a column `split` in queries or judgements, and a query without one is for train; where no
    row has one they are drawn: 80 % train, 10 % dev, 10 % test (`split_queries`).
    The data set's `reports` say what was read of each file. Raises GenretError as `read_catalogue` does.
    """
    bad = BadRows(on_bad_row, rejects)
    settings = FilesSettings(
        columns or {}, relevant_at, irrelevant_grade, limit, seed, layout or Layout(), reading or Reading(), format
    )
    return _read_files(Path(products), queries, judgements, settings, bad)


def read_folder(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """The folder's products, queries and judgements with every setting of `read_files_dataset` left as it is."""
    return _read_files(folder, None, None, FilesSettings(limit=settings.limit, seed=settings.seed), bad)


def find_file(folder: Path, *stems: str, extensions: tuple[str, ...] = EXTENSIONS) -> Path | None:
    """The first file of the folder called by one of the stems and one of the extensions, plain or .gz."""
    names = (f"{stem}{extension}{gz}" for stem in stems for extension in extensions for gz in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def need_file(folder: Path, *stems: str, extensions: tuple[str, ...] = EXTENSIONS) -> Path:
    """As `find_file`, but a GenretError that says what was looked for if there is none."""
    found = find_file(folder, *stems, extensions=extensions)
    if found is None:
        wanted = " or ".join(f"{stem}{extensions[0]}" for stem in stems)
        there = ", ".join(sorted(file.name for file in folder.iterdir())[:12]) if folder.is_dir() else "not a folder"
        raise GenretError(f"{folder}: no {wanted} in it (it holds: {there or 'nothing'}); give the folder of the files")
    return found


def need_columns(file: Path, columns: Sequence[str], bad: BadRows) -> None:
    """Raise a GenretError if the header of `file` lacks one of the columns that its data set is published with."""
    found = open_table(file, bad).columns or ()
    lacking = [column for column in columns if column not in found]
    if lacking:
        raise GenretError(f"{file}: no column {lacking[0]!r}; its columns: {', '.join(map(repr, found))}")


def read_products(rows: Iterable[Product], settings: SourceSettings | FilesSettings) -> Catalogue:
    """The catalogue of the first `settings.limit` rows."""
    return Catalogue.from_products(islice(rows, settings.limit))


def find_queries(judgements: Path, format: str) -> Path | None:
    """The file with the queries' texts that a format keeps beside its judgement file, if it is there."""
    if format == "wands":
        return find_file(judgements.parent, "query", extensions=(".csv",))
    if format == "beir":
        return find_file(judgements.parent, "queries", extensions=(".jsonl",)) or find_file(
            judgements.parent.parent, "queries", extensions=(".jsonl",)
        )
    return None


def files_of(
    products: Path, queries: str | Path | None, judgements: str | Path | None
) -> tuple[Path, str | Path | None, str | Path | None]:
    """The files of products, queries and judgements: as given, or those that the products' folder holds."""
    if not products.is_dir():
        return products, queries, judgements
    queries = queries or find_file(products, "queries", "query")
    judgements = judgements or find_file(products, *_JUDGEMENT_STEMS, extensions=(*EXTENSIONS, ".qrels", ".trec"))
    return need_file(products, "products", "catalogue", "catalog"), queries, judgements


def _read_files(
    products: Path, queries: str | Path | None, judgements: str | Path | None, settings: FilesSettings, bad: BadRows
) -> Dataset:
    name = products.name.partition(".")[0] or "files"
    products, queries, judgements = files_of(products, queries, judgements)
    _check_layout(settings, products, (queries, judgements))
    columns, layout = settings.columns, settings.layout
    named = columns_for(columns, "product")
    file = ProductFile(products, settings.format, named, layout, settings.reading, numbered=judgements is None)
    taken = file.understand()
    catalogue = read_products(file.rows(bad, taken), settings)
    asked = [] if queries is None else query_rows(queries, bad, columns=columns_for(columns, "query"), layout=layout)
    graded = [] if judgements is None else _graded(judgements, settings, bad)
    known, kept = _match(asked, graded, catalogue, bad, strict=settings.limit is None)
    own = queries_are_products(known.values(), catalogue)
    judged = [row.judgement for row in kept]
    if judgements is not None:
        bad.check_any_left(str(judgements), len(kept))
    return Dataset(
        name=name,
        catalogue=catalogue,
        queries=_splits(known, asked, kept, settings.seed),
        judgements=without_own(judged) if own else judged,
        relevant_at=settings.relevant_at,
        irrelevant_grade=settings.irrelevant_grade,
        queries_are_products=own,
        taken=taken,
        text_fields=text_fields(taken, settings.reading),
        reports=bad.reports,
    )


def _check_layout(settings: FilesSettings, products: Path, others: Iterable[str | Path | None]) -> None:
    """Raise a GenretError if the delimiter or encoding that was given has no use for any of the files."""
    kinds = [format_of(products, settings.format), *(format_of(file) for file in others if file is not None)]
    settings.layout.check_used(kinds)


def text_fields(taken: Understanding, reading: Reading) -> tuple[str, ...]:
    """What is embedded of a product, as `product_text` takes it; a GenretError for what is no field or column."""
    if not reading.text_fields:
        return TEXT_FIELDS
    found = {"title": None}
    field_of = {column: name for name, column in taken.fields.items()} | {column: "category" for column in taken.levels}
    for name in reading.text_fields:
        whole = field_of.get(name, name)
        if whole in TEXT_FIELDS:
            found[whole] = None
        elif name in taken.texts:
            found[f"attributes.{name}"] = None
        else:
            known = ", ".join((*TEXT_FIELDS, *taken.texts, *taken.numbers, *taken.left_out))
            raise GenretError(f"text field {name!r}: no such field or column that holds text; there are: {known}")
    return tuple(found)


def _graded(judgements: str | Path, settings: FilesSettings, bad: BadRows) -> list[JudgementRow]:
    columns = columns_for(settings.columns, "judgement")
    return judgement_rows(judgements, bad, columns=columns, layout=settings.layout)


def _match(
    asked: Sequence[QueryRow], graded: Sequence[JudgementRow], catalogue: Catalogue, bad: BadRows, *, strict: bool
) -> tuple[dict[str, Query], list[JudgementRow]]:
    """Id -> query, and the judgements whose query and product are known; others are bad rows.

    A judgement belongs to the id that it names; its text decides where it names none, or where the queries have none.
    strict=False leaves out, uncounted as bad, those on products beyond the catalogue's limit.
    """
    known = {row.query.id: row.query for row in asked}
    by_text: dict[str, list[str]] = {}
    for query in known.values():
        by_text.setdefault(query.text, []).append(query.id)
    have_ids = any(row.named for row in asked)
    kept = []
    products = set(catalogue.ids)
    for row in graded:
        query_id = row.judgement.query_id
        same = by_text.get(row.text, []) if row.text and not (row.named and have_ids) else []
        if len(same) > 1:
            what = f"a text of one query, or its id (queries {same[0]!r} and {same[1]!r} have this text)"
            bad.reject(row.place, BadField("query", row.text, what))
            continue
        if same:
            query_id = same[0]
        if row.text and not asked:
            known.setdefault(query_id, Query(query_id, row.text))
        if row.judgement.product_id not in products:
            if strict:
                bad.reject(row.place, BadField("product_id", row.judgement.product_id, "a product of the catalogue"))
        elif query_id not in known:
            bad.reject(row.place, BadField("query_id", query_id, "a query of the queries file"))
        else:
            kept.append(row._replace(judgement=row.judgement._replace(query_id=query_id)))
    return known, kept


def _splits(
    known: Mapping[str, Query], asked: Sequence[QueryRow], kept: Sequence[JudgementRow], seed: int
) -> dict[Split, list[Query]]:
    """The queries by the split that their rows name; drawn if no row names one."""
    named = {row.judgement.query_id: row.split for row in reversed(kept) if row.split}
    named |= {row.query.id: row.split for row in asked if row.split}
    if not named:
        return split_queries(known.values(), seed)
    found: dict[Split, list[Query]] = {split: [] for split in SPLITS}
    for query_id, query in known.items():
        found[named.get(query_id, "train")].append(query)
    return found
