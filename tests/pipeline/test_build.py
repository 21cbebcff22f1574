"""A data set to a retriever in one call, and what the root of the package offers for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_run import SMALL

import genret
from genret import BuildSettings, EmbedSettings, GenretError, ModelSettings, TokenizerSettings, TrainSettings, build_run
from genret.data.grocery import GrocerySettings, make_grocery
from genret.pipeline.build import digest

SETTINGS = BuildSettings(
    EmbedSettings(**SMALL["embed"]),
    TokenizerSettings(**SMALL["tokenizer"]),
    ModelSettings(**SMALL["model"]),
    TrainSettings(max_steps=0),
)


def test_every_root_export_is_there() -> None:
    assert {"Retriever", "build_run", "evaluate_run", "column", "put_products"} <= set(genret.__all__)
    for name in genret.__all__:
        assert getattr(genret, name) is not None


def test_a_build_is_reused_until_its_data_change(tmp_path: Path) -> None:
    shop = make_grocery(GrocerySettings(products=200, train_queries=40, dev_queries=10, test_queries=10))
    first = build_run(tmp_path / "run", shop, SETTINGS, progress=False)
    assert first.search("oat milk", k=3).hits
    assert repr(first).startswith("Retriever(200 products, codebooks 16x16x16x16, dense start, index ")
    before = first.index.artifact.fingerprint
    assert build_run(tmp_path / "run", lambda: shop, SETTINGS, progress=False).index.artifact.fingerprint == before
    fewer = replace(shop, judgements=shop.judgements[1:])
    assert digest(fewer) != digest(shop)
    assert digest(make_grocery(GrocerySettings(products=200, train_queries=40, dev_queries=10, test_queries=10))) == (
        digest(shop)
    )


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="expected a Dataset"):
        build_run(tmp_path / "run", lambda: "products.csv")  # type: ignore[arg-type, return-value]
