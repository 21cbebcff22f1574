"""A run that goes on learning: a candidate from the present weights and a newer query log, to be taken or left.

`candidate(run, newer, settings)` trains one beside RUN/model, which is searched meanwhile; `adopt` puts it there and
keeps the one before, `revert` changes the two back. Whether it is better is for `genret.eval.studies.continued` to say.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genret.data.records import Dataset
from genret.ground.artifacts import Artifact, copy_artifact, read_artifact
from genret.ground.errors import GenretError
from genret.ground.settings import check_range, make_settings, settings_dict
from genret.ground.types import Judgement, Query
from genret.pipeline.folder import KINDS, RunFolder
from genret.training.settings import ModelSettings, TrainSettings

if TYPE_CHECKING:
    from genret.training.trainer import Trained

CANDIDATE, BEFORE = "model-candidate", "model-before"
"""Folders of a run: the model that was trained on a newer log, and the one that the present one took the place of."""
STEPS, PACE = 200, 0.3
"""Steps by default, and the learning rate as a share of the first training's."""


@dataclass(frozen=True)
class NewerLog:
    """A query log that came after the run was trained: its pairs to learn from."""

    queries: Sequence[Query]
    judgements: Sequence[Judgement]
    relevant_at: float
    irrelevant_grade: float
    replay: float = 0.5
    """The share of the practice that is what was practised before, so that it is not forgotten."""

    def __post_init__(self) -> None:
        check_range("replay", self.replay, 0, 1, below=True)

    @property
    def digest(self) -> str:
        """What tells one log from another."""
        said = [list(self.queries), list(self.judgements), self.relevant_at, self.irrelevant_grade, self.replay]
        return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def over(self, dataset: Dataset) -> Dataset:
        """The run's catalogue with this log, all of it to train on."""
        return Dataset(
            dataset.name,
            dataset.catalogue,
            {"train": list(self.queries)},
            list(self.judgements),
            relevant_at=self.relevant_at,
            irrelevant_grade=self.irrelevant_grade,
        )


def first_settings(run: RunFolder) -> TrainSettings:
    """How a training goes on by default: as the first one did, shorter and slower."""
    own = make_settings(TrainSettings, run.artifact("model").settings["train"])
    return make_settings(TrainSettings, settings_dict(own), {"max_steps": STEPS, "lr": own.lr * PACE})


def candidate(run: RunFolder, newer: NewerLog, settings: TrainSettings) -> tuple[Artifact, bool]:
    """The model that RUN/model becomes by learning on, beside it; and whether it was there already.

    RUN/model stays as it is. An interrupted training goes on from its last checkpoint.
    """
    from genret.training.trainer import save_model

    settings, before = settings.resolved(), run.artifact("model", verify=True)
    step = {"log": newer.digest, "queries": len(newer.queries), "from": before.fingerprint}
    step["train"] = settings_dict(settings)
    continued = [*before.settings.get("continued", ()), step]
    made = _at(run.path / CANDIDATE)
    if made is not None and made.settings.get("continued") == continued:
        return made, True
    scratch = run.path / f".{CANDIDATE}.checkpoints" / _short(continued)
    scratch.mkdir(parents=True, exist_ok=True)
    trained = _trained(run, before, newer, settings, scratch)
    found = save_model(trained, run.path / CANDIDATE, before.inputs, continued)
    shutil.rmtree(scratch.parent, ignore_errors=True)
    return found, False


def adopt(run: RunFolder) -> Artifact:
    """RUN/model is the candidate from now on; the one before is kept. Killed anywhere, the run has one of the two."""
    made = read_artifact(run.path / CANDIDATE, KINDS["model"])
    _copied(run.artifact("model", verify=True), run.path / BEFORE)
    found = _copied(made, run.folder("model"))
    shutil.rmtree(run.path / CANDIDATE)
    return found


def revert(run: RunFolder) -> Artifact:
    """RUN/model is the one before again, and the present one is kept in its place: done twice, all is as it was."""
    before = _at(run.path / BEFORE)
    if before is None:
        raise GenretError(f"{run.path}: no model before the present one; `genret train --continue` keeps one")
    present = run.artifact("model", verify=True)
    if present.inputs.get("tokenizer") != before.inputs.get("tokenizer"):
        raise GenretError(f"{before.path}: made from another tokenizer than {present.path}; it cannot come back")
    aside = _copied(present, run.path / f"{BEFORE}-aside")
    found = _copied(before, run.folder("model"))
    _copied(aside, run.path / BEFORE)
    shutil.rmtree(aside.path)
    return found


def _trained(run: RunFolder, before: Artifact, newer: NewerLog, settings: TrainSettings, scratch: Path) -> Trained:
    from genret.tokenizer.tokenizer import id_sizes
    from genret.training.continuing import Present, continue_training
    from genret.training.saved import load_model
    from genret.training.trainer import Corpus

    dataset, vectors, tokenizer, codes, fingerprints = run.tokenized()
    if before.inputs.get("tokenizer") != fingerprints["tokenizer"]:
        raise GenretError(f"{before.path}: made from another tokenizer than lies beside it; run `genret train` first")
    model, text_tokenizer, _ = load_model(before.path)
    present = Present(model, text_tokenizer, make_settings(ModelSettings, before.settings["model"]))
    data = Corpus(dataset, codes, id_sizes(codes, tokenizer.codebook_sizes), vectors)
    found = continue_training(present, data, newer.over(dataset), newer.replay, settings, scratch)
    first = make_settings(TrainSettings, before.settings["train"])
    return found._replace(train_settings=first)  # a build takes the model for the one that it would train


def _at(path: Path) -> Artifact | None:
    """The whole model artifact at `path`, if there is one."""
    try:
        return read_artifact(path, KINDS["model"])
    except GenretError:
        return None


def _copied(source: Artifact, path: Path) -> Artifact:
    copy_artifact(source, path)
    return read_artifact(path, source.kind, verify=False)


def _short(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
