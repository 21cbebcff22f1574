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
from hypothesis import example, given, settings
from hypothesis import strategies as st
from row_files import CSV_HEADER, CSV_ROW, refusal, write

from genret.data import ReadReport, read_catalogue, read_judgements, read_queries
from genret.data.files import query_id_of
from genret.data.products import LEAST_POPULARITY
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
@example([Product(id="0", title=";", attributes={"size": ";"})])  # one value that repeats one title shows no habit
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, products: list[Product]) -> None:
    path = tmp_path_factory.mktemp("round") / "c.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*Product._fields[:-1], "colour"])
        for product in products:
            row = product._asdict() | dict(
                category=" > ".join(product.category),
                attributes=json.dumps({name: value for name, value in product.attributes.items() if name != "colour"}),
                stores="|".join(product.stores),
                price="" if product.price is None else repr(product.price),
            )
            writer.writerow([*list(row.values())[:-1], product.attributes.get("colour", "")])
    assert list(read_catalogue(path)) == products
