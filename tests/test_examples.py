"""The examples in the docstrings run, on a small run that stands for runs/demo."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ENTRIES = (
    "genret.data.folders",
    "genret.eval.evaluation",
    "genret.index.index",
    "genret.pipeline.folder",
    "genret.pipeline.retriever",
    "genret.pipeline.stages",
    "genret.search.logits",
    "genret.search.trie",
    "genret.search.vocab",
    "genret.tokenizer.tokenizer",
)


@pytest.fixture
def beside_a_run(run_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with runs/demo and products.csv in it, as the examples have them."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(run_copy)
    (tmp_path / "products.csv").write_text("id,title\n1,Oat Milk\n2,Whole Milk\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.usefixtures("beside_a_run")
def test_the_examples_of_a_module_run(name: str) -> None:
    module = import_module(name)
    names = {"Trie": import_module("genret.search.trie").Trie}  # imported there for type checkers only
    failed, tried = doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0
