"""Products that come, change and go while a run serves: found at once, with their own IDs, by library and command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from small_run import SMALL

from genret.cli import cli
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.index import Index
from genret.pipeline.retriever import Retriever
from genret.pipeline.stock import compact, put_products, remove_products

MILK = ("Dairy & Eggs", "Milk")
NEW = [Product(f"new-{i}", f"Zimmerli organic oat milk {i}", MILK, popularity=2.0) for i in range(5)]


def ids_of(run: Path) -> dict[str, tuple[int, ...]]:
    index = Index.open(run / "index")
    catalogue, codes, _ = index.contents()
    return dict(zip(catalogue.ids, map(tuple, codes.tolist()), strict=True))


def test_a_new_product_is_found_at_once_also_by_who_had_the_run_open(run_copy: Path) -> None:
    before, retriever = ids_of(run_copy), Retriever.load(run_copy)
    assert put_products(run_copy, NEW) == (5, 0, 0)
    assert put_products(run_copy, NEW) == (0, 0, 5)
    after = ids_of(run_copy)
    assert after.keys() - before.keys() == {product.id for product in NEW}
    assert all(after[one] == before[one] for one in before)
    for found in (retriever, Retriever.load(run_copy)):
        assert "new-3" in {hit.product.id for hit in found.search("zimmerli organic oat milk", k=50, exact=True).hits}


def test_a_changed_price_keeps_the_id_and_a_changed_text_does_not(run_copy: Path) -> None:
    put_products(run_copy, NEW)
    before = ids_of(run_copy)
    cheaper, renamed = NEW[0]._replace(price=1.0), NEW[1]._replace(title="frozen spinach lasagna family size")
    assert put_products(run_copy, [cheaper, renamed]) == (0, 2, 0)
    after = ids_of(run_copy)
    assert after["new-0"] == before["new-0"]
    assert after["new-1"] != before["new-1"]
    index = Index.open(run_copy / "index")
    catalogue, _, vectors = index.contents()
    assert catalogue[catalogue.row("new-0")].price == 1.0
    assert vectors is not None
    assert not np.allclose(vectors[catalogue.row("new-1")], vectors[catalogue.row("new-0")])


def test_under_reassign_new_products_take_ids_of_their_own(run_copy: Path) -> None:
    from genret.pipeline.stages import index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    settings = {**SMALL["tokenizer"], "collisions": "reassign", "codebook_sizes": (16, 16, 16, 16)}
    tokenize_stage(run_copy, TokenizerSettings(**settings), progress=False)
    index_stage(run_copy)
    twins = [Product(f"twin-{i}", "the very same oat milk", MILK) for i in range(6)]
    put_products(run_copy, twins[:3])
    put_products(run_copy, twins[3:])
    codes = list(ids_of(run_copy).values())
    assert len(set(codes)) == len(codes)


def test_removed_products_are_gone_and_compacting_changes_nothing_that_is_seen(run_copy: Path) -> None:
    put_products(run_copy, NEW)
    remove_products(run_copy, ["new-0", "new-4"])
    seen = ids_of(run_copy)
    assert "new-0" not in seen
    assert "new-1" in seen
    compact(run_copy)
    assert ids_of(run_copy) == seen
    assert Index.open(run_copy / "index").pending == 0


def test_nothing_changes_where_one_product_cannot(run_copy: Path) -> None:
    before = ids_of(run_copy)
    with pytest.raises(GenretError, match="'new-0' is given twice"):
        put_products(run_copy, [NEW[0], NEW[0]])
    with pytest.raises(GenretError, match="no product 'nobody'"):
        remove_products(run_copy, [next(iter(before)), "nobody"])
    with pytest.raises(GenretError, match="no index artifact here"):
        put_products(run_copy / "elsewhere", NEW)
    assert ids_of(run_copy) == before


def test_the_commands(run_copy: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.jsonl"
    rows = [{"sku": product.id, "title": product.title, "category": "Dairy & Eggs > Milk"} for product in NEW]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = CliRunner().invoke
    put = run(cli, ["put", str(run_copy), str(file), "--column", "id=sku"])
    assert put.output.startswith("5 products inserted, 0 updated, 0 unchanged"), put.output
    gone = tmp_path / "gone.txt"
    gone.write_text("new-1\n\nnew-2\n", encoding="utf-8")
    assert run(cli, ["remove", str(run_copy), "new-0", "--file", str(gone)]).output.startswith("3 products")
    assert run(cli, ["compact", str(run_copy)]).output.startswith("compacted")
    assert {"new-3", "new-4"} == {one for one in ids_of(run_copy) if one.startswith("new-")}
    assert "give ids" in str(run(cli, ["remove", str(run_copy)]).exception)


def test_bad_rows_stop_the_command_or_are_left_out(run_copy: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.txt"
    file.write_text("id,title\nnew-0,oat milk\nnew-1,\n", encoding="utf-8")
    run, command = CliRunner().invoke, ["put", str(run_copy), str(file), "--format", "csv"]
    assert "line 3, field title" in str(run(cli, command).exception)
    assert "new-0" not in ids_of(run_copy)
    assert run(cli, [*command, "--on-bad-row", "skip"]).output.startswith("1 bad rows left out")
    assert "new-1" in (run_copy / "rejects.jsonl").read_text(encoding="utf-8")
