"""What CONTRIBUTING and the README say of the tree is true of the tree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from genret.cli.source import SETS
from genret.data.scales import SCALES
from genret.data.sources import SOURCES
from genret.eval.systems.bench import SYSTEMS
from genret.eval.systems.meanings import MEANINGS
from genret.ground.settings import read_preset
from genret.tokenizer.learning.baselines import CODEBOOKS
from genret.tokenizer.learning.family import FAMILY
from genret.tokenizer.settings import ObjectiveName

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TREE = re.search(r"## The tree\n+```\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:genret|tests|eval|tokenizer)/[\w/.-]*)`", CONTRIBUTING))))
def test_what_contributing_names_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_every_room_is_drawn_and_described() -> None:
    rooms = {path.name for path in (ROOT / "genret").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(re.findall(r"^- `genret/(\w+)/`:", CONTRIBUTING, re.MULTILINE))
    assert TREE is not None
    assert rooms == set(re.findall(r"^  (\w+)/ ", TREE[1], re.MULTILINE))


def test_twenty_changes_have_their_file() -> None:
    assert len(re.findall(r"^\| … .* \|$", CONTRIBUTING, re.MULTILINE)) >= 20


def test_names_that_a_step_tells_of_are_in_its_file() -> None:
    steps = " ".join(CONTRIBUTING.split())
    told = re.findall(r"`(\w+)`(?: and `(\w+)`)? of `(genret/[\w/.]+)`", steps)
    assert len(told) >= 4
    for *names, file in told:
        for name in filter(None, names):
            assert re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8")), f"{name} in {file}"


def test_a_data_set_is_known_wherever_it_is_asked_for() -> None:
    assert {*SETS, "files"} == SOURCES.keys()
    assert SCALES.keys() <= SOURCES.keys()
    read_by_name = re.search(r"Public sets are read by name\s+\(`--format ([^)]*)\)", README)
    assert read_by_name is not None
    assert set(read_by_name[1].replace("`", "").split(", ")) == set(SETS)


def test_a_system_says_what_it_is() -> None:
    assert SYSTEMS.keys() <= MEANINGS.keys()


def test_an_objective_is_known_to_the_settings_and_has_its_cell() -> None:
    assert {"rqvae", *FAMILY, *CODEBOOKS} == set(get_args(ObjectiveName))
    preset = read_preset(ROOT / "tokenizer/presets/grocery.toml")
    cells = [grid["objective"] for grid in preset["grid"] if "objective" in grid]
    assert {*FAMILY, *CODEBOOKS} == {name for cell in cells for name in ([cell] if isinstance(cell, str) else cell)}


def test_the_readmes_tree_names_files_that_exist() -> None:
    assert TREE is not None
    room = ""
    for line in TREE[1].splitlines():
        if found := re.match(r"  (\w+)/ ", line):
            room = found[1]
        for name in re.findall(r"\b(\w+\.py)\b", line):
            assert (ROOT / "genret" / room / name).is_file(), f"{room}/{name}"
