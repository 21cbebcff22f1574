"""Products that come to a run later are read as the public set that the run was built from is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genret.data import read_dataset, save_dataset
from genret.data.products import ProductFile
from genret.data.sources import read_more
from genret.data.validate import BadRows
from genret.ground.types import Product

WANDS = (
    "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features\trating_count\n"
    '0\toak bed\tBeds\tFurniture / Beds\tdeep sleep\twidth : 64.7|colour:red|colour : blue\t15.0\n1\t6" pan\t\t\t\t\t\n'
)
ESCI = (
    "query,query_id,product_id,product_locale,esci_label,product_title,product_description,product_color\n"
    "pop,1,A,us,E,Soda,<p>fizzy <b>drink</b></p>,red\npop,1,B,us,S,,Cola in a can,\n"
)
BEIR = "\n".join(
    json.dumps(row)
    for row in (
        {"_id": "d1", "title": "Soda", "text": "A fizzy drink.", "metadata": {"url": "x"}},
        {"_id": "d2", "title": "", "text": "cola in a can"},
    )
)
SETS = {
    "homedepot": {
        "products.csv": "product_uid,title,product_title,colour\n1,old,Angle &amp; nail,red\n2,x,Bracket,\n",
        "train.csv": "id,product_uid,search_term,relevance\n9,1,l bracket,3.0\n",
    },
    "chorus": {"products.jsonl": '{"id": "1", "title": "toner", "supplier": "Xerox", "attr_t_product_colour": "red"}'},
    "wands": {
        "product.csv": WANDS,
        "query.csv": "query_id\tquery\n0\tbed\n",
        "label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t0\t0\tExact\n",
    },
    "esci": {"esci.csv": ESCI},
    "beir": {
        "corpus.jsonl": BEIR,
        "queries.jsonl": '{"_id": "q1", "text": "pop"}',
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    },
}


def built(name: str, folder: Path) -> tuple[dict[str, object], Path, list[Product]]:
    """The data settings of a run of the set, its file of products, and these products."""
    for path, content in SETS[name].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    dataset = read_dataset(name, folder)
    settings = dict(save_dataset(dataset, folder / "data", {"format": name}).settings)
    return settings, folder / next(iter(SETS[name])), list(dataset.catalogue)


@pytest.mark.parametrize("name", SETS)
def test_the_published_rows_are_read_as_at_build(name: str, tmp_path: Path) -> None:
    settings, file, products = built(name, tmp_path)
    assert read_more(settings, ProductFile(file), BadRows("error")) == products


@pytest.mark.parametrize("name", SETS)
def test_rows_by_the_fields_own_names_are_read_as_such(name: str, tmp_path: Path) -> None:
    settings, _, _ = built(name, tmp_path)
    plain = tmp_path / "plain.csv"
    plain.write_text("id,title,price\n7,tea,2.5\n")
    assert read_more(settings, ProductFile(plain), BadRows("error")) == [Product("7", "tea", price=2.5)]


def test_wands_rows_stand_in_files_of_any_format(tmp_path: Path) -> None:
    settings, _, products = built("wands", tmp_path)
    head, *rows = (line.split("\t") for line in WANDS.splitlines())
    lines = tmp_path / "rows.jsonl"
    lines.write_text("\n".join(json.dumps(dict(zip(head, row, strict=True))) for row in rows))
    assert read_more(settings, ProductFile(lines), BadRows("error")) == products
    comma = tmp_path / "rows.csv"
    comma.write_text(WANDS.replace("\t", ","))
    assert read_more(settings, ProductFile(comma), BadRows("error")) == products
    numbers = {"product_id": "3", "product_name": "lamp", "rating_count": 4, "category hierarchy": ["Light"]}
    lines.write_text(json.dumps(numbers))
    assert read_more(settings, ProductFile(lines), BadRows("error")) == [
        Product("3", "lamp", ("Light",), popularity=5.0)
    ]


def test_esci_rows_of_another_market_are_left_out_as_at_build(tmp_path: Path) -> None:
    settings, _, _ = built("esci", tmp_path)
    more = tmp_path / "more.jsonl"
    rows = [{"product_id": one, "product_title": one, "product_locale": one} for one in ("es", "us")]
    more.write_text("\n".join(map(json.dumps, [*rows, {"product_title": "no id"}])))
    bad = BadRows("skip")
    assert [product.id for product in read_more(settings, ProductFile(more), bad)] == ["us"]
    assert sum(report.skipped for report in bad.reports) == 1
    elsewhere = {**settings, "source": {"format": "esci", "locale": "es"}}
    assert [product.id for product in read_more(elsewhere, ProductFile(more), BadRows("skip"))] == ["es"]
