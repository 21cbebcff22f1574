"""Products that come, change and go while a run serves: found at once, with their own IDs, by library and command."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from index_shop import old_format
from small_run import SMALL

from genret.cli import cli
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.index import Index
from genret.pipeline.retriever import Retriever
from genret.pipeline.stock import compact, patch_products, put_products, remove_products

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


def test_price_alone_can_be_patched(run_copy: Path, tmp_path: Path) -> None:
    put_products(run_copy, NEW)
    before = {one.id: one for one in held(run_copy)}
    ids = ids_of(run_copy)
    done = patch_products(run_copy, {"new-0": {"price": 2.5}, "new-1": {"available": False}, "new-2": {"price": None}})
    assert done == (0, 2, 1)
    after = {one.id: one for one in held(run_copy)}
    assert after == before | {
        "new-0": before["new-0"]._replace(price=2.5),
        "new-1": before["new-1"]._replace(available=False),
    }
    assert ids_of(run_copy) == ids
    with pytest.raises(GenretError, match="no product 'nobody'"):
        patch_products(run_copy, {"new-0": {"price": 9.0}, "nobody": {"price": 1.0}})
    with pytest.raises(GenretError, match=r"a patch changes price, .*and not title"):
        patch_products(run_copy, {"new-0": {"title": "another"}})
    assert {one.id: one for one in held(run_copy)} == after


def held(run: Path) -> list[Product]:
    index = Index.open(run / "index")
    return list(index.contents()[0])


def test_patches_from_files(run_copy: Path, tmp_path: Path) -> None:
    """A key that a row has is set, null and an empty cell clear it, and one that it lacks is left as it is."""
    put_products(run_copy, [one._replace(price=9.0, stores=("n",)) for one in NEW])
    run, file, cells = CliRunner().invoke, tmp_path / "patch.jsonl", tmp_path / "patch.csv"
    file.write_text(
        '{"sku": "new-0", "price": 2}\n{"sku": "new-1", "price": null}\n{"sku": "new-2", "stores": ["s"]}\n'
    )
    said = run(cli, ["put", str(run_copy), str(file), "--patch", "--column", "id=sku"]).output
    assert said.startswith("0 products inserted, 3 updated, 0 unchanged")
    cells.write_text("id,price\nnew-3,\nnew-4,9\n")
    said = run(cli, ["put", str(run_copy), str(cells), "--patch"]).output
    assert said.startswith("0 products inserted, 1 updated, 1 unchanged")
    found = {one.id: (one.price, one.stores) for one in held(run_copy)}
    assert found["new-0"] == (2.0, ("n",))
    assert found["new-1"] == found["new-3"] == (None, ("n",))
    assert found["new-2"] == (9.0, ("s",))
    assert found["new-4"] == (9.0, ("n",))
    for text, says in (
        ("id,price,title\nnew-0,1,t\n", "column 'title' is none of them"),
        ("id,price,colour\nnew-0,1,red\n", "column 'colour' is none of them"),
        ("id\nnew-0\n", "no column that a patch changes"),
        ("id,price\nnew-0,cheap\n", "line 2, field price"),
        ("id,price\nnew-0,1\nnew-0,2\n", "line 3, field id"),
    ):
        cells.write_text(text)
        assert says in str(run(cli, ["put", str(run_copy), str(cells), "--patch"]).exception)


def test_ids_that_are_not_there_can_be_left_out(run_copy: Path, tmp_path: Path) -> None:
    put_products(run_copy, NEW)
    run = CliRunner().invoke
    assert "no product 'nobody' (and 1 more)" in str(
        run(cli, ["remove", str(run_copy), "nobody", "new-0", "x"]).exception
    )
    said = run(cli, ["remove", str(run_copy), "nobody", "new-0", "x", "--missing-ok"]).output.splitlines()
    assert said[0].startswith("1 products removed, 2 not there")
    assert said[1:] == ["not there: nobody", "not there: x"]
    gone = tmp_path / "gone.txt"
    gone.write_bytes(b"\xef\xbb\xbfnew-1\r\n")
    assert run(cli, ["remove", str(run_copy), "--file", str(gone)]).output.startswith("1 products removed  (")
    gone.write_bytes(b"caf\xe9\n")
    assert "not UTF-8 text" in str(run(cli, ["remove", str(run_copy), "--file", str(gone)]).exception)


def test_a_rebuild_carries_changes_over(run_copy: Path) -> None:
    """Compacted or not: after a damage with their IDs, after another tokenizer with new ones, or not at all if told."""
    from genret.pipeline.stages import index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    put_products(run_copy, NEW[:3])
    remove_products(run_copy, [old := next(iter(ids_of(run_copy)))])
    compact(run_copy)
    put_products(run_copy, NEW[3:])
    before, products = ids_of(run_copy), {one.id: one for one in held(run_copy)}
    target = run_copy / "index" / "gen-0000002" / "products.parquet"
    target.write_bytes(target.read_bytes()[:-9])
    with pytest.raises(GenretError, match=r"the 1 changes since are safe.*`genret index"):
        Index.open(run_copy / "index")
    assert not index_stage(run_copy).reused
    assert ids_of(run_copy) == before
    assert {one.id: one for one in held(run_copy)} == products

    assert index_stage(run_copy).reused
    settings = {**SMALL["tokenizer"], "codebook_sizes": (8, 16, 16, 16)}
    tokenize_stage(run_copy, TokenizerSettings(**settings), progress=False)
    index_stage(run_copy)
    after = ids_of(run_copy)
    assert after.keys() == before.keys()
    assert max(code[0] for code in after.values()) < 8
    assert {one.id: one for one in held(run_copy)} == products
    assert old not in after

    tokenize_stage(run_copy, TokenizerSettings(**SMALL["tokenizer"]), progress=False)
    index_stage(run_copy, "drop")
    assert old in ids_of(run_copy)
    assert "new-0" not in ids_of(run_copy)


def test_changes_on_other_data_are_asked_about(run_copy: Path) -> None:
    from dataclasses import replace

    from genret.data.records import Catalogue, load_dataset
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    put_products(run_copy, NEW)
    dataset = load_dataset(run_copy / "data")[0]
    fewer = replace(dataset, catalogue=Catalogue.from_products(list(dataset.catalogue)[:-1]))
    data_stage(run_copy, lambda: fewer, {"format": "fewer"})
    embed_stage(run_copy, EmbedSettings(**SMALL["embed"]), progress=False)
    tokenize_stage(run_copy, TokenizerSettings(**SMALL["tokenizer"]), progress=False)
    with pytest.raises(GenretError, match=r"5 products were put or removed .*--changes keep\) .*--changes drop"):
        index_stage(run_copy)
    assert "new-0" in ids_of(run_copy)
    index_stage(run_copy, "keep")
    assert len(ids_of(run_copy)) == len(fewer.catalogue) + 5


def test_a_search_sees_what_another_process_put_and_removed(run_copy: Path, tmp_path: Path) -> None:
    """Commands in processes of their own, two at once, beside a retriever that is told nothing."""
    retriever = Retriever.load(run_copy)
    for number in range(2):
        rows = [json.dumps({"id": f"c{number}-{i}", "title": f"Zimmerli organic oat milk {i}"}) for i in range(20)]
        (tmp_path / f"{number}.jsonl").write_text("\n".join(rows))
    command = [sys.executable, "-m", "genret"]
    put = [[*command, "put", str(run_copy), str(tmp_path / f"{number}.jsonl")] for number in range(2)]
    running = [subprocess.Popen(one, stdout=subprocess.DEVNULL) for one in [*put, [*command, "compact", str(run_copy)]]]
    assert [one.wait() for one in running] == [0, 0, 0]

    def found() -> set[str]:
        return {hit.product.id for hit in retriever.search("zimmerli organic oat milk", k=100, exact=True).hits}

    assert {f"c{number}-{i}" for number in range(2) for i in range(20)} <= found()
    subprocess.run([*command, "remove", str(run_copy), "c0-0"], check=True, stdout=subprocess.DEVNULL)
    assert "c0-0" not in found()
    assert "c1-0" in found()


def test_what_the_first_format_had_compacted_is_carried_over_too(run_copy: Path) -> None:
    """It does not say what came and went: the difference from RUN/data does."""
    from genret.pipeline.stages import index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    put_products(run_copy, NEW)
    remove_products(run_copy, [next(iter(ids_of(run_copy)))])
    compact(run_copy)
    old_format(run_copy / "index")
    products = {one.id: one for one in held(run_copy)}
    tokenize_stage(run_copy, TokenizerSettings(**{**SMALL["tokenizer"], "steps": 20}), progress=False)
    index_stage(run_copy)
    assert {one.id: one for one in held(run_copy)} == products


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_commands_killed_at_any_moment(run_copy: Path, tmp_path: Path) -> None:
    """`put`, `remove` and `compact` in processes of their own, two at a time, each killed at some moment or not."""
    rng = random.Random(0)
    kinds = ["put", "remove", "compact"]
    whole = {one.id for one in NEW}
    file = tmp_path / "new.jsonl"
    file.write_text("\n".join(json.dumps({"id": one.id, "title": one.title}) for one in NEW))
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "genret", "put", str(run_copy), str(file)], check=True)
    usual = time.monotonic() - started
    rest = ids_of(run_copy).keys() - whole
    there = True
    for _ in range(20):
        changing = rng.choice(kinds[:2])
        names = [str(file)] if changing == "put" else [*sorted(whole), "--missing-ok"]
        commands = [[changing, str(run_copy), *names], ["compact", str(run_copy)]]
        running = [subprocess.Popen([sys.executable, "-m", "genret", *one]) for one in commands]
        time.sleep(rng.uniform(0, 1.5 * usual))
        if rng.random() < 0.7:
            rng.choice(running).kill()
        codes = [one.wait() for one in running]
        assert set(codes) <= {0, -9}
        found = ids_of(run_copy).keys()
        assert found - whole == rest
        assert found & whole in (set(), whole)
        if codes[0] == 0:
            assert bool(found & whole) == (changing == "put")
        else:
            assert bool(found & whole) in (there, changing == "put")
        there = bool(found & whole)
