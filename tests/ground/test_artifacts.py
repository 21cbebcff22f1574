"""Artifacts: whole or absent, checked when read, one clear line when something is wrong."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from genret.ground.artifacts import check_lineage, read_artifact, read_json, write_artifact, write_json
from genret.ground.errors import GenretError


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    with write_artifact(tmp_path / "a", "thing", {"seed": 1}, {"parent": "f" * 64}) as folder:
        (folder / "data.bin").write_bytes(b"0123456789" * 100)
        (folder / "inner").mkdir()
        (folder / "inner" / "note.txt").write_text("hello")
    return tmp_path / "a"


def test_round_trip_keeps_settings_inputs_and_files(artifact: Path) -> None:
    read = read_artifact(artifact, "thing")
    assert read.settings == {"seed": 1}
    assert read.inputs == {"parent": "f" * 64}
    assert read.file("inner/note.txt").read_text() == "hello"
    with pytest.raises(GenretError, match="no file 'other'"):
        read.file("other")


def test_fingerprint_follows_content_and_not_the_place(tmp_path: Path) -> None:
    prints = []
    for name, content in (("x", "1"), ("y", "1"), ("z", "2")):
        with write_artifact(tmp_path / name, "thing") as folder:
            (folder / "f").write_text(content)
        prints.append(read_artifact(tmp_path / name, "thing").fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_a_failing_block_leaves_the_old_artifact_and_no_litter(artifact: Path) -> None:
    before = read_artifact(artifact, "thing").fingerprint
    with contextlib.suppress(RuntimeError), write_artifact(artifact, "thing") as folder:
        (folder / "data.bin").write_text("new")
        raise RuntimeError("half way")
    assert read_artifact(artifact, "thing").fingerprint == before
    assert [path.name for path in artifact.parent.iterdir()] == ["a"]


def test_writing_again_replaces_the_whole_folder(artifact: Path) -> None:
    with write_artifact(artifact, "thing") as folder:
        (folder / "only").write_text("x")
    assert sorted(read_artifact(artifact, "thing").files) == ["only"]
    assert sorted(path.name for path in artifact.iterdir()) == ["manifest.json", "only"]


def test_a_folder_that_is_no_artifact_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(GenretError, match="not a genret artifact"), write_artifact(tmp_path / "home", "thing"):
        pass
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


def test_truncated_file_is_named(artifact: Path) -> None:
    (artifact / "data.bin").write_bytes(b"0123")
    with pytest.raises(GenretError, match=r"data\.bin: 4 bytes, but the manifest says 1000"):
        read_artifact(artifact, "thing")


def test_flipped_bit_is_named(artifact: Path) -> None:
    content = bytearray((artifact / "data.bin").read_bytes())
    content[500] ^= 1
    (artifact / "data.bin").write_bytes(content)
    with pytest.raises(GenretError, match=r"data\.bin: its checksum"):
        read_artifact(artifact, "thing")
    assert read_artifact(artifact, "thing", verify=False).kind == "thing"  # sizes only


def test_missing_file_other_kind_newer_format_changed_manifest(artifact: Path) -> None:
    with pytest.raises(GenretError, match="a thing artifact, expected a model artifact"):
        read_artifact(artifact, "model")
    manifest = read_json(artifact / "manifest.json")
    write_json(artifact / "manifest.json", {**manifest, "format": 99})
    with pytest.raises(GenretError, match="format 99, but this genret reads format 1; upgrade"):
        read_artifact(artifact, "thing")
    write_json(artifact / "manifest.json", {**manifest, "settings": {"seed": 2}})
    with pytest.raises(GenretError, match="changed since it was written"):
        read_artifact(artifact, "thing")
    write_json(artifact / "manifest.json", manifest)
    (artifact / "data.bin").unlink()
    with pytest.raises(GenretError, match=r"data\.bin: missing"):
        read_artifact(artifact, "thing")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "thing"}', "\x00"])
def test_a_broken_manifest_is_one_clear_error(artifact: Path, text: str) -> None:
    (artifact / "manifest.json").write_text(text)
    with pytest.raises(GenretError, match=r"manifest\.json"):
        read_artifact(artifact, "thing")


def test_lineage_is_checked(artifact: Path, tmp_path: Path) -> None:
    with write_artifact(tmp_path / "parent", "parent") as folder:
        (folder / "f").write_text("x")
    parent, child = read_artifact(tmp_path / "parent", "parent"), read_artifact(artifact, "thing")
    with pytest.raises(GenretError, match="was made from another parent"):
        check_lineage(child, "parent", parent)
    with write_artifact(tmp_path / "good", "thing", inputs={"parent": parent.fingerprint}) as folder:
        (folder / "f").write_text("x")
    check_lineage(read_artifact(tmp_path / "good", "thing"), "parent", parent)


def test_json_errors_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{\n "a": 1,\n oops\n}')
    with pytest.raises(GenretError, match=r"bad\.json, line 3"):
        read_json(tmp_path / "bad.json")
    with pytest.raises(GenretError, match="no such file"):
        read_json(tmp_path / "none.json")
    write_json(tmp_path / "deep" / "ok.json", {"b": 1, "a": "é"})
    assert json.loads((tmp_path / "deep" / "ok.json").read_text()) == {"a": "é", "b": 1}


def test_what_a_killed_writer_left_is_swept_by_the_next(artifact: Path) -> None:
    program = (
        "import os, sys; from genret.ground.artifacts import write_artifact\n"
        "with write_artifact(sys.argv[1], 'thing') as folder:\n"
        "    (folder / 'f').write_text('x'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(artifact)]).returncode == -9
    assert len(list(artifact.parent.iterdir())) == 2
    assert read_artifact(artifact, "thing").settings == {"seed": 1}
    with write_artifact(artifact, "thing") as folder:
        (folder / "f").write_text("y")
    assert [path.name for path in artifact.parent.iterdir()] == ["a"]
