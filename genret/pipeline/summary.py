"""What a run is made of, for people and machines: data, embeddings, tokenizer, model, index, and the next step.

`summarise(run)` returns a `Summary`; `genret info RUN` prints it. A part that is missing or damaged is said, not
raised: a run that is being built has a summary too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genret.ground.artifacts import read_artifact
from genret.ground.errors import GenretError
from genret.ground.files import folder_bytes
from genret.ground.percent import percent
from genret.ground.settings import make_settings
from genret.pipeline.folder import KINDS, RunFolder

RETRAIN_AT = 0.1
"""The share of products that came or went above which a run is to be trained again: a choice. What new products are
found was measured with a twentieth of them new (`eval/cold_start.py`), and not beyond."""


@dataclass
class Summary:
    """Facts of a run, part by part, and what to do next."""

    run: str
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    next: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, for machines."""
        return dict(self.__dict__)

    def text(self) -> str:
        """A block per part, one fact per line."""
        lines = [self.run]
        for name, facts in self.parts.items():
            lines.append(f"\n{name}")
            lines += [f"  {fact:<14} {_shown(value)}" for fact, value in facts.items()]
        return "\n".join([*lines, "", f"next: {self.next}"])


def summarise(run: Path) -> Summary:
    """What `run` holds. Raises GenretError only if there is no such folder, or nothing of genret's in it."""
    if not run.is_dir():
        raise GenretError(f"{run}: no such run folder; make one with `genret build` or `genret demo`")
    summary = Summary(str(run))
    seconds = RunFolder(run).timings()
    for stage, kind in KINDS.items():
        facts = _part(lambda kind=kind, stage=stage: _FACTS[kind](run / stage))  # type: ignore[misc]
        if stage in seconds and "missing" not in facts:
            facts["made in"] = f"{seconds[stage]:.1f} s"
        summary.parts[stage] = facts
    if all("missing" in facts for facts in summary.parts.values()):
        raise GenretError(
            f"{run}: no artifact of genret's in this folder; make one with `genret build` or `genret demo`"
        )
    if not any("missing" in summary.parts[part] for part in ("data", "index")):
        summary.parts["index"] |= _drift(run)
    summary.next = _next(run, summary)
    return summary


def _part(facts: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return facts()
    except GenretError as error:
        return {"missing": str(error)}


def _data(folder: Path) -> dict[str, Any]:
    from genret.data.records import load_dataset

    dataset, artifact = load_dataset(folder)
    catalogue = dataset.catalogue
    depths = [len(path) for path in catalogue.categories]
    return {
        "products": len(catalogue),
        "categories": len(set(catalogue.categories)),
        "deepest": max(depths, default=0),
        "queries": {split: len(queries) for split, queries in dataset.queries.items()},
        "judgements": len(dataset.judgements),
        "source": dict(artifact.settings.get("source", {})).get("format", "files"),
        **_size(folder),
    }


def _embeddings(folder: Path) -> dict[str, Any]:
    from genret.embed.catalogue import load_embeddings

    vectors, artifact = load_embeddings(folder)
    return {"model": artifact.settings.get("model", ""), "width": int(vectors.shape[1]), **_size(folder)}


def _tokenizer(folder: Path) -> dict[str, Any]:
    from genret.tokenizer.judging.health import load_health
    from genret.tokenizer.judging.verdict import verdict
    from genret.tokenizer.settings import TokenizerSettings

    settings = make_settings(TokenizerSettings, read_artifact(folder, "tokenizer").settings)
    measured = load_health(folder)
    judged = verdict(measured, settings)
    return {
        "codebooks": " x ".join(map(str, settings.codebook_sizes)),
        "objective": f"{settings.objective}, lam={settings.lam:g}, collisions={settings.collisions}",
        "IDs": measured.ids,
        "health": "healthy" if judged.healthy else list(judged.findings),
        **_size(folder),
    }


def _model(folder: Path) -> dict[str, Any]:
    artifact = read_artifact(folder, "model")
    model, train = artifact.settings["model"], artifact.settings["train"]
    encoder = model.get("encoder") or "from scratch"
    steps = train.get("max_steps", 0)
    return {
        "encoder": encoder,
        "start": model.get("start", ""),
        "steps": steps,
        "beam": model.get("beam_width", 50),
    } | (_size(folder))


def _index(folder: Path) -> dict[str, Any]:
    from genret.index.index import Index

    index = Index.open(folder)
    try:
        return {"products": len(index), "changes": index.pending, **_size(folder)}
    finally:
        index.close()


def _drift(run: Path) -> dict[str, Any]:
    """How far the products that are searched are from those that the run was trained on."""
    folder = RunFolder(run)
    index = folder.index()
    try:
        now = set(index.contents()[0].ids)
    finally:
        index.close()
    before = set(folder.dataset().catalogue.ids)
    new, gone = len(now - before), len(before - now)
    return {"not trained on": new, "trained on, gone": gone, "drift": percent((new + gone) / max(1, len(before)))}


_FACTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "dataset": _data,
    "embeddings": _embeddings,
    "tokenizer": _tokenizer,
    "model": _model,
    "index": _index,
}


def _size(folder: Path) -> dict[str, Any]:
    return {"megabytes": round(folder_bytes(folder) / 1e6, 1)}


def _next(run: Path, summary: Summary) -> str:
    verbs = {"data": "data SOURCE --out", "embeddings": "embed", "tokenizer": "tokenize", "model": "train"}
    for stage, facts in summary.parts.items():
        if "missing" in facts:
            return f"genret {verbs.get(stage, stage)} {run}   ({facts['missing']})"
    index = summary.parts["index"]
    moved = index["not trained on"] + index["trained on, gone"]
    if moved > RETRAIN_AT * summary.parts["data"]["products"]:
        drift = f"{index['drift']} of its products came or went since {run} was trained"
        return f"genret build on the catalogue of today   ({drift})"
    if isinstance(summary.parts["tokenizer"]["health"], list):
        return f"genret tokenizer health {run}"
    if summary.parts["index"]["changes"] > max(1000, summary.parts["index"]["products"] // 10):
        return f"genret compact {run}   ({summary.parts['index']['changes']:,} changes since the index was written)"
    return f'genret search "..." --run {run}'


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
