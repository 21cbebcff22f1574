"""Embeddings that were made elsewhere: of images, of several kinds at once, by a model of one's own.

`read_vectors` reads npy, Parquet or safetensors, `embed_given` matches them to a catalogue by id. Queries are
embedded by a sentence-transformers model of the same space, or by a bag of tokens fitted to the products' texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from genret.data.columns import PRODUCT_ALIASES, Columns
from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.data.validate import BadField
from genret.data.values import identifier
from genret.embed.bag import bag_of_vectors
from genret.embed.embedder import Embedder, Vectors, unit_rows
from genret.embed.settings import EmbedSettings
from genret.embed.subwords import tokenize, train_text_tokenizer
from genret.ground.errors import GenretError
from genret.ground.text_files import read_lines

FORMATS = (".npy", ".parquet", ".pq", ".safetensors")
_NAMES = ("embeddings", "vectors", "embedding", "vector")
LEAST_NORM = 1e-12


class GivenVectors(NamedTuple):
    """A file's vectors: (n, D) as they are, and the ids of their products; None: the catalogue's, in its order."""

    ids: list[str] | None
    vectors: Vectors


class VectorsReport(NamedTuple):
    """What came of matching a file's vectors to a catalogue."""

    matched: int
    """Products with a vector of their own."""
    missing: int
    """Products that the file lacks: embedded by their text, as queries are."""
    zero: int
    """Products whose vector is zero or not finite: likewise."""
    unknown: int
    """Vectors of products that the catalogue lacks, left out."""
    width: int

    def __str__(self) -> str:
        text = f"{self.matched:,} products have a vector of their own ({self.width} wide)"
        lost = self.missing + self.zero
        if lost:
            text += f"; {self.missing:,} lack one and {self.zero:,} have one of zeros: embedded by their text"
        return text + (f"; {self.unknown:,} vectors of other products left out" if self.unknown else "")


class Given(NamedTuple):
    """A catalogue's (N, D) unit vectors, what embeds queries in their space, and how the matching went."""

    vectors: Vectors
    embedder: Embedder
    report: VectorsReport


def embed_given(dataset: Dataset, settings: EmbedSettings) -> Given:
    """The catalogue's products by the vectors of `settings.vectors`. A GenretError where nothing matches."""
    given = read_vectors(settings.vectors)
    own, report = _matched(given, dataset, settings.vectors)
    texts = [product_text(product, settings.fields) for product in dataset.catalogue]
    there = np.linalg.norm(own, axis=1) > 0
    embedder = _query_side(settings, [text for text, has in zip(texts, there, strict=True) if has], own[there])
    if embedder.dim != report.width:
        raise GenretError(
            f"query_encoder={settings.query_encoder!r} embeds in {embedder.dim} dimensions, but {settings.vectors} "
            f"holds {report.width}; give the encoder that made them, or none, to fit one to the products' texts"
        )
    if not there.all():
        own[~there] = embedder.encode([text for text, has in zip(texts, there, strict=True) if not has])
    return Given(own, embedder, report)


def read_vectors(path: str | Path) -> GivenVectors:
    """The vectors of a file: a GenretError, naming it, where it holds none.

    npy: (n, D), in the catalogue's order, or in that of `NAME.ids.txt` beside it, one id per line.
    Parquet: a column of ids, and one column of lists or one numeric column per dimension.
    safetensors: a vector under each product's id; or one (n, D) tensor, with ids as the integers of a tensor `ids`, or
    as a JSON list `ids` in the file's metadata.
    """
    file = Path(path)
    if file.suffix.lower() not in FORMATS:
        raise GenretError(f"{file}: unknown extension {file.suffix!r}, expected one of {', '.join(FORMATS)}")
    if not file.is_file():
        raise GenretError(f"{file}: no such file; give the file of the products' vectors")
    try:
        if file.suffix.lower() == ".npy":
            found = _npy(file)
        elif file.suffix.lower() == ".safetensors":
            found = _safetensors(file)
        else:
            found = _parquet(file)
    except (OSError, ValueError, pa.ArrowException, MemoryError) as error:
        if isinstance(error, GenretError):
            raise
        raise GenretError(f"{file}: not readable as {file.suffix.lstrip('.')} ({error}); write it again") from None
    if found.vectors.ndim != 2 or not found.vectors.shape[1]:
        raise GenretError(f"{file}: an array of shape {found.vectors.shape}, expected one row of numbers per product")
    if found.ids is not None and len(found.ids) != len(found.vectors):
        raise GenretError(f"{file}: {len(found.vectors):,} vectors, but {len(found.ids):,} ids; each needs the other")
    return found


def _npy(file: Path) -> GivenVectors:
    ids = file.with_suffix(".ids.txt")
    vectors = np.load(file, allow_pickle=False)
    if vectors.dtype.kind not in "fiu":
        raise GenretError(f"{file}: an array of {vectors.dtype}, expected numbers")
    return GivenVectors(read_lines(ids) if ids.is_file() else None, np.asarray(vectors, np.float32))


def _parquet(file: Path) -> GivenVectors:
    table = pq.read_table(file)
    plan = Columns(PRODUCT_ALIASES).plan(table.column_names)
    if "id" not in plan.fields:
        raise GenretError(f"{file}: no column of ids; its columns: {', '.join(table.column_names[:20])}")
    ids = _ids(file, table[plan.fields["id"]].to_pylist())
    rest = [name for name in table.column_names if name != plan.fields["id"]]
    lists = [name for name in rest if _is_list(table.schema.field(name).type)]
    if len(lists) == 1:
        return GivenVectors(ids, _rows_of(file, table[lists[0]].to_pylist()))
    numeric = [name for name in rest if _is_number(table.schema.field(name).type)]
    if lists or len(numeric) < 2:
        raise GenretError(
            f"{file}: expected one column of lists, or one numeric column per dimension; it has {rest[:20]}"
        )
    columns = [table[name].to_numpy().astype(np.float32) for name in numeric]
    return GivenVectors(ids, np.stack(columns, 1))


def _rows_of(file: Path, rows: Sequence[Any]) -> Vectors:
    """Lists of one length as an array; a null is a row of zeros."""
    width = next((len(row) for row in rows if row is not None), 0)
    for number, row in enumerate(rows, 1):
        if row is not None and len(row) != width:
            raise GenretError(f"{file}, row {number}: a vector of {len(row)} numbers, but those above have {width}")
    filled = [[0.0] * width if row is None else [np.nan if one is None else one for one in row] for row in rows]
    return np.asarray(filled, np.float32).reshape(len(rows), width)


def _safetensors(file: Path) -> GivenVectors:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
            metadata = opened.metadata() or {}
    except SafetensorError as error:
        raise GenretError(f"{file}: not readable as safetensors ({error}); write it again") from None
    wide = [name for name, tensor in tensors.items() if tensor.ndim == 2]
    name = next((one for one in _NAMES if one in wide), wide[0] if len(wide) == 1 else None)
    if name is None:
        if wide or not tensors or len({tuple(tensor.shape) for tensor in tensors.values()}) > 1:
            shapes = ", ".join(f"{key} {tuple(one.shape)}" for key, one in list(tensors.items())[:5])
            raise GenretError(
                f"{file}: expected one 2-D tensor, or a vector under each id; it holds {shapes or 'none'}"
            )
        return GivenVectors(list(tensors), np.stack([_numpy(tensor) for tensor in tensors.values()]))
    if "ids" in tensors:
        return GivenVectors(_ids(file, tensors["ids"].tolist()), _numpy(tensors[name]))
    listed = json.loads(metadata["ids"]) if "ids" in metadata else None
    return GivenVectors(None if listed is None else _ids(file, listed), _numpy(tensors[name]))


def _matched(given: GivenVectors, dataset: Dataset, path: str) -> tuple[Vectors, VectorsReport]:
    """(N, D) unit rows in catalogue order, zero where the file has none."""
    catalogue = dataset.catalogue
    if given.ids is None and len(given.vectors) != len(catalogue):
        raise GenretError(
            f"{path}: {len(given.vectors):,} vectors without ids, but the catalogue holds {len(catalogue):,} products; "
            "give their ids too (Parquet, safetensors, or NAME.ids.txt beside an npy file)"
        )
    ids = catalogue.ids if given.ids is None else given.ids
    places = [(catalogue.row(one), place) for place, one in enumerate(ids) if catalogue.has(one)]
    if not places:
        raise GenretError(
            f"{path}: none of its {len(ids):,} ids is in the catalogue: it has {ids[:1] or 'none'}, "
            f"the catalogue {catalogue.ids[:1]}"
        )
    rows, taken = (np.asarray(part, np.int64) for part in zip(*places, strict=True))
    if len(np.unique(rows)) < len(rows):
        twice = next(one for one, count in zip(*np.unique(rows, return_counts=True), strict=True) if count > 1)
        raise GenretError(f"{path}: product {catalogue.ids[int(twice)]!r} has two vectors; give each one")
    own = np.zeros((len(catalogue), given.vectors.shape[1]), np.float32)
    own[rows] = given.vectors[taken]
    own[~np.isfinite(own).all(1)] = 0
    norms = np.linalg.norm(own.astype(np.float64), axis=1)
    missing = len(catalogue) - len(rows)
    zero = int((norms[rows] <= LEAST_NORM).sum())
    if zero == len(rows):
        raise GenretError(f"{path}: every vector is zero or not finite; there is nothing to search by")
    return unit_rows(own), VectorsReport(len(rows) - zero, missing, zero, len(ids) - len(rows), own.shape[1])


def _query_side(settings: EmbedSettings, texts: Sequence[str], vectors: Vectors) -> Embedder:
    """The query encoder that was named, or a bag of tokens fitted to the products' texts and vectors."""
    if settings.query_encoder:
        from genret.embed.sentence import SentenceEmbedder
        from genret.ground.hardware import choose_precision

        return SentenceEmbedder(settings.query_encoder, settings.batch_size, choose_precision(settings.precision))
    from genret.embed.towers import PRODUCT_TOKENS, VOCABULARY, TowerEmbedder

    text_tokenizer = train_text_tokenizer(texts, VOCABULARY, PRODUCT_TOKENS)
    tokens, lengths = tokenize(text_tokenizer, texts, PRODUCT_TOKENS)
    table = bag_of_vectors(tokens, lengths, vectors, len(text_tokenizer))
    return TowerEmbedder(text_tokenizer, table, table)


def _ids(file: Path, values: Sequence[Any]) -> list[str]:
    found = []
    for number, value in enumerate(values, 1):
        try:
            found.append(identifier("id", value))
        except BadField as problem:
            raise GenretError(f"{file}, row {number}: id {problem.got!r}, expected {problem.expected}") from None
    return found


def _numpy(tensor: Any) -> npt.NDArray[np.float32]:
    return np.asarray(tensor.float().numpy(), np.float32)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)
