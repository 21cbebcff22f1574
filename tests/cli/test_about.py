"""`genret settings`, `info`, `doctor` and `export`: what they say is what there is."""

from __future__ import annotations

import dataclasses
import json
from importlib import import_module
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from genret.cli import cli
from genret.cli.about import SETTINGS
from genret.cli.options import SECTIONS
from genret.ground.described import described
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.index import Index
from genret.pipeline.doctor import Report, examine
from genret.pipeline.export import export_ids, prefix_label, write_table
from genret.pipeline.stock import put_products
from genret.pipeline.summary import summarise


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_section_is_described() -> None:
    assert set(SETTINGS) == set(SECTIONS)
    for place in SETTINGS.values():
        module, _, name = place.partition(":")
        kind = getattr(import_module(module), name)
        rows = described(kind)
        assert [row.name for row in rows] == [field.name for field in dataclasses.fields(kind)]


def test_a_setting_says_what_its_file_says() -> None:
    told = json.loads(run("settings", "tokenizer", "--json"))["tokenizer"]
    lam = next(row for row in told if row["name"] == "lam")
    assert lam["default"] == 0.01
    assert lam["meaning"].startswith("Weight of the contrastive loss")
    assert "lam = 0.01" in run("settings", "tokenizer")


def test_settings_of_something_else_are_refused() -> None:
    with pytest.raises(GenretError, match="expected a settings dataclass"):
        described(int)


def test_info_counts_what_the_run_holds(built_run: Path) -> None:
    told = json.loads(run("info", str(built_run), "--json"))
    assert told["parts"]["data"]["products"] == 600
    assert told["parts"]["index"] == told["parts"]["index"] | {"products": 600, "changes": 0, "drift": "0.0 %"}
    assert told["parts"]["tokenizer"]["codebooks"] == "16 x 16 x 16 x 16"
    assert "next: genret" in run("info", str(built_run))


def test_info_says_when_too_much_of_the_catalogue_is_new(run_copy: Path) -> None:
    put_products(run_copy, [Product(f"new-{i}", f"oat drink number {i}") for i in range(70)])
    index = summarise(run_copy).parts["index"]
    assert (index["not trained on"], index["trained on, gone"], index["drift"]) == (70, 0, "11.7 %")
    assert summarise(run_copy).next.startswith("genret build")


def test_info_names_the_stage_that_is_missing(run_copy: Path) -> None:
    (run_copy / "model" / "manifest.json").unlink()
    summary = summarise(run_copy)
    assert "missing" in summary.parts["model"]
    assert summary.next.startswith(f"genret train {run_copy}")


@pytest.mark.parametrize("made", [False, True])
def test_info_on_no_run_is_one_line(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    with pytest.raises(GenretError, match="genret build"):
        summarise(folder)


def test_doctor_searches_a_catalogue_of_its_own() -> None:
    report = examine()
    assert report.healthy, report.failures
    assert report.self_test["hits"] > 0
    assert any(line.startswith("torch ") for line in report.lines())


def test_doctor_says_why_the_self_test_failed() -> None:
    def broken(folder: Path) -> dict[str, object]:
        raise GenretError("no space left")

    report: Report = examine(broken)
    assert not report.healthy
    assert "no space left" in report.lines()[-1]


def test_export_has_every_product_under_its_own_id(built_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "ids.parquet"
    run("export", str(built_run), "--out", str(out))
    table, index = pq.read_table(out), Index.open(built_run / "index")
    rows = table.to_pylist()
    assert len(rows) == 600
    for row in rows[::37]:
        assert tuple(row[f"L{level}"] for level in range(1, 5)) == index.semantic_id(row["id"])
    assert len({row["label_L1"] for row in rows if row["L1"] == rows[0]["L1"]}) == 1


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_export_in_text_has_as_many_lines(built_run: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"ids.{ending}"
    write_table(export_ids(built_run), out)
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 600 + (ending == "csv")
    assert list(tmp_path.iterdir()) == [out]


def test_export_to_an_unknown_ending_is_refused(built_run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["export", str(built_run), "--out", str(tmp_path / "ids.xlsx")])
    assert isinstance(result.exception, GenretError)
    assert ".parquet, .csv, .jsonl" in str(result.exception)


def test_a_label_names_the_category_only_where_most_share_it() -> None:
    assert (
        prefix_label(["red pasta sauce", "green pasta sauce"], [("Food", "Sauces")] * 2)
        == "Sauces: pasta, sauce, green"
    )
    assert prefix_label(["soap", "rice"], [("Home",), ("Food",)]) == "rice, soap"
