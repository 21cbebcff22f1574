"""A run that learns on from a newer log: the old model is searched until a paired test finds the new one better."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from forked import Commands
from small_run import SMALL

from genret.cli import cli
from genret.data import attach_judgements, load_dataset
from genret.eval.result import Grading
from genret.eval.studies.continued import hold_out
from genret.ground.artifacts import read_artifact
from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder
from genret.pipeline.learn_on import BEFORE, CANDIDATE
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import train_stage
from genret.training.settings import ModelSettings, TrainSettings

FAST = ("--max-steps", "6", "--batch-size", "8", "--set", "train.save_every=2")


@pytest.fixture
def newer(run_copy: Path, tmp_path: Path) -> Path:
    """A log of words that no product has, each for a product: whoever did not learn them can't know."""
    ids = load_dataset(run_copy / "data")[0].catalogue.ids
    path = tmp_path / "newer.csv"
    rows = [f"zorb{n % 5} quib{n % 5} number {n},{ids[n % 5]},3" for n in range(60)]
    path.write_text("\n".join(["query,product_id,grade", *rows]))
    return path


def train(run: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["train", str(run), *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def model_of(run: Path) -> str:
    return read_artifact(run / "model", "model").fingerprint


def test_a_better_model_is_taken_and_given_back(run_copy: Path, newer: Path) -> None:
    old = model_of(run_copy)
    quick = ("--max-steps", "40", "--batch-size", "32", "--lr", "0.01")
    said = train(run_copy, "--continue", "--judgements", str(newer), *quick)
    assert "taken: better on the newer log" in said
    new = model_of(run_copy)
    assert new != old
    assert not (run_copy / CANDIDATE).exists()
    [step] = RunFolder(run_copy).artifact("model").settings["continued"]
    assert step["from"] == old
    assert Retriever.load(run_copy).search("marinara sauce", k=3).hits
    again = train_stage(run_copy, ModelSettings(**SMALL["model"]), TrainSettings(**SMALL["train"]))
    assert again.reused, "a build would train it anew, and lose what was learned"
    assert "the model before is back" in train(run_copy, "--revert")
    assert (model_of(run_copy), read_artifact(run_copy / BEFORE, "model").fingerprint) == (old, new)
    train(run_copy, "--revert")
    assert model_of(run_copy) == new


def test_a_model_that_is_not_better_is_left(run_copy: Path, newer: Path) -> None:
    old = model_of(run_copy)
    said = train(run_copy, "--continue", "--judgements", str(newer), *FAST, "--lr", "1e-9")
    assert "left: not told apart" in said
    assert model_of(run_copy) == old
    assert not (run_copy / BEFORE).exists()
    forced = train(run_copy, "--continue", "--judgements", str(newer), *FAST, "--lr", "1e-9", "--adopt", "always")
    assert "up to date, reused" in forced
    assert model_of(run_copy) != old


def test_a_newer_log_may_say_itself_what_is_judged_on(run_copy: Path, tmp_path: Path) -> None:
    """Its column `split`, in its own rows or in the file of its queries; a text that is judged on is not learned."""
    dataset = load_dataset(run_copy / "data")[0]
    product = dataset.catalogue.ids[0]
    texts = {"a": "zorb one", "b": "zorb two", "c": "Zorb  TWO", "d": "zorb four", "e": "zorb five"}
    own, beside, queries = tmp_path / "own.csv", tmp_path / "beside.csv", tmp_path / "queries.csv"
    splits = {"a": "train", "b": "test", "c": "train", "d": "dev", "e": ""}
    rows = [f"{name},{texts[name]},{product},3,{splits[name]}" for name in texts]
    own.write_text("\n".join(["query_id,query,product_id,grade,split", *rows]))
    beside.write_text("\n".join(["query_id,product_id,grade", *(f"{name},{product},3" for name in texts)]))
    queries.write_text("\n".join(["id,text,split", *(f"{name},{texts[name]},{splits[name]}" for name in texts)]))
    for newer in (attach_judgements(dataset, own), attach_judgements(dataset, beside, queries=queries)):
        grading = Grading(newer.judgements, newer.relevant_at, newer.irrelevant_grade)
        held = hold_out(newer.queries, grading, 0.5, newer.splits)
        assert {query.id for query in held.learned.queries} == {"a", "e"}
        assert {query.id for query in held.judged.queries} == {"b", "d"}
        with pytest.raises(GenretError, match="2 queries to learn from and 0 to judge on"):
            hold_out([query for query in newer.queries if query.id in "ae"], grading, 0.5, newer.splits)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--continue"], "give it with --judgements FILE"),
        (["--judgements", "x.csv"], "belongs to --continue"),
        (["--continue", "--revert", "--judgements", "x.csv"], "give one of them"),
        (["--revert"], "no model before the present one"),
        (["--continue", "--judgements", "NEWER", "--replay", "2"], "replay=2"),
        (["--continue", "--judgements", "ONE"], "at least two"),
    ],
)
def test_what_contradicts_itself_is_one_line(
    arguments: list[str], message: str, run_copy: Path, newer: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one.csv"
    one.write_text("\n".join(newer.read_text().splitlines()[:2]))
    given = [{"NEWER": str(newer), "ONE": str(one)}.get(word, word) for word in arguments]
    with pytest.raises(GenretError, match=message):
        train(run_copy, *given)


def test_killed_anywhere_the_run_still_searches(run_copy: Path, newer: Path, tmp_path: Path) -> None:
    """Dies at places spread over training, judging and the change of models; the same command then goes on."""
    commands = Commands(tmp_path / "log.txt")
    arguments = ["train", str(run_copy), "--continue", "--judgements", str(newer), *FAST, "--adopt", "always"]
    try:
        whole = tmp_path / "whole"
        shutil.copytree(run_copy, whole)
        changes = commands.run(["train", str(whole), *arguments[2:]], whole).changes
        for at in sorted({changes // 4, changes // 2, *range(changes - 60, changes, 20)}):
            done = commands.run(arguments, run_copy, kill_at=max(at, 1))
            assert done.codes in ([-9], [0]), done.output
            found = commands.run(["search", "marinara sauce", "--run", str(run_copy), "--json"], run_copy)
            assert found.codes == [0], found.output
            assert json.loads(found.output.splitlines()[-1])["hits"]
    finally:
        commands.close()
