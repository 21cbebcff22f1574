"""Catalogue, query and judgement files: what is read, and what every kind of bad row and bad file says."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data import ReadReport, read_catalogue, read_judgements, read_queries
from genret.data.files import query_id_of
from genret.data.products import LEAST_POPULARITY
from genret.data.rows import Layout
from genret.data.values import MAX_FIELD
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query

SAUCE = Product(
    id="p1",
    title="Tomato basil pasta sauce",
    category=("Pantry", "Pasta Sauces", "Marinara"),
    brand="Rosso",
    description="Slow-cooked, with basil.",
    attributes={"size": "24 oz", "organic": "true"},
    price=3.5,
    available=False,
    stores=("north", "south"),
    popularity=12.0,
)
CSV_ROW = (
    'p1,Tomato basil pasta sauce,Pantry > Pasta Sauces > Marinara,Rosso,"Slow-cooked, with basil.",24 oz,true,'
    "3.5,no,north|south,12"
)
CSV_HEADER = "id,title,category,brand,description,size,organic,price,available,stores,popularity"


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def refusal(path: Path, read=read_catalogue, **options) -> str:
    with pytest.raises(GenretError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is read.


@pytest.mark.parametrize("name", ["c.csv", "c.csv.gz"])
def test_csv(tmp_path: Path, name: str) -> None:
    assert list(read_catalogue(write(tmp_path / name, f"{CSV_HEADER}\n{CSV_ROW}\n"))) == [SAUCE]


def test_tsv_with_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "c.tsv", b"\xef\xbb\xbfsku\tname\r\n1\tSoda\r\n\r\n2\tPop\r\n")
    assert [(product.id, product.title) for product in read_catalogue(path)] == [("1", "Soda"), ("2", "Pop")]


@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "c.ndjson"])
def test_jsonl(tmp_path: Path, name: str) -> None:
    row = {
        "product_id": "p1",
        "name": "Tomato basil pasta sauce",
        "category": ["Pantry", "Pasta Sauces", "Marinara"],
        "brand": "Rosso",
        "description": "Slow-cooked, with basil.",
        "attributes": {"size": "24 oz", "organic": True},
        "price": 3.5,
        "in_stock": 0,
        "stores": ["north", "south"],
        "popularity": 12,
    }
    assert list(read_catalogue(write(tmp_path / name, json.dumps(row) + "\n"))) == [SAUCE]


@pytest.mark.parametrize("name", ["c.parquet", "c.parquet.gz"])
def test_parquet(tmp_path: Path, name: str) -> None:
    columns = {
        "id": ["p1"],
        "title": [SAUCE.title],
        "category": pa.array([list(SAUCE.category)]),
        "brand": ["Rosso"],
        "description": [SAUCE.description],
        "attributes": pa.array([list(SAUCE.attributes.items())], pa.map_(pa.string(), pa.string())),
        "price": [3.5],
        "available": [False],
        "stores": pa.array([["north", "south"]]),
        "popularity": [12],
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    assert list(read_catalogue(write(tmp_path / name, sink.getvalue()))) == [SAUCE]


def test_whole_number_ids_of_json_and_parquet_have_no_decimal_point(tmp_path: Path) -> None:
    assert read_catalogue(write(tmp_path / "c.jsonl", '{"id": 7.0, "title": "Soda"}')).ids == ["7"]


def test_columns_are_named_and_the_rest_are_attributes(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "id,internal,label\nx,9,Soda\n")
    product = read_catalogue(path, columns={"id": "internal", "title": "label"})[0]
    assert product == Product("9", "Soda", attributes={"id": "x"})


def test_the_better_name_wins_the_field(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "name,id,title,short_description,description\nX-1,1,Drill,short,long\n")
    product = read_catalogue(path)[0]
    assert (product.title, product.description) == ("Drill", "long")
    assert product.attributes == {"name": "X-1", "short_description": "short"}


def test_optional_fields_left_empty_have_their_defaults(tmp_path: Path) -> None:
    empty = "1,Soda" + "," * 8
    path = write(
        tmp_path / "c.csv", f"id,title,category,brand,description,price,available,stores,popularity,colour\n{empty}\n"
    )
    assert read_catalogue(path)[0] == Product("1", "Soda")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("in stock", True), ("Out_Of_Stock", False), ("https://schema.org/InStock", True), ("0", False), ("14", True)],
)
def test_availability(tmp_path: Path, value: str, expected: bool) -> None:
    assert (
        read_catalogue(write(tmp_path / "c.csv", f"id,title,availability\n1,Soda,{value}\n"))[0].available is expected
    )


def test_text_is_cleaned_unless_told_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "id,title,category\n1,Salt &amp; Creamâ„¢,A &gt; B\n")
    assert read_catalogue(path)[0] == Product("1", "Salt & Cream™", ("A", "B"))
    assert read_catalogue(path, clean=False)[0].title == "Salt &amp; Creamâ„¢"


def test_a_price_may_carry_its_currency_and_no_sale_yet_is_a_small_weight(tmp_path: Path) -> None:
    product = read_catalogue(write(tmp_path / "c.csv", "id,title,price,sales\n1,Soda,$1.25,0\n"))[0]
    assert (product.price, product.popularity) == (1.25, LEAST_POPULARITY)


def test_an_unnamed_index_column_is_dropped(tmp_path: Path) -> None:
    assert read_catalogue(write(tmp_path / "c.csv", ",id,title\n0,1,Soda\n"))[0] == Product("1", "Soda")


@pytest.mark.parametrize(("name", "content"), [("c.csv", "id,title\n"), ("c.jsonl", ""), ("c.tsv", "id\ttitle")])
def test_no_products(tmp_path: Path, name: str, content: str) -> None:
    reports: list[ReadReport] = []
    assert len(read_catalogue(write(tmp_path / name, content), reports=reports)) == 0
    assert [(report.rows, report.skipped) for report in reports] == [(0, 0)]


def test_one_product_and_products_that_are_all_the_same_text(tmp_path: Path) -> None:
    assert len(read_catalogue(write(tmp_path / "one.csv", "id,title\n1,Soda\n"))) == 1
    same = "id,title\n" + "".join(f"{i},Soda\n" for i in range(50))
    assert {product.title for product in read_catalogue(write(tmp_path / "same.csv", same))} == {"Soda"}


# Bad rows. Each: file name, content, line, field, and a piece of what is expected.

BAD_ROWS = {
    "missing id": ("c.csv", "id,title\n1,a\n,b\n", 3, "id", "expected an id"),
    "missing id in JSON": ("c.jsonl", '{"id": "1", "title": "a"}\n{"title": "b"}\n', 2, "id", "expected an id"),
    "null id": ("c.jsonl", '{"id": "1", "title": "a"}\n{"id": null, "title": "b"}\n', 2, "id", "expected an id"),
    "boolean id": ("c.jsonl", '{"id": "1", "title": "a"}\n{"id": true, "title": "b"}\n', 2, "id", "an id"),
    "duplicate id": ("c.csv", "id,title\n1,a\n2,b\n1,c\n", 4, "id", "taken by line 2"),
    "empty title": ("c.csv", "id,title\n1,a\n2,\n", 3, "title", "expected a title"),
    "title of spaces": ("c.csv", "id,title\n1,a\n2, &nbsp; \n", 3, "title", "expected a title"),
    "price in words": ("c.csv", "id,title,price\n1,a,2\n2,b,cheap\n", 3, "price", "a price"),
    "price inf": ("c.csv", "id,title,price\n1,a,2\n2,b,-inf\n", 3, "price", "a price"),
    "negative price": ("c.csv", "id,title,price\n1,a,2\n2,b,-1\n", 3, "price", "at least 0"),
    "price as code": ("c.csv", "id,title,price\n1,a,2\n2,b,1_000\n", 3, "price", "a price"),
    "availability": ("c.csv", "id,title,available\n1,a,1\n2,b,perhaps\n", 3, "available", "true or false"),
    "popularity": ("c.csv", "id,title,popularity\n1,a,1\n2,b,-3\n", 3, "popularity", "at least 0"),
    "too few columns": ("c.csv", "id,title,brand\n1,a,x\n2,b\n", 3, "(whole row)", "got 2 columns, expected 3"),
    "too many columns": ("c.csv", "id,title\n1,a\n2,b,c\n", 3, "(whole row)", "got 3 columns, expected 2"),
    "bad UTF-8": ("c.csv", b"id,title\n1,a\n2,caf\xe9\n", 3, "title", "UTF-8"),
    "bad UTF-8 in JSON": ("c.jsonl", b'{"id": "1", "title": "a"}\n{"id": "2", "title": "\xff"}\n', 2, "row", "UTF-8"),
    "NUL byte": ("c.csv", b"id,title\n1,a\n2,b\x00c\n", 3, "title", "NUL"),
    "NUL in JSON": ("c.jsonl", '{"id": "1", "title": "a"}\n{"id": "2", "title": "b\\u0000"}\n', 2, "title", "NUL"),
    "lone surrogate": ("c.jsonl", '{"id": "1", "title": "a"}\n{"id": "2", "title": "\\ud800"}\n', 2, "title", "text"),
    "invalid JSON": ("c.jsonl", '{"id": "1", "title": "a"}\n{"id": 2, \n', 2, "row", "one JSON object"),
    "infinity in JSON": (
        "c.jsonl",
        '{"id":"1","title":"a"}\n{"id":"2","title":"b","price":Infinity}\n',
        2,
        "price",
        "a",
    ),
    "JSON that nests too deep": ("c.jsonl", '{"id": "1", "title": "a"}\n' + "[" * 100_000 + "\n", 2, "row", "JSON"),
    "JSON list": ("c.jsonl", '{"id": "1", "title": "a"}\n[1, 2]\n', 2, "row", "not a list"),
    "attributes": ("c.csv", "id,title,attributes\n1,a,{}\n2,b,{oops}\n", 3, "attributes", "a JSON object"),
    "category": (
        "c.jsonl",
        '{"id":"1","title":"a"}\n{"id":"2","title":"b","category":{"x":1}}\n',
        2,
        "category",
        "path",
    ),
    "over-long field": ("c.csv", f"id,title\n1,a\n2,{'x' * (MAX_FIELD + 1)}\n", 3, "title", "at most 100,000"),
    "over-long id": ("c.csv", f"id,title\n1,a\n{'x' * 1001},b\n", 3, "id", "at most 1,000"),
    "quote never closed": ("c.csv", 'id,title\n1,a\n2,"b\n3,c\n', 3, "(whole row)", "never closed"),
    "text after a quote": ("c.csv", 'id,title\n1,a\n2,"b"c\n', 3, "(whole row)", "a row of CSV"),
    "after a quoted row of two lines": ("c.csv", 'id,title,price\n1,"a\nb",2\n2,c,x\n', 4, "price", "a price"),
    "within a row of two lines": ("c.csv", 'id,title,price\n1,a,2\n2,"c\nd",x\n5,e,1\n', 3, "price", "a price"),
}


FIELD_ONLY = {"price", "available", "popularity", "attributes", "category"}
"""Fields that a product can do without: a bad one costs the field, not the product."""
UTF8 = Layout(encoding="utf-8")


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_named(tmp_path: Path, kind: str) -> None:
    name, content, line, field, expected = BAD_ROWS[kind]
    said = refusal(write(tmp_path / name, content), on_bad_row="error", layout=UTF8)
    assert said.startswith(f"{tmp_path / name}, line {line}, field ")
    assert field in said
    assert expected in said
    assert "--on-bad-row skip" in said
    assert len(said) < 500


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_field_costs_the_field_and_a_bad_row_the_row(tmp_path: Path, kind: str) -> None:
    name, content, line, field, _ = BAD_ROWS[kind]
    reports: list[ReadReport] = []
    rejects = tmp_path / "out" / "rejects.jsonl"
    path = write(tmp_path / name, content)
    catalogue = read_catalogue(path, on_bad_row="skip", rejects=rejects, reports=reports, layout=UTF8)
    [report] = reports
    rejected = [json.loads(text) for text in rejects.read_text().splitlines()]
    cost = "field" if field in FIELD_ONLY else "row"
    assert (report.skipped, report.repaired) == ((1, 0) if cost == "row" else (0, 1))
    assert len(rejected) == sum(report.reasons.values()) == 1
    assert len(catalogue) == report.rows - report.skipped
    assert catalogue.ids[0] == "1"
    assert rejected[0].keys() == {"file", "line", "field", "reason", "cost", "raw"}
    assert (rejected[0]["file"], rejected[0]["line"], rejected[0]["cost"]) == (str(path), line, cost)
    assert rejected[0]["raw"].splitlines()[0][:50] in content if isinstance(content, str) else rejected[0]["raw"]


def test_by_default_few_bad_rows_are_left_out_and_many_are_not(tmp_path: Path) -> None:
    good = "".join(f"{i},item {i}\n" for i in range(40))
    reports: list[ReadReport] = []
    catalogue = read_catalogue(write(tmp_path / "few.csv", f"id,title\n{good},nameless\n"), reports=reports)
    assert (len(catalogue), reports[0].skipped) == (40, 1)
    said = refusal(write(tmp_path / "many.csv", f"id,title\n{good}" + ",nameless\n" * 3))
    assert "line 42, field id: got '', expected an id; 3 of 43 rows are bad, this one first" in said
    assert "--on-bad-row skip" in said
    assert len(read_catalogue(tmp_path / "many.csv", on_bad_row="skip")) == 40


def test_parquet_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["a", "b"], "price": [1.0, float("inf")]}), path)
    assert f"{path}, row 2, field price: got inf, expected a price" in refusal(path, on_bad_row="error")
    assert [product.price for product in read_catalogue(path)] == [1.0, None]


def test_parquet_with_bad_utf8_names_the_row(tmp_path: Path) -> None:
    titles = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xff", b"c"]).buffers())
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": ["1", "2", "3"], "title": titles}), path)
    assert f"{path}, row 2, field (whole row): got byte 0xFF, expected UTF-8 text" in refusal(path)
    assert read_catalogue(path, on_bad_row="skip").ids == ["1", "3"]


def test_nan_in_an_attribute_column_of_parquet_is_no_attribute(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": ["1"], "title": ["a"], "rating": [float("nan")], "size": [2.0]}), path)
    assert (read_catalogue(path)[0].attributes, read_catalogue(path)[0].numbers) == ({}, {"size": 2.0})


def test_rows_after_an_open_quote_are_not_lost(tmp_path: Path) -> None:
    rows = [f"{i},item {i}" for i in range(2_000)]
    rows[7] = '7,"open'
    catalogue = read_catalogue(write(tmp_path / "c.csv", "id,title\n" + "\n".join(rows)), on_bad_row="skip")
    assert len(catalogue) == 1_999
    assert "7" not in catalogue
    assert "1999" in catalogue


def test_a_long_open_quote_is_caught_before_the_end_of_the_file(tmp_path: Path) -> None:
    rows = [f"{i},{'word ' * 40}" for i in range(2_000)]
    rows[3] = '3,"open'
    path = write(tmp_path / "c.csv", "id,title\n" + "\n".join(rows))
    assert ", line 5, " in refusal(path, on_bad_row="error")
    assert len(read_catalogue(path, on_bad_row="skip")) == 1_999


def test_all_rows_bad_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    assert "all 2 rows are bad" in refusal(write(tmp_path / "c.csv", "id,title\n1,\n2,\n"), on_bad_row="skip")


def test_rejects_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    rejects = write(tmp_path / "rejects.jsonl", "old\n")
    read_catalogue(write(tmp_path / "c.csv", "id,title\n1,a\n"), on_bad_row="skip", rejects=rejects)
    assert rejects.read_text() == ""


def test_the_file_itself_is_not_taken_for_its_rejects(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "id,title\n1,a\n")
    assert "give another path for the rejects" in refusal(path, on_bad_row="skip", rejects=path)
    assert path.read_text() == "id,title\n1,a\n"


# Bad files.


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("c.csv", "", "empty, expected a header"),
        ("c.csv", "\n\n", "empty, expected a header"),
        ("c.csv", "1,Soda\n2,Pop\n", "no column for id"),
        ("c.csv", "id,brand\n1,x\n", "no column for title; its columns: 'id', 'brand'; name one with --column title="),
        ("c.csv", "id,title,title\n1,a,b\n", "'title' stands twice"),
        ("c.csv", b"\xff\xfei\x00d\x00", "no column for title"),
        ("c.csv", b"\x89PNG\x00\x01,\xff\n1\n", "not UTF-8"),
        ("c.xlsx", "id,title\n", "unknown extension '.xlsx'"),
        ("c", "id,title\n", "unknown extension ''"),
        ("c.parquet", "PAR1 no", "not a readable Parquet file"),
        ("c.parquet", b"", "not a readable Parquet file"),
        ("c.qrels", "1 0 2 1\n", "holds judgements only"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, name: str, content: str | bytes, expected: str) -> None:
    path = write(tmp_path / name, content)
    for on_bad_row in ("error", "skip"):
        said = refusal(path, on_bad_row=on_bad_row)
        assert str(path) in said
        assert expected in said


def test_missing_file_folder_and_wrong_gzip(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "a folder, expected a file" in refusal(tmp_path / "folder.csv")
    plain = tmp_path / "plain.csv.gz"
    plain.write_text("id,title\n1,a\n")
    assert "not gzip" in refusal(plain)


def test_gzip_cut_short_or_flipped(tmp_path: Path) -> None:
    whole = gzip.compress(f"{CSV_HEADER}\n{CSV_ROW}\n".encode() * 200)
    path = tmp_path / "c.csv.gz"
    path.write_bytes(whole[:-20])
    assert "gzip data is cut short" in refusal(path, on_bad_row="skip")
    path.write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    assert str(path) in refusal(path, on_bad_row="skip")


def test_parquet_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": ["1"], "title": ["a"]}), path)
    path.write_bytes(path.read_bytes()[:-9])
    assert "not a readable Parquet file" in refusal(path)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"format": "xml"}, "format='xml', expected one of csv, tsv, jsonl, json, parquet"),
        ({"columns": {"name": "title"}}, "no field 'name'"),
        ({"columns": {"title": "headline"}}, "no column 'headline' (named for title); its columns: 'id', 'title'"),
        ({"on_bad_row": "ignore"}, "expected 'repair', 'skip', 'error'"),
        ({"on_bad_row": "error", "rejects": "r.jsonl"}, "pass --on-bad-row skip"),
    ],
)
def test_a_bad_option_is_one_clear_error(tmp_path: Path, options: dict[str, object], expected: str) -> None:
    assert expected in refusal(write(tmp_path / "c.csv", "id,title\n1,a\n"), **options)


# Queries and judgements.


def test_queries_with_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "q.tsv", "query_id\tquery\tkind\tfrequency\n7\tmarinara  sauce\thead\t12\n8\tpop\t\t\n")
    assert read_queries(path) == [Query("7", "marinara sauce", "head", 12), Query("8", "pop")]


def test_a_log_without_ids_counts_its_texts(tmp_path: Path) -> None:
    queries = read_queries(write(tmp_path / "q.csv", "search_term\nsoda\npop\nsoda\nsoda\n"))
    assert [(query.text, query.frequency) for query in queries] == [("soda", 3), ("pop", 1)]
    assert queries[0].id == query_id_of("soda") != queries[1].id


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,query\n1,a\n1,b\n", "line 3, field id"),
        ("id,query\n1,a\n2,\n", "line 3, field text: got '', expected the text of a query"),
        ("id,query,frequency\n1,a,1\n2,b,1.5\n", "line 3, field frequency: got '1.5', expected a whole number"),
        ("id,query,frequency\n1,a,1\n2,b,0\n", "line 3, field frequency"),
        ("id,query,split\n1,a,dev\n2,b,later\n", "line 3, field split: got 'later', expected train, dev or test"),
        ("id,word\n1,a\n", "no column for text"),
    ],
)
def test_bad_queries(tmp_path: Path, content: str, expected: str) -> None:
    assert expected in refusal(write(tmp_path / "q.csv", content), read=read_queries, on_bad_row="error")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("j.csv", "query_id,product_id,grade\n1,p1,3\n1,p2,0.5\n"),
        ("j.tsv", "qid\tdocid\trating\n1\tp1\t3\n1\tp2\t.5\n"),
        (
            "j.jsonl",
            '{"query_id": 1, "product_uid": "p1", "relevance": 3}\n{"qid": "1", "sku": "p2", "label": "0.5"}\n',
        ),
        ("j.qrels", "1 0 p1 3\n1\t0\tp2 0.5\n"),
    ],
)
def test_judgements(tmp_path: Path, name: str, content: str) -> None:
    assert read_judgements(write(tmp_path / name, content)) == [Judgement("1", "p1", 3.0), Judgement("1", "p2", 0.5)]


def test_judgements_by_text_share_ids_with_queries_by_text(tmp_path: Path) -> None:
    [judgement] = read_judgements(write(tmp_path / "j.csv", "query,product_id,grade\nsoda,p1,1\n"))
    [query] = read_queries(write(tmp_path / "q.csv", "query\nsoda\n"))
    assert judgement.query_id == query.id


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "j.csv",
            "query_id,product_id,grade\n1,p1,3\n1,p2,high\n",
            "line 3, field grade: got 'high', expected a number",
        ),
        ("j.csv", "query_id,product_id,grade\n1,p1,3\n1,p2,nan\n", "line 3, field grade"),
        ("j.csv", "query_id,product_id,grade\n1,p1,3\n1,p2,\n", "line 3, field grade: got '', expected a number"),
        ("j.csv", "query_id,product_id,grade\n1,p1,3\n1,,1\n", "line 3, field product_id"),
        ("j.csv", "query_id,product_id,grade\n1,p1,3\n,p1,1\n", "line 3, field query_id"),
        ("j.csv", "query_id,product_id,grade\n1,p1,3\n1,p1,2\n", "expected 3 as for the same pair in line 2"),
        ("j.csv", "product_id,grade\np1,3\n", "no column for query_id"),
        ("j.qrels", "1 0 p1 3\n1 p2 3\n", "line 2, field (whole row): got 3 columns, expected 4"),
        ("j.qrels", "1 0 p1 3\n1 0 p2 x\n", "line 2, field grade"),
    ],
)
def test_bad_judgements(tmp_path: Path, name: str, content: str, expected: str) -> None:
    path = write(tmp_path / name, content)
    assert expected in refusal(path, read=read_judgements)


def test_a_pair_judged_twice_alike_is_one_judgement(tmp_path: Path) -> None:
    assert len(read_judgements(write(tmp_path / "j.qrels", "1 0 p1 3\n1 0 p1 3\n"))) == 1


# Round trip.

WORDS = st.lists(st.text("abcé,;\"'|\t$<日", min_size=1, max_size=6), min_size=1, max_size=4).map(" ".join)
TITLES = WORDS.map(lambda text: " ".join(text.split())).filter(bool)
PRODUCTS = st.lists(
    st.builds(
        Product,
        id=st.text("abc019-_/\"',", min_size=1, max_size=8),
        title=TITLES,
        category=st.lists(st.sampled_from(["Pantry", "Pasta, Sauces", 'The "Best"']), max_size=3).map(tuple),
        brand=st.just("") | TITLES,
        description=st.just("") | TITLES,
        attributes=st.dictionaries(st.sampled_from(["size", "colour"]), TITLES),
        price=st.none() | st.floats(0, 1e6),
        available=st.booleans(),
        stores=st.lists(st.sampled_from(["north", "south"]), unique=True).map(tuple),
        popularity=st.floats(0.01, 1e6),
        numbers=st.just({}),
    ),
    max_size=8,
    unique_by=lambda product: product.id,
)


@settings(max_examples=60, deadline=None)
@given(products=PRODUCTS)
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, products: list[Product]) -> None:
    path = tmp_path_factory.mktemp("round") / "c.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*Product._fields[:-1], "colour"])
        for product in products:
            row = product._replace(
                category=" > ".join(product.category),
                attributes=json.dumps({name: value for name, value in product.attributes.items() if name != "colour"}),
                stores="|".join(product.stores),
                price="" if product.price is None else repr(product.price),
            )
            writer.writerow([*row[:-1], product.attributes.get("colour", "")])
    assert list(read_catalogue(path)) == products
