"""Files of products that went wrong: rows, whole files and options, each named in one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from row_files import CSV_HEADER, CSV_ROW, refusal, write

from genret.data import ReadReport, read_catalogue
from genret.data.rows import Layout
from genret.data.values import MAX_FIELD

# Bad rows. Each: file name, content, line, field, and a piece of what is expected.

BAD_ROWS: dict[str, tuple[str, str | bytes, int, str, str]] = {
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
    assert "7" not in catalogue.ids
    assert "1999" in catalogue.ids


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
def test_a_bad_option_is_one_clear_error(tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    assert expected in refusal(write(tmp_path / "c.csv", "id,title\n1,a\n"), **options)
