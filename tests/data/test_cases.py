"""The small files of `tests/cases` that concern reading: each is read right, or refused with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from genret.cli import main
from genret.data import load_dataset, read_catalogue, read_dataset, read_files_dataset
from genret.data.describe import describe
from genret.data.rows import Layout
from genret.data.survey import Reading
from genret.ground.errors import GenretError
from genret.ground.settings import read_preset
from genret.ground.text_files import read_lines

CASES = Path(__file__).resolve().parents[1] / "cases"


def test_shop_prices_and_stock() -> None:
    products = read_catalogue(CASES / "shop.csv", on_bad_row="error")
    assert [product.price for product in products] == [1299.0, 5.0, 100.0, 1299.0, None, 12.5]
    assert [product.available for product in products] == [False, False, True, True, False, True]
    assert "several currencies ($ 1, USD 1, ₹ 1, € 1)" in str(describe(read_files_dataset(CASES / "shop.csv")))


def test_ids_stored_as_floats(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match=r"row 1, field id: got 1.4334955861976131e\+17, .* it lost digits"):
        read_catalogue(CASES / "float_ids.parquet")
    assert read_catalogue(CASES / "float_ids.parquet", on_bad_row="skip").ids == ["1234567890123456", "7", "12"]


def test_nan_is_null_and_bytes_are_left_out() -> None:
    dataset = read_files_dataset(CASES / "nan.parquet", on_bad_row="error")
    assert [product.price for product in dataset.catalogue] == [1.5, None, 2.0, None]
    assert [product.popularity for product in dataset.catalogue] == [1.0, 1.0, 2.0, 3.0]
    assert [product.available for product in dataset.catalogue] == [True, True, False, True]
    assert dataset.taken is not None
    assert dataset.taken.left_out == {"image": "bytes"}


def test_a_timestamp_in_nanoseconds_is_left_out_with_a_word() -> None:
    dataset = read_files_dataset(CASES / "ns_timestamp.parquet", on_bad_row="error")
    assert dataset.catalogue.ids == ["a", "b"]
    assert "seen    left out: timestamps" in str(describe(dataset))


def test_another_export_is_understood_and_says_so() -> None:
    dataset = read_files_dataset(CASES / "categories.csv", on_bad_row="error")
    assert dataset.taken is not None
    assert dataset.taken.fields == {
        "id": "ProductID",
        "title": "ProductName",
        "category": "Category",
        "price": "Discount Price",
    }
    assert dataset.taken.left_out == {"Image_Url": "images", "Absolute_Url": "URLs"}
    assert set(dataset.catalogue.categories) == {("Food", "Drinks", "Milk"), ("Food", "Drinks", "Other")}
    report = describe(dataset)
    assert (report.categories, report.separators) == ((1, 1, 2), (">>", "|", ";", "/"))
    assert report.samples[0] == "oat milk. Food Drinks Milk"
    assert "SubCategory     category, level 2" in str(report)


def test_levels_and_columns_are_put_together_as_told() -> None:
    told = read_files_dataset(CASES / "categories.csv", columns={"category": "Category,SubCategory"})
    assert told.catalogue.categories[0] == ("Food", "Drinks", "Milk")
    one = read_files_dataset(CASES / "categories.csv", columns={"category": "SubCategory"})
    assert one.catalogue.categories[0] == ("Milk",)


def test_semicolons_and_decimal_commas() -> None:
    dataset = read_files_dataset(CASES / "semicolon.csv", on_bad_row="error")
    assert [product.price for product in dataset.catalogue] == [1.5, 2.0]
    assert "semicolon.csv: 2 rows (semicolon between columns, UTF-8)" in str(describe(dataset))
    told = read_files_dataset(CASES / "semicolon.csv", layout=Layout(";"), reading=Reading("comma"))
    assert list(told.catalogue) == list(dataset.catalogue)
    with pytest.raises(GenretError, match=r"no column for id; its columns: 'id;title;price'"):
        read_catalogue(CASES / "semicolon.csv", layout=Layout(","))


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert read_lines(CASES / "ids_bom.txt") == ["1", "2"]
    assert read_lines(CASES / "queries_bom.txt") == ["oat milk", "rye bread"]
    assert read_preset(CASES / "preset_bom.toml") == {"train": {"max_steps": 5}}


def test_another_encoding_is_one_clear_error_or_named() -> None:
    with pytest.raises(GenretError, match=r"ids_latin1.txt, line 1: not UTF-8 text; save it as UTF-8"):
        read_lines(CASES / "ids_latin1.txt")
    assert read_lines(CASES / "ids_latin1.txt", "latin-1") == ["café-1"]


def test_home_depot_as_the_competition_publishes_it() -> None:
    dataset = read_dataset("homedepot", CASES / "homedepot_kaggle", on_bad_row="error")
    assert [product.id for product in dataset.catalogue] == ["501", "502", "503"]
    brace, paint, shower = dataset.catalogue
    assert (brace.title, brace.brand, brace.description) == ("Hexley Corner Brace® 4 in.", "Hexley", "Holds shelves up")
    assert (paint.title, paint.attributes) == ("Tern Exterior Paint Café Brown", {})
    assert (shower.brand, shower.description) == ("", "Two kinds of spray")
    assert sorted(query.text for split in dataset.queries.values() for query in split) == [
        "corner brace",
        "outdoor paint",
        "shelf holder",
        "shower head",
    ]
    assert sorted(judgement.grade for judgement in dataset.judgements) == [2.33, 2.5, 3.0, 3.0]


def test_the_command_line_reads_and_refuses_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["data", str(CASES / "categories.csv"), "--out", str(tmp_path / "run")])
    out = capfd.readouterr().out
    assert exit_.value.code == 0, out
    dataset, _ = load_dataset(tmp_path / "run" / "data")
    assert str(describe(dataset)) in out
    with pytest.raises(SystemExit) as exit_:
        main(["data", str(CASES / "shop.csv"), "--out", str(tmp_path / "run")])
    err = capfd.readouterr().err
    assert exit_.value.code == 2
    assert "holds the data of another source" in err
    assert "--force" in err
    with pytest.raises(SystemExit) as exit_:
        main(["data", str(CASES / "shop.csv"), "--out", str(tmp_path / "run"), "--force"])
    assert exit_.value.code == 0
    assert load_dataset(tmp_path / "run" / "data")[0].name == "shop"
    with pytest.raises(SystemExit) as exit_:
        main(["data", str(CASES / "shop.csv"), "--out", str(tmp_path / "dry"), "--dry-run"])
    assert exit_.value.code == 0
    assert not (tmp_path / "dry").exists()
