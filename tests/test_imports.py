"""The architecture, held: imports point one way, and the light parts stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from genret.ground.moved import MOVED

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "genret"

# A room may import from the rooms before it in this list.
ROOMS = (
    ("ground",),
    ("data", "search"),
    ("embed", "tokenizer"),
    ("index", "model"),
    ("training",),
    ("pipeline",),
    ("eval",),
    ("server",),
    ("cli",),
)
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
APART = {"search": {"data"}, "tokenizer": {"embed", "data"}, "index": {"model"}, "model": {"index"}}
"""Rooms that could reach another one, but know nothing of it."""


def _files() -> dict[str, Path]:
    """Module name -> file, packages' `__init__` under the package's own name."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


FILES = _files()


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _imports(module: str) -> set[str]:
    """The files of genret that a file imports, anywhere in it, leaving out imports for type checkers only.

    A room's `__init__` only names its files for whoever asks, so it counts as a file like any other.
    """
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in FILES else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name in FILES and name not in {"genret", module}}


GRAPH = {module: _imports(module) for module in FILES}


@pytest.mark.parametrize("module", FILES)
def test_imports_point_one_way_between_rooms(module: str) -> None:
    room = _room(module)
    if not room:
        return  # the root exports, loaded on first use
    assert room in RANK, f"{module}: give the room {room!r} a place in ROOMS"
    others = {_room(name) for name in GRAPH[module]} - {room}
    assert not {name for name in others if RANK[name] >= RANK[room]}, f"{module} imports what is built on top of it"
    assert not APART.get(room, set()) & others


def test_no_circle_of_imports_between_files() -> None:
    done: set[str] = set()

    def walk(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above[above.index(module) :], module))
        if module not in done:
            for name in sorted(GRAPH[module]):
                walk(name, (*above, module))
            done.add(module)

    for module in GRAPH:
        walk(module, ())


def test_the_root_has_few_entries() -> None:
    entries = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert len(entries) <= 15, sorted(entries)


def test_old_module_names_are_the_new_modules() -> None:
    sys.modules.pop("genret.beam", None)
    with pytest.warns(DeprecationWarning, match=r"genret\.beam is now genret\.search\.beam"):
        old = import_module("genret.beam")
    assert old is import_module("genret.search.beam")
    for name, new in MOVED.items():
        assert new in FILES, f"{name} is said to be {new}, which is no file"
        assert name not in FILES, f"{name} is a file and need not be said to have moved"


@pytest.mark.parametrize(
    "module",
    [
        "genret",
        "genret.search.bits",
        "genret.search.ranking",
        "genret.search.trie",
        "genret.search.vocab",
        "genret.ground.types",
        "genret.data",
        "genret.eval.measures",
        "genret.cli",
    ],
)
def test_light_modules_import_no_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_folders_that_run_stages_are_not_packages() -> None:
    """A top-level package `tokenizer` or `eval` would collide with users' own modules."""
    for folder in ("tokenizer", "eval", "notebooks"):
        assert (ROOT / folder / "README.md").is_file()
        assert not (ROOT / folder / "__init__.py").exists()


def test_no_module_is_called_utils() -> None:
    assert not [path for path in FILES.values() if path.stem in {"utils", "helpers", "misc", "common"}]


def test_nothing_is_pickled() -> None:
    for path in FILES.values():
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text, path
        assert "weights_only=False" not in text, path
        assert "allow_pickle=True" not in text, path
