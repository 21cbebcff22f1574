"""Manifests that lie: each lie is one clear line that names the manifest, and no file outside the artifact is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genret.data.records import Catalogue, Dataset, load_dataset, save_dataset
from genret.ground.artifacts import _fingerprint, read_artifact, read_json, write_artifact
from genret.ground.errors import GenretError
from genret.ground.types import Product


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    with write_artifact(tmp_path / "a", "thing", {"k": 1}, {"data": "f" * 64}) as folder:
        (folder / "x.bin").write_bytes(b"x")
    return tmp_path / "a"


def lie(folder: Path, **changes: Any) -> None:
    """Change the manifest, and its fingerprint with it."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_text()), **changes}
    manifest = {key: value for key, value in manifest.items() if value is not ...}
    path.write_text(json.dumps({**manifest, "fingerprint": changes.get("fingerprint", _fingerprint(manifest))}))


X = {"bytes": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
ODD: tuple[Any, ...] = (None, 5.5, [], True, ...)
ODD_FILES: tuple[Any, ...] = (None, [], {}, {"bytes": 1}, {"bytes": "1", "sha256": ""}, {"bytes": 1, "sha256": 5})
LIES: list[dict[str, Any]] = [
    *({key: value} for key in ("kind", "format", "settings", "inputs", "files") for value in ODD),
    {"fingerprint": 5},
    {"inputs": {"data": 5}},
    {"hardware": []},
    {"format": 10**400},
    {"kind": "x" * 10_000},
    *(
        {"files": {name: X}}
        for name in ("../x.bin", "/etc/passwd", "a/../../x.bin", "C:\\x", "..\\x", "", "x\0", "\ud800")
    ),
    *({"files": {"x.bin": value}} for value in ODD_FILES),
    {"files": {"missing.bin": X}},
]


@pytest.mark.parametrize("changes", LIES, ids=lambda value: repr(value)[:50])
def test_a_manifest_that_lies_is_one_clear_line(artifact: Path, changes: dict[str, Any]) -> None:
    lie(artifact, **changes)
    with pytest.raises(GenretError) as caught:
        read_artifact(artifact, "thing")
    assert str(artifact.parent) in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "1" * 10_000, "null", '"x"', "[]", "{}", "\ufeff{}", ""]
)
def test_a_manifest_that_is_no_table_is_one_clear_line(artifact: Path, text: str) -> None:
    (artifact / "manifest.json").write_text(text)
    with pytest.raises(GenretError, match="manifest"):
        read_artifact(artifact, "thing")


def test_a_manifest_that_is_a_folder_or_not_utf8(artifact: Path) -> None:
    (artifact / "manifest.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(GenretError, match="UTF-8"):
        read_artifact(artifact, "thing")
    (artifact / "folder.json").mkdir()
    with pytest.raises(GenretError, match="cannot be read"):
        read_json(artifact / "folder.json")


@pytest.mark.parametrize(
    "settings",
    [{}, {"name": "x"}, {"name": 5, "relevant_at": 1, "irrelevant_grade": 0}, {"name": "x", "relevant_at": "1"}],
    ids=repr,
)
def test_settings_that_a_reader_needs_and_does_not_find(tmp_path: Path, settings: dict[str, Any]) -> None:
    save_dataset(Dataset("x", Catalogue.from_products([Product("1", "Tea")])), tmp_path / "data")
    lie(tmp_path / "data", settings=settings)
    with pytest.raises(GenretError):
        load_dataset(tmp_path / "data")
