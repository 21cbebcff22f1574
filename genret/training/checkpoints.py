"""Checkpoints of a training: whole, or not there.

transformers' Trainer fills a folder file by file, so a kill, or a full disk, can leave half of one, and deleting an old
one can leave half as well. `seal` lists a finished folder's files with their checksums; `last_whole` takes the newest
folder that is as its seal says, and removes the others.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genret.ground.artifacts import read_json, sha256, sync, write_json
from genret.ground.errors import GenretError, failed_write

SEAL = "whole.json"
PREFIX = "checkpoint-"


@contextmanager
def sealed(folder: Path) -> Iterator[None]:
    """A block that fills the checkpoint `folder`, which counts from its end on. A full disk leaves nothing of it."""
    try:
        yield
        seal(folder)
    except Exception as error:
        reason = failed_write(error)
        if reason is None:
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise GenretError(
            f"{folder}: cannot write this checkpoint ({reason}); make room, then run the same command again: it goes "
            "on from the checkpoint before"
        ) from error


def seal(folder: Path) -> None:
    """Declare a checkpoint whole: its files, as they are now, on the disk."""
    write_json(folder / SEAL, _files(folder))
    for file in [*folder.rglob("*"), folder]:
        sync(file)


def last_whole(checkpoints: Path) -> Path | None:
    """The newest whole checkpoint in a folder, None where there is none; what is not whole is removed."""
    found = [folder for folder in checkpoints.glob(f"{PREFIX}*") if folder.name[len(PREFIX) :].isdigit()]
    whole = None
    for folder in sorted(found, key=lambda folder: int(folder.name[len(PREFIX) :])):
        if _is_whole(folder):
            whole = folder
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return whole


def _is_whole(folder: Path) -> bool:
    try:
        return bool(read_json(folder / SEAL) == _files(folder))
    except (GenretError, OSError):
        return False


def _files(folder: Path) -> dict[str, Any]:
    """Size and checksum of each file but the seal."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != SEAL)
    return {str(file.relative_to(folder)): [file.stat().st_size, sha256(file)] for file in files}
