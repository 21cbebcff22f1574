"""Exports as shops and marketplaces write them: rows of variants, HTML, nested records, prices in words, languages.

Every one is made here; none is a shop's own.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from genret.data import read_files_dataset, save_dataset
from genret.data.describe import describe
from genret.data.product_text import product_text
from genret.data.products import ProductFile
from genret.data.records import Dataset
from genret.data.sources import read_more
from genret.data.validate import BadRows
from genret.ground.errors import GenretError

THINGS = ("Oat Milk", "Rye Bread", "Tomato Soup", "Basil Pesto", "Green Tea", "Dark Chocolate", "Olive Oil")
KINDS = ("Organic", "Classic", "Smoked", "Fresh", "Crunchy")
BRANDS = ("Acme", "Nordhof", "Vita", "Casa Luna")
ROWS = 70


def name(i: int) -> str:
    return f"{KINDS[i % 5]} {THINGS[i % 7]} {i}"


def table(path: Path, header: str, rows: list[list[Any]], delimiter: str = ",", encoding: str = "utf-8") -> Dataset:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header.split(delimiter))
        writer.writerows(rows)
    return read_files_dataset(path)


def fields(dataset: Dataset) -> dict[str, str]:
    assert dataset.taken is not None
    return dict(dataset.taken.fields)


def only_words(dataset: Dataset) -> None:
    """No URL, hash, markup or price in what is embedded."""
    for product in dataset.catalogue:
        text = product_text(product, dataset.text_fields)
        assert not re.search(r"https?:|\.jpe?g|[0-9a-f]{16}|\d{8}|[$€₹<>{}]|\d[.,]\d\d\b", text), text


def test_rows_of_variants_are_one_product(tmp_path: Path) -> None:
    header = (
        "Handle,Title,Body (HTML),Vendor,Type,Published,Option1 Value,Variant SKU,Variant Price,Image Src,SEO Title"
    )
    rows = []
    for i in range(ROWS):
        own = [name(i), f"<p>A <b>fine</b> {name(i)} &amp; more</p>", BRANDS[i % 4], THINGS[i % 7], "true"]
        image = f"https://cdn.example/{i}.jpg?v=1"
        rows.append([f"thing-{i}", *own, "Small", f"S-{i}-0", f"{3 + i % 9}.99", image, name(i)])
        rows.append([f"thing-{i}", *[""] * 5, "Large", f"S-{i}-1", "19.99", image, ""])
    dataset = table(tmp_path / "shopify.csv", header, rows)
    assert [product.id for product in dataset.catalogue] == [f"thing-{i}" for i in range(ROWS)]
    assert dataset.catalogue[1].price == 4.99
    assert fields(dataset)["price"] == "Variant Price"
    taken = dataset.taken
    assert taken is not None
    assert taken.left_out["SEO Title"] == "repeats the title"
    assert taken.left_out["Published"] == "constant"
    assert f"{ROWS} times a further variant of the row above" in str(describe(dataset))
    only_words(dataset)


def test_a_price_that_is_mostly_blank_gives_way_to_the_regular_one(tmp_path: Path) -> None:
    header = "ID,Type,SKU,Name,Short description,In stock?,Stock,Sale price,Regular price,Categories,Images"
    rows = [
        [
            *(100 + i, "simple", f"woo-{i}", name(i), f"<p>{THINGS[i % 7]}, small</p>", 1, i % 6),
            *("2.49" if i % 2 else "", f"{3 + i % 8}.49"),
            f"Food > {THINGS[i % 7]}, Food > Sale" if i % 3 else f"Food > {THINGS[i % 7]}",
            f"https://shop.example/{i}.jpg, https://shop.example/{i}b.jpg",
        ]
        for i in range(ROWS)
    ]
    dataset = table(tmp_path / "woo.csv", header, rows)
    assert fields(dataset)["price"] == "Regular price"
    assert all(product.price is not None for product in dataset.catalogue)
    assert dataset.catalogue[1].category == ("Food", "Rye Bread")
    only_words(dataset)


def test_several_paths_with_slashes(tmp_path: Path) -> None:
    header = "sku,categories,name,description,weight,price,url_key,meta_title,base_image,qty"
    rows = [
        [
            *(f"24-MB{i:03d}", f"Default/Food/{THINGS[i % 7]},Default/Sale", name(i), f"<p>{name(i)} is good</p>"),
            *(f"{i % 5}.5000", f"{2 + i % 9}.0000", f"thing-{i}", name(i), f"/m/b/mb{i}.jpg", f"{i % 7}.0000"),
        ]
        for i in range(ROWS)
    ]
    dataset = table(tmp_path / "magento.csv", header, rows)
    assert dataset.catalogue[0].category == ("Default", "Food", "Oat Milk")
    only_words(dataset)


def test_a_category_of_numbers_gives_way_to_one_of_names(tmp_path: Path) -> None:
    columns = "id title link image_link availability price sale_price gtin google_product_category product_type"
    header = "\t".join([*columns.split(), "item_group_id"])
    rows = [
        [
            *(f"G{i}", name(i), f"https://shop.example/p/{i}", f"https://shop.example/i/{i}.jpg"),
            *("in stock" if i % 3 else "out of stock", f"{3 + i % 9}.99 USD", "", 4006381333000 + i, 422),
            *(f"Food > {THINGS[i % 7]}", f"grp{i // 3}"),
        ]
        for i in range(ROWS)
    ]
    dataset = table(tmp_path / "feed.tsv", header, rows, "\t")
    assert dataset.catalogue[0].category == ("Food", "Oat Milk")
    assert fields(dataset)["price"] == "price"
    assert dataset.taken is not None
    assert dataset.taken.left_out["item_group_id"] == "codes"
    assert [product.available for product in dataset.catalogue[:2]] == [False, True]
    only_words(dataset)


LANGUAGES = {
    "German": (
        "Artikelnummer;Bezeichnung;Langbeschreibung;Warengruppe;Untergruppe;Marke;VK-Preis brutto;Bestand;Bild-URL",
        "cp1252",
        {"price": "VK-Preis brutto", "description": "Langbeschreibung", "available": "Bestand"},
    ),
    "French": (
        "Référence;Désignation;Description;Catégorie;Sous-catégorie;Marque;Prix TTC;Stock;URL image",
        "utf-8",
        {"id": "Référence", "title": "Désignation", "price": "Prix TTC", "available": "Stock"},
    ),
    "Spanish": (
        "Código;Producto;Descripción;Familia;Subfamilia;Fabricante;PVP;Existencias;Foto",
        "utf-8",
        {"id": "Código", "title": "Producto", "price": "PVP", "brand": "Fabricante", "available": "Existencias"},
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_headers_in_other_languages(language: str, tmp_path: Path) -> None:
    header, encoding, expected = LANGUAGES[language]
    rows = [
        [
            *(f"A{i:04d}", f"{name(i)} für Gäste", f"très bon {i % 9}", "Épicerie" if i % 2 else "Café"),
            *(THINGS[i % 7], BRANDS[i % 4], f"{1 + i % 9},{10 + i} €", i % 4, f"https://ex.example/{i}.jpg"),
        ]
        for i in range(ROWS)
    ]
    dataset = table(tmp_path / "export.csv", header, rows, ";", encoding)
    assert fields(dataset) == fields(dataset) | expected
    assert dataset.taken is not None
    assert dataset.taken.levels == (header.split(";")[4],)
    assert (dataset.catalogue[1].price, dataset.catalogue[1].available) == (2.11, True)
    only_words(dataset)


def test_nested_records_and_prices_in_words_are_not_embedded(tmp_path: Path) -> None:
    path = tmp_path / "api.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for i in range(ROWS):
            value = {
                **{"id": 7_000_000_000_000 + i, "title": name(i), "body_html": f"<p>{name(i)}</p>"},
                **{"product_type": THINGS[i % 7], "price_per_unit": f"${i % 9}.50/lb", "dept": "Food"},
                "variants": [{"id": i, "price": "3.99", "sku": f"s{i}"}],
                "images": [{"src": f"https://cdn.example/{i}.jpg"}],
                "specs_list": [{"key": "Flavour", "value": KINDS[i % 5]}],
            }
            file.write(json.dumps(value) + "\n")
    dataset = read_files_dataset(path)
    taken = dataset.taken
    assert taken is not None
    assert {taken.left_out[column] for column in ("variants", "images")} == {"nested records"}
    assert taken.left_out["price_per_unit"] == "prices in words"
    assert dataset.catalogue[0].attributes["specs_list"] == "Flavour Organic"
    only_words(dataset)


def test_a_file_without_ids_is_numbered_by_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "noid.csv"
    path.write_text("Name,Brand,price(INR)\n" + "".join(f"{name(i)},Acme,{i}.50\n" for i in range(30)))
    dataset = read_files_dataset(path, on_bad_row="error")
    assert dataset.catalogue.ids[:3] == ["1", "2", "3"]
    assert dataset.catalogue[2].price == 2.5
    assert "products are numbered by their rows; name one with --column id=COLUMN" in str(describe(dataset))


def test_numbered_rows_are_nothing_that_judgements_or_later_files_could_name(tmp_path: Path) -> None:
    path, judgements = tmp_path / "noid.csv", tmp_path / "judgements.csv"
    path.write_text("Name,Brand\nTea,Acme\nSoup,Acme\n")
    judgements.write_text("query,product_id,grade\ntea,1,1\n")
    with pytest.raises(GenretError, match="no column for id"):
        read_files_dataset(path, None, judgements)
    settings = save_dataset(read_files_dataset(path), tmp_path / "data", {}).settings
    with pytest.raises(GenretError, match="no column for id"):
        read_more(settings, ProductFile(path), BadRows())
