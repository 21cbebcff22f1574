"""What a build has made, for tests that compare two."""

from __future__ import annotations

from pathlib import Path

from genret.index.shards import HEAD, read_shards
from genret.pipeline.folder import KINDS, RunFolder


def bytes_of(run: Path) -> dict[str, str]:
    """Every file of every artifact, by its checksum; each artifact is checked on the way."""
    artifacts = {part: RunFolder(run).artifact(part, verify=True) for part in KINDS}
    return {f"{part}/{name}": file["sha256"] for part, made in artifacts.items() for name, file in made.files.items()}


def shards_of(out: Path) -> dict[str, str]:
    """The same of what `genret shards` made, with the manifest that says which shards there are."""
    made = read_shards(out)
    folders = [HEAD, *(shard.name for shard in made.shards)]
    indexes = {name: RunFolder(out / name).artifact("index", verify=True) for name in folders}
    found = {f"{name}/{file}": about["sha256"] for name, one in indexes.items() for file, about in one.files.items()}
    return {**found, "shards": str(made._replace(path=Path()))}


def left_over(run: Path) -> list[str]:
    """What a finished run still holds of its making."""
    return [path.name for path in run.iterdir() if path.name.startswith(".") and not path.name.endswith(".json")]
