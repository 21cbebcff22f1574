"""Judgements of another file over a catalogue in hand, in every format that `genret eval --judgements` takes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genret.data import Catalogue, Dataset, attach_judgements
from genret.data.validate import BadRows
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query

DATASET = Dataset(
    "shop",
    Catalogue.from_products([Product("1", "Soda"), Product("2", "Pop")]),
    queries={"test": [Query("q1", "fizzy drink")]},
    relevant_at=5.0,
    irrelevant_grade=1.0,
)


@pytest.mark.parametrize(
    ("format", "name", "content", "grade", "relevant_at"),
    [
        ("homedepot", "dev.csv.gz", "id,product_uid,search_term,relevance\n1,1,cola,2.67\n2,9,cola,3\n", 2.67, 2.67),
        ("homedepot", "held-out", "id,product_uid,search_term,relevance\n1,1,cola,2.67\n2,9,cola,3\n", 2.67, 2.67),
        ("chorus", "ratings.csv", "query,docid,rating\ncola,1,3\ncola,9,0\n", 3, 2),
        ("esci", "e.csv", "query,query_id,product_id,esci_label\ncola,7,1,S\ncola,7,9,E\n", 2, 3),
        ("csv", "j.csv", "query,product_id,grade\ncola,1,4\ncola,9,4\n", 4, 5),
        ("jsonl", "j.txt", '{"query": "cola", "sku": 1, "grade": 4}\n{"query": "cola", "sku": 9, "grade": 4}\n', 4, 5),
    ],
)
def test_formats_that_hold_the_texts(
    tmp_path: Path, format: str, name: str, content: str, grade: float, relevant_at: float
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    attached = attach_judgements(DATASET, path, format)
    assert [query.text for query in attached.queries] == ["cola"]
    assert attached.judgements == [Judgement(attached.queries[0].id, "1", grade)]
    assert (attached.relevant_at, attached.unknown_products, attached.unknown_queries) == (relevant_at, 1, 0)


def test_esci_parquet(tmp_path: Path) -> None:
    columns = {"query": ["cola"], "query_id": [7], "product_id": ["1"], "esci_label": ["E"], "split": ["test"]}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    attached = attach_judgements(DATASET, tmp_path / "e.parquet", "esci")
    assert (attached.queries, attached.judgements) == ([Query("7", "cola")], [Judgement("7", "1", 3.0)])


@pytest.mark.parametrize(
    ("format", "name", "content"),
    [
        (None, "heldout.qrels", "q1 0 1 3\nq1 0 2 0\nq2 0 1 1\n"),
        ("trec", "qrels.txt", "q1 0 1 3\nq1 0 2 0\nq2 0 1 1\n"),
        ("tsv", "j.tsv", "query_id\tproduct_id\tgrade\nq1\t1\t3\nq1\t2\t0\nq2\t1\t1\n"),
        ("beir", "test.tsv", "query-id\tcorpus-id\tscore\nq1\t1\t3\nq1\t2\t0\nq2\t1\t1\n"),
    ],
)
def test_formats_without_texts_use_the_data_sets_queries(
    tmp_path: Path, format: str | None, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    attached = attach_judgements(DATASET, tmp_path / name, format)
    assert attached.queries == [Query("q1", "fizzy drink")]
    assert attached.judgements == [Judgement("q1", "1", 3.0), Judgement("q1", "2", 0.0)]
    assert attached.unknown_queries == 1


def test_texts_from_the_file_beside_or_from_one_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "label.csv").write_text("id\tquery_id\tproduct_id\tlabel\n0\t5\t1\tExact\n")
    (tmp_path / "query.csv").write_text("query_id\tquery\tquery_class\n5\tcola\tDrinks\n")
    assert attach_judgements(DATASET, tmp_path / "label.csv", "wands").queries == [Query("5", "cola")]
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n5\t2\t1\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "5", "text": "pop"}\n')
    assert attach_judgements(DATASET, tmp_path / "qrels" / "test.tsv", "beir").queries == [Query("5", "pop")]
    (tmp_path / "q.csv").write_text("id,text\n5,tonic\n")
    named = attach_judgements(DATASET, tmp_path / "qrels" / "test.tsv", "beir", queries=tmp_path / "q.csv")
    assert named.queries == [Query("5", "tonic")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("q1 0 77 1\nq1 0 78 1\n", "none of its 2 judged products is in the catalogue of shop"),
        ("q9 0 1 1\n", "1 are on queries whose text is not known"),
        ("", "holds no judgement"),
    ],
)
def test_nothing_left_is_an_error_that_says_why(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "j.qrels"
    path.write_text(content)
    with pytest.raises(GenretError, match=expected):
        attach_judgements(DATASET, path, "trec")


def test_bad_rows_and_formats(tmp_path: Path) -> None:
    path = tmp_path / "j.csv"
    path.write_text("query,product_id,grade\ncola,1,4\ncola,2,good\n")
    with pytest.raises(GenretError, match=r"j.csv, line 3, field grade: got 'good', expected a number"):
        attach_judgements(DATASET, path, "csv")
    skipped = attach_judgements(DATASET, path, "csv", bad=BadRows("skip", tmp_path / "r.jsonl"))
    assert (len(skipped.judgements), skipped.reports[0].skipped) == (1, 1)
    with pytest.raises(GenretError, match="format='instacart' for judgements, expected one of homedepot, chorus"):
        attach_judgements(DATASET, path, "instacart")
