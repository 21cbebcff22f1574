"""The model of a run, trained by Ray Train: its processes are the ranks of one training, as those of a `torchrun` are.

Ray Train starts them, makes their process group and, where one is lost, starts all of them again; the training then
goes on from its last checkpoint, which lies below the run's folder as that of one process does.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genret.ground.errors import GenretError
from genret.ground.files import write_text
from genret.ground.ranks import PATIENCE, backend
from genret.pipeline.distributed.engine import RETRIES, Workers
from genret.pipeline.folder import RunFolder
from genret.pipeline.stages import StageResult, train_stage
from genret.training.settings import ModelSettings, TrainSettings

RECORDS, SAID = ".ray-train", "error.txt"
"""The folder in which Ray Train keeps its records meanwhile, and a file in it: what was wrong, in one line."""


def train_over(workers: Workers, run: Path, model: ModelSettings, train: TrainSettings, ranks: int) -> StageResult:
    """RUN/model from RUN/data and RUN/tokenizer, by so many processes; that of one process up to rounding.

    A GenretError if there are not as many workers, or as the training itself raises one.
    """
    if ranks > (free := workers.gpus or workers.count):
        raise GenretError(f"--train-workers {ranks}: there are {free} workers; give at most {free}")
    before, records = RunFolder(run).whole("model"), (run / RECORDS).resolve()
    shutil.rmtree(records, ignore_errors=True)  # of a build that was killed
    records.mkdir()
    try:
        _fit(records, {"run": str(run.resolve()), "model": model, "train": train}, ranks, workers.gpus > 0)
        if (records / SAID).is_file():
            raise GenretError((records / SAID).read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(records, ignore_errors=True)
    made = train_stage(run, model, train)
    return made._replace(reused=before is not None and before.fingerprint == made.artifact.fingerprint)


def train_rank(given: Mapping[str, Any]) -> None:
    """One process's part. What is wrong with the training itself, on any of them, is written down, and ends them all:
    Ray Train starts them again, and they find that trying again won't mend it."""
    said = Path(given["run"]) / RECORDS / SAID
    if said.is_file():
        return
    try:
        train_stage(Path(given["run"]), given["model"], given["train"], progress=False)
    except GenretError as error:
        write_text(said, str(error))
        raise


def _fit(records: Path, given: Mapping[str, Any], ranks: int, gpu: bool) -> None:
    """Ray Train over `train_rank`, restarted as often as any job is."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError

    trainer = TorchTrainer(
        train_rank,
        train_loop_config=dict(given),
        torch_config=TorchConfig(backend=backend(gpu), timeout_s=int(PATIENCE.total_seconds())),
        scaling_config=ScalingConfig(num_workers=ranks, use_gpu=gpu),
        run_config=RunConfig(
            name="train", storage_path=str(records), failure_config=FailureConfig(max_failures=RETRIES)
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        lines = str(error).strip().splitlines()
        raise GenretError(f"train: Ray Train gave up ({lines[-1][:200]}); run the same command again") from None
