"""What columns are taken for: exports as shop systems write them, each column's role, and rows that come later."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genret.cli.evaluate import evaluate
from genret.cli.stages import build, data
from genret.cli.stock import put
from genret.data import load_dataset, read_catalogue, read_files_dataset, records, save_dataset
from genret.data.columns import words_of
from genret.data.describe import describe
from genret.data.product_text import product_text
from genret.data.products import ProductFile
from genret.data.records import Catalogue
from genret.data.sources import read_more
from genret.data.survey import Reading, Understanding
from genret.data.validate import BadRows
from genret.ground.errors import GenretError
from genret.ground.types import Product

WORDS = (
    "red",
    "blue",
    "green",
    "cotton",
    "steel",
    "soft",
    "large",
    "small",
    "travel",
    "kitchen",
    "deluxe",
    "lamp",
    "pan",
)
ROWS = 60
RANDOM = random.Random(0)


def title() -> str:
    return " ".join(RANDOM.sample(WORDS, 4))


def digits(count: int, signs: str = "0123456789abcdef") -> str:
    return "".join(RANDOM.choice(signs) for _ in range(count))


class Export(NamedTuple):
    """An export: its columns, a row of it, and what must come of it."""

    columns: str
    row: Callable[[int], list[Any]]
    fields: dict[str, str]
    levels: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


EXPORTS = {
    "groceries": Export(
        "ProductID,ProductName,Brand,Price,DiscountPrice,Image_Url,Quantity,Category,SubCategory,Absolute_Url",
        lambda i: [
            *(9000 + i, title(), title().split()[0], 5.5 + i, 5 + i, f"https://cdn.example/{digits(16)}.jpg"),
            *(RANDOM.choice(["500 g", "1 kg"]), RANDOM.choice(["Food", "Home"]), RANDOM.choice("AB"), f"/pd/{i}/x/"),
        ],
        {"id": "ProductID", "title": "ProductName", "brand": "Brand", "price": "Price", "category": "Category"},
        ("SubCategory",),
        ("Quantity",),
        ("DiscountPrice",),
    ),
    "an index column": Export(
        "index,product,category,sub_category,brand,sale_price,market_price,type,rating,description",
        lambda i: [
            *(i + 1, title(), RANDOM.choice(["Beauty & Hygiene", "Kitchen, Garden & Pets"]), "Hair Care", "Acme"),
            *(220 + i, 250 + i, RANDOM.choice(["Hair Oil & Serum", "Bottles"]), RANDOM.choice([4.1, 2.3, ""]), title()),
        ],
        {
            **{"id": "index", "title": "product", "category": "category", "brand": "brand", "price": "sale_price"},
            "description": "description",
        },
        ("sub_category",),
        ("type",),
        ("market_price", "rating"),
    ),
    "scraped": Export(
        "uniq_id,crawl_timestamp,product_url,product_name,product_category_tree,pid,retail_price,image,in_beta,specs",
        lambda i: [
            *(digits(32), "2016-03-25 22:59:23 +0000", f"http://x.example/itm{i}?pid=S{i}", title()),
            f'["Clothing >> Tops >> {RANDOM.choice("AB")}"]',
            *(f"SRT{digits(8).upper()}", 999 + i, '["http://x.example/a.jpeg", "http://x.example/b"]', "False"),
            '{"spec"=>[{"key"=>"Fabric", "value"=>"' + RANDOM.choice(["Cotton", "Silk"]) + '"}]}',
        ],
        {"id": "pid", "title": "product_name", "category": "product_category_tree", "price": "retail_price",
         "attributes": "specs"},
        texts=("spec",),
    ),
    "semicolons and commas": Export(
        "Artikelnummer;Bezeichnung;Kategorie;Unterkategorie;Preis;Bestand;EAN;Bild_URL;Gewicht",
        lambda i: [
            *(i + 1000, title(), "Küche", RANDOM.choice(["Töpfe", "Pfannen"]), f"1.2{i:02d},50 €", i - 3),
            *(4006381333931 + 11 * i, f"bilder/{i}.jpg", f"0,{100 + i}"),
        ],
        {"id": "Artikelnummer", "title": "Bezeichnung", "category": "Kategorie", "price": "Preis",
         "available": "Bestand"},
        ("Unterkategorie",),
        numbers=("Gewicht",),
    ),
    "ids that are blank in places": Export(
        "Uniq Id,Product Name,Item Number,Sale Price,Brand,Category,Scraped At",
        lambda i: [digits(32), title(), "" if i % 3 else 550101 + i, 30 + i, "B", "Health | Tests", 1579857207 + i],
        {"id": "Uniq Id", "title": "Product Name", "price": "Sale Price", "brand": "Brand", "category": "Category"},
    ),
}  # fmt: skip


def written(export: Export, folder: Path) -> Path:
    path = folder / "export.csv"
    delimiter = ";" if ";" in export.columns else ","
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(export.columns.split(delimiter))
        writer.writerows(export.row(i) for i in range(ROWS))
    return path


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_understood_and_nothing_but_words_is_embedded(name: str, tmp_path: Path) -> None:
    export = EXPORTS[name]
    dataset = read_files_dataset(written(export, tmp_path), on_bad_row="error")
    taken = dataset.taken
    assert taken is not None
    left_out = set(taken.left_out)
    assert dict(taken.fields) == export.fields
    assert (taken.levels, set(taken.texts), set(taken.numbers)) == (export.levels, {*export.texts}, {*export.numbers})
    named = re.split("[;,]", export.columns)
    assert left_out == {*named} - {*export.fields.values(), *export.levels, *export.texts, *export.numbers}
    for product in dataset.catalogue:
        text = product_text(product, dataset.text_fields)
        assert not re.search(r"https?:|\.jpe?g|/pd/|[0-9a-f]{16}|\d{8}|€", text), text
        assert product.price is not None
        for column in export.numbers:
            assert f"{column} " not in text
    report = str(describe(dataset))
    for column in named:
        assert re.search(rf"^  {re.escape(column)} +\S", report, re.MULTILINE)


def test_a_report_prints_and_is_json(tmp_path: Path) -> None:
    dataset = read_files_dataset(written(EXPORTS["groceries"], tmp_path))
    report = describe(dataset)
    assert json.loads(json.dumps(report.to_json()))["products"] == ROWS
    assert (report.categories[0], len(report.samples)) == (2, 3)
    save_dataset(dataset, tmp_path / "data", {})
    assert str(describe(load_dataset(tmp_path / "data")[0])) == str(report)


def test_text_fields_and_ignored_columns_are_as_told(tmp_path: Path) -> None:
    path = written(EXPORTS["groceries"], tmp_path)
    told = read_files_dataset(path, reading=Reading(ignore=("Brand",), text_fields=("Category", "DiscountPrice")))
    assert told.text_fields == ("title", "category", "attributes.DiscountPrice")
    first = told.catalogue[0]
    said = f"{first.title}. {' '.join(first.category)}. DiscountPrice {first.attributes['DiscountPrice']}"
    assert product_text(first, told.text_fields) == said
    assert (first.brand, told.catalogue[0].attributes["Quantity"][-1]) == ("", "g")
    with pytest.raises(GenretError, match="no column 'Brandt'"):
        read_files_dataset(path, reading=Reading(ignore=("Brandt",)))


def test_a_slash_in_a_name_is_no_level(tmp_path: Path) -> None:
    rows = "".join(f"{i},item {i},{'Salt/Pepper' if i % 2 else 'Bread'}\n" for i in range(40))
    path = tmp_path / "c.csv"
    path.write_text("id,title,category\n" + rows, encoding="utf-8")
    assert set(read_catalogue(path).categories) == {("Salt/Pepper",), ("Bread",)}
    told = read_files_dataset(path, reading=Reading(separator="/"))
    assert set(told.catalogue.categories) == {("Salt", "Pepper"), ("Bread",)}


def test_a_column_of_mixed_decimal_signs_refuses_what_reads_in_two_ways(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    prices = ["12.50", "12,50", '"1,299"', "7"]
    path.write_text("id,title,price\n" + "".join(f'{i},item,"{p.strip(chr(34))}"\n' for i, p in enumerate(prices)))
    rejects = tmp_path / "rejects.jsonl"
    products = read_catalogue(path, rejects=rejects)
    assert [product.price for product in products] == [12.5, 12.5, None, 7.0]
    assert "--decimal" in json.loads(rejects.read_text())["reason"]
    assert [p.price for p in read_catalogue(path, reading=Reading("comma"))] == [12.5, 12.5, 1.299, 7.0]


def test_products_that_come_later_are_read_as_the_first_were(tmp_path: Path) -> None:
    dataset = read_files_dataset(written(EXPORTS["groceries"], tmp_path))
    settings = save_dataset(dataset, tmp_path / "data", {}).settings
    later = tmp_path / "later.csv"
    later.write_text(
        "ProductID,ProductName,Category,SubCategory,DiscountPrice,Quantity,Image_Url,Absolute_Url\n"
        "1,tea,Food,A,3.50,500 g,https://x.example/1.jpg,/pd/1/x/\n"
    )
    [product] = read_more(settings, ProductFile(later), BadRows())
    assert product == Product(
        "1", "tea", ("Food", "A"), attributes={"Quantity": "500 g"}, numbers={"DiscountPrice": 3.5}
    )


def test_an_understanding_survives_json() -> None:
    taken = Understanding(
        {"id": "ID"}, ("L2",), ("a",), ("b",), {"c": "URLs"}, {"b": "comma"}, (">",), {"$": 2}, {"a": "x"}
    )
    assert Understanding.from_json(json.loads(json.dumps(taken.to_json()))) == taken


def test_a_catalogue_written_before_there_were_numbers_is_read(tmp_path: Path) -> None:
    catalogue = Catalogue.from_products([Product("1", "tea", attributes={"size": "2"})])
    pq.write_table(catalogue.table.drop_columns(["numbers"]), tmp_path / "old.parquet")
    assert list(Catalogue.read(tmp_path / "old.parquet")) == list(catalogue)
    nulls = catalogue.table.set_column(10, "numbers", pa.nulls(1, catalogue.table.schema.field("numbers").type))
    pq.write_table(nulls, tmp_path / "nulls.parquet")
    assert list(Catalogue.read(tmp_path / "nulls.parquet")) == list(catalogue)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ProductID", "product id"), ("Image_Url", "image url"), ("imageURL", "image url"), ("URLPath", "url path"),
        ("Discount Price", "discount price"), ("gtin13", "gtin13"), ("Größe", "grösse"),
    ],
)  # fmt: skip
def test_words_of_a_name(name: str, words: str) -> None:
    assert " ".join(words_of(name)) == words


def test_every_option_that_a_message_names_is_one_of_the_command() -> None:
    """Messages on the reading of files are seen under four commands; the way out that they name must be there."""
    package = Path(records.__file__).parent
    named = {flag for file in package.glob("*.py") for flag in re.findall(r"--[a-z][a-z-]+", file.read_text("utf-8"))}
    assert {"--on-bad-row", "--column", "--delimiter", "--encoding", "--format", "--decimal"} <= named
    for command in (data, build, put, evaluate):
        there = {flag for parameter in command.params for flag in parameter.opts}
        only = {"--patch": put, "--locale": data, "--decimal": data}  # of one command's own reading
        assert {flag for flag in named if flag not in only or only[flag] is command} <= there, command.name
