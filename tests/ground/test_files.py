"""Files and folders appear whole or not at all, whatever ends the writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genret.ground.files import whole_file, whole_folder, write_text


def test_a_file_is_replaced_only_when_its_writer_is_done(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "values.npy"
    with whole_file(path) as temporary:
        np.save(temporary, np.arange(3))
        assert not path.exists()
    assert np.load(path).tolist() == [0, 1, 2]
    with pytest.raises(TypeError), whole_file(path) as temporary:
        temporary.write_bytes("half")  # type: ignore[arg-type]
    assert np.load(path).tolist() == [0, 1, 2]
    assert os.listdir(path.parent) == ["values.npy"]


def test_a_folder_is_replaced_only_when_its_writer_is_done(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for word in ("old", "new"):
        with whole_folder(path) as temporary:
            (temporary / word).write_text(word)
    assert os.listdir(path) == ["new"]
    with pytest.raises(TypeError), whole_folder(path) as temporary:
        (temporary / "half").write_bytes("half")  # type: ignore[arg-type]
    assert os.listdir(path) == ["new"]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_text(path, "old\r\n")
    program = (
        "import os, signal, sys\nfrom genret.ground.files import whole_file\n"
        "with whole_file(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old\r\n"
    left = [name for name in os.listdir(tmp_path) if name != path.name]
    assert len(left) == 1
    (tmp_path / ".report.tmp-x.md").write_text("nobody's")
    (tmp_path / f".report.tmp-{os.getppid()}.md").write_text("a writer's that runs")
    write_text(path, "new")
    assert sorted(os.listdir(tmp_path)) == sorted([f".report.tmp-{os.getppid()}.md", ".report.tmp-x.md", path.name])
