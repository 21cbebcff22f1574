"""Judging without judgements: known items, a pooled sheet that is graded and read back, two runs side by side."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from genret.cli import cli
from genret.data import load_dataset
from genret.data.records import Catalogue, Dataset
from genret.eval.studies.known_item import known_items
from genret.eval.studies.pooling import COLUMNS, Pooled, read_sheet, write_sheet
from genret.eval.studies.side_by_side import format_differences, side_by_side
from genret.ground.errors import GenretError
from genret.ground.types import Hit, Product, Query, SearchResult

HOSTILE = Product("p1", '</script><script>alert(1)</script>, "soup"', ("A & B",), price=2.5)
SHOP = Dataset("shop", Catalogue.from_products([HOSTILE, Product("p2", "green tea"), Product("p3", "green tea")]))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_known_items_ask_for_products_with_a_title_of_their_own() -> None:
    queries, grading = known_items(SHOP)
    assert [judgement.product_id for judgement in grading.judgements] == ["p1"]
    assert set(queries[0].text.split()) <= set(HOSTILE.title.lower().split())
    assert known_items(SHOP, seed=0) == (queries, grading)


def test_known_items_need_a_title_of_ones_own() -> None:
    twins = Dataset("twins", Catalogue.from_products([Product("a", "tea"), Product("b", "Tea")]))
    with pytest.raises(GenretError, match="title of its own"):
        known_items(twins)


def test_eval_of_a_run_without_judgements_is_labelled_as_what_it_is(
    built_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = load_dataset(built_run / "data")
    bare = Dataset(dataset.name, dataset.catalogue)
    monkeypatch.setattr("genret.pipeline.folder.RunFolder.dataset", lambda self: bare)
    said = run("eval", str(built_run), "--systems", "bm25,generative", "--out", str(tmp_path / "out"))
    assert "known-item test" in said
    assert "generative" in said


def test_a_graded_sheet_reads_back_as_it_was_graded(tmp_path: Path) -> None:
    one, two = Query("q1", 'hot, "soup"\nnow'), Query("q2", "tea")
    rows = [Pooled(one, "p1", 3.0), Pooled(two, "p2", 0.0), Pooled(two, "p3")]
    write_sheet(rows, SHOP, tmp_path / "sheet.csv")
    queries, grading = read_sheet(tmp_path / "sheet.csv", SHOP)
    assert queries == [one, two]
    assert [tuple(judgement) for judgement in grading.judgements] == [("q1", "p1", 3.0), ("q2", "p2", 0.0)]


def test_text_of_the_catalogue_ends_no_script_of_the_page(tmp_path: Path) -> None:
    write_sheet([Pooled(Query("q1", "</script>"), "p1")], SHOP, tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 1
    rows = page.partition("const rows = ")[2].partition(";\n")[0]
    assert json.loads(rows)[0]["title"] == HOSTILE.title


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"grade": "7"}, r"line 2: grade '7'; expected one of 0, 1, 2, 3"),
        ({"grade": "good"}, "line 2: grade 'good'"),
        ({"product_id": "p9"}, "line 2: no product 'p9'"),
        ({"grade": ""}, "no row has a grade"),
    ],
    ids=["grade-7", "grade-text", "product", "none"],
)
def test_a_sheet_that_cannot_be_read_is_one_line(tmp_path: Path, change: dict[str, str], says: str) -> None:
    row = dict.fromkeys(COLUMNS, "x") | {"product_id": "p1", "grade": "2"} | change
    with open(tmp_path / "sheet.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerow(row)
    with pytest.raises(GenretError, match=says):
        read_sheet(tmp_path / "sheet.csv", SHOP)


def test_judge_pools_what_the_systems_found_and_reads_the_sheet_back(built_run: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("oat milk\nmarinara sauce\n", encoding="utf-8")
    sheet = tmp_path / "sheet.csv"
    systems = ("--systems", "bm25,generative")
    said = run(
        "judge", str(built_run), "--queries", str(tmp_path / "queries.txt"), "--out", str(sheet), "-k", "5", *systems
    )
    assert "to be graded 0 to 3" in said
    with open(sheet, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["query"] for row in rows} == {"oat milk", "marinara sauce"}
    assert 10 <= len(rows) <= 20
    for row in rows:
        row["grade"] = "3" if row["query"].split()[-1] in row["title"].lower() else "0"
    with open(sheet, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    assert "recall@10" in run("judge", str(built_run), "--graded", str(sheet), *systems)


def test_judge_without_a_task_says_what_to_give(built_run: Path) -> None:
    result = CliRunner().invoke(cli, ["judge", str(built_run)])
    assert isinstance(result.exception, GenretError)
    assert "--queries FILE with --out SHEET" in str(result.exception)


def _found(query: str, *ids: str) -> SearchResult:
    return SearchResult(query, tuple(Hit(Product(one, one), -1.0, rank, (0,)) for rank, one in enumerate(ids, 1)), True)


def test_the_queries_that_differ_most_come_first() -> None:
    first = [_found("same", "a", "b"), _found("half", "a", "b"), _found("none"), _found("other", "a")]
    second = [_found("same", "b", "a"), _found("half", "a", "c"), _found("none"), _found("other", "z")]
    rows = side_by_side(first, second)
    assert [(row.query, row.overlap) for row in rows] == [("other", 0), ("half", 0.5), ("same", 1), ("none", 1)]
    shown = format_differences(rows, ("A", "B"), 2)
    assert "mean overlap 62 %; 2 have the same products" in shown
    assert "+ b" in shown
    assert "same" not in shown.partition("\n")[2]


def test_compare_of_a_run_with_itself_shows_no_difference(built_run: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("oat milk\nrye bread\n", encoding="utf-8")
    said = run("compare", str(built_run), str(built_run), "--queries", str(tmp_path / "queries.txt"))
    assert said == "2 queries, mean overlap 100 %; 2 have the same products\n"
