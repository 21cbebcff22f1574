"""What a build has made, for tests that compare two."""

from __future__ import annotations

from pathlib import Path

from genret.pipeline.folder import KINDS, RunFolder


def bytes_of(run: Path) -> dict[str, str]:
    """Every file of every artifact, by its checksum; each artifact is checked on the way."""
    artifacts = {part: RunFolder(run).artifact(part, verify=True) for part in KINDS}
    return {f"{part}/{name}": file["sha256"] for part, made in artifacts.items() for name, file in made.files.items()}


def left_over(run: Path) -> list[str]:
    """What a finished run still holds of its making."""
    return [path.name for path in run.iterdir() if path.name.startswith(".") and not path.name.endswith(".json")]
