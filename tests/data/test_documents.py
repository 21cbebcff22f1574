"""Catalogues that are one JSON document, as shops' interfaces write them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data import documents as module
from genret.data import read_catalogue
from genret.data.documents import json_records
from genret.ground.errors import GenretError
from genret.ground.types import Product

ROWS = [
    {"id": "1", "title": "Oat Milk", "category": ["Dairy", "Oat"], "price": 3.5},
    {"id": "2", "title": 'Soap "blue", [2 x]', "category": ["Home"], "price": None},
    {"id": "3", "title": "Crème {brûlée}", "category": ["Dairy", "Dessert"], "price": 2},
]


@pytest.fixture(params=[1, 7, module.BLOCK], autouse=True)
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a block ends."""
    monkeypatch.setattr(module, "BLOCK", request.param)


def written(tmp_path: Path, document: object, indent: int | None = None) -> Path:
    file = tmp_path / "products.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document, indent=indent), encoding="utf-8")
    return file


def read(file: Path) -> list[Product]:
    return list(read_catalogue(file))


def lines(tmp_path: Path, rows: Sequence[object]) -> Path:
    file = tmp_path / "same.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("form", ["array", "object", "nested"])
def test_a_document_reads_as_its_records_in_lines_do(tmp_path: Path, form: str, indent: int | None) -> None:
    nested = {"meta": {"tags": ["a"], "none": []}, "data": {"products": ROWS, "count": 3}, "customers": [{"id": 1}]}
    document = {"array": ROWS, "object": {"items": ROWS}, "nested": nested}[form]
    assert read(written(tmp_path, document, indent)) == read(lines(tmp_path, ROWS))


def test_the_compressed_document_and_one_with_a_mark_read_the_same(tmp_path: Path) -> None:
    plain = read(written(tmp_path, ROWS))
    packed = tmp_path / "packed.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(ROWS).encode("utf-8-sig")))
    assert read(packed) == plain


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "not JSON (it begins with ''), expected an array of objects"),
        ("id,title\n1,x\n", "not JSON (it begins with 'i')"),
        ('[{"id": 1, "title": "x"},\n {"id": 2, "ti', "line 2: not JSON (Unterminated string starting at); mend it"),
        ('[{"id": 1, "title": "x"}', "line 1: not JSON (the array is cut short)"),
        ('[{"id": 1, "title": "x"}\n{"id": 2}]', "line 2: not JSON (expected a comma or a closing bracket, not '{')"),
        ('{"items": [', "line 1: not JSON (Expecting value)"),
        ('{"a": 1, "b": ["c"]}', "holds no array of objects"),
        ('{"a": [{"id": 1}], "b": [{"id": 2}]}', "holds 2 arrays of objects (a, b); keep the one with the products"),
        ("[" * 100_000, "line 1: not JSON (it is nested too deeply)"),
        ('{"a":' * 100_000, "line 1: not JSON (it is nested too deeply)"),
    ],
)
def test_what_is_no_document_of_products_is_one_clear_line(tmp_path: Path, document: str, said: str) -> None:
    with pytest.raises(GenretError, match=re.escape(said)) as raised:
        read(written(tmp_path, document))
    assert "\n" not in str(raised.value)


def test_a_record_that_is_no_product_is_rejected_by_its_number(tmp_path: Path) -> None:
    document = [*ROWS, 17, {"id": "4", "title": None}, {"id": "5", "title": "Tea"}] + [
        {"id": str(10 + n), "title": f"Cake {n}"} for n in range(60)
    ]
    rejects = tmp_path / "rejects.jsonl"
    found = read_catalogue(written(tmp_path, document), rejects=rejects)
    assert len(found) == 64
    kept = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert [reject["line"] for reject in kept] == [4, 5]
    assert "one JSON object" in kept[0]["reason"]


def test_an_object_that_is_too_large_to_be_read_whole_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OBJECT", 50)
    with pytest.raises(
        GenretError, match=r"more than 50 characters; write one record per line .* name the file .jsonl"
    ):
        read(written(tmp_path, {"items": ROWS}))


RECORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    max_leaves=4,
)


@settings(max_examples=25)
@given(records=st.lists(st.dictionaries(st.text(), RECORDS), max_size=5), indent=st.sampled_from([None, 1]))
def test_any_records_come_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], indent: int | None
) -> None:
    file = written(tmp_path_factory.mktemp("any"), records, indent)
    assert [json.loads(text) for text in json_records(str(file), "utf-8")] == records


def test_variants_say_the_lowest_price_and_whether_any_can_be_had(tmp_path: Path) -> None:
    none, some = {"inventory_quantity": 0}, {"inventory_quantity": 2}
    variants = {
        "Milk": [{"price": "18.90", **none}, {"price": "3.49", **some}],
        "Sauce": [{"price": "7.99", **none}],
        "Soap": [{"price": "on request", "available": True, **none}],
        "Tea": [{"price": "4.00"}],
        "Rice": [],
    }
    document = [{"id": n, "title": title, "variants": held} for n, (title, held) in enumerate(variants.items())]
    document[3]["price"] = 5
    found = read(written(tmp_path, document))
    assert [product.price for product in found] == [3.49, 7.99, None, 5, None]
    assert [product.available for product in found] == [True, False, True, True, True]
