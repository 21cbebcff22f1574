"""One program on every machine: fp32 and bf16, one thread and two, other instruction sets, forced on this one.

What may differ, and by how much, is stated here: embeddings by rounding, semantic IDs hardly, a search not at all.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import Commands
from tiny_shop import BRANDS, KINDS, build_arguments

from genret.embed.catalogue import load_embedder, load_embeddings
from genret.ground.artifacts import read_artifact
from genret.pipeline.retriever import Retriever

TITLES = [f"{brand} {kind}" for kind in KINDS for brand in BRANDS]
ROUNDING = {"fp32": 1e-5, "bf16": 2e-2}
"""How far a unit vector's entries may be from those of fp32 on another machine."""


def build(commands: Commands, shop: Path, run: Path, **environment: str) -> str:
    done = commands.run(build_arguments(shop, run), run, env=environment)
    assert done.codes == [0], done.output
    return done.output


@pytest.fixture(scope="module")
def runs(shop: Path, commands: Commands) -> dict[str, Path]:
    """The shop's run in either precision."""
    made = {precision: shop / f"in-{precision}" for precision in ("fp32", "bf16")}
    for precision, run in made.items():
        said = build(commands, shop, run, GENRET_PRECISION=precision)
        assert f"embedding in {precision}" in said
        assert f"training in {precision}" in said
    return made


def top(commands: Commands, run: Path, *flags: str, **environment: str) -> list[list[str]]:
    """The ids of the 10 best products of every title, best first."""
    done = commands.run(["search", *TITLES, "--run", str(run), "--json", *flags], run, env=environment)
    assert done.codes == [0], done.output
    lines = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    assert len(lines) == len(TITLES)
    return [[hit["id"] for hit in line["hits"]] for line in lines]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_says_how_it_was_made(precision: str, runs: dict[str, Path]) -> None:
    for part in ("embeddings", "model"):
        assert read_artifact(runs[precision] / part, part).hardware["precision"] == precision
    assert read_artifact(runs[precision] / "embeddings", "embeddings").settings["precision"] == precision
    assert read_artifact(runs[precision] / "model", "model").settings["train"]["precision"] == precision
    assert read_artifact(runs[precision] / "tokenizer", "tokenizer").hardware["precision"] == "fp32"


@pytest.mark.parametrize("rescore", [(), ("--rescore",)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_artifact_made_in_one_precision_is_searched_in_either_with_the_same_top_10(
    precision: str, rescore: tuple[str, ...], runs: dict[str, Path], commands: Commands
) -> None:
    here = top(commands, runs[precision], *rescore, GENRET_PRECISION="fp32", GENRET_THREADS="1")
    there = top(commands, runs[precision], *rescore, GENRET_PRECISION="bf16", GENRET_THREADS="2")
    assert here == there
    assert np.mean([title.replace(" ", "-") in ids for title, ids in zip(TITLES, here, strict=True)]) > 0.5


@pytest.mark.parametrize("elsewhere", ["fp32", "bf16"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_queries_go_through_the_arithmetic_of_the_products(
    precision: str, elsewhere: str, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENRET_PRECISION", elsewhere)
    embedder, (vectors, _) = (
        load_embedder(runs[precision] / "embeddings"),
        load_embeddings(runs[precision] / "embeddings"),
    )
    np.testing.assert_allclose(embedder.encode_products(TITLES), vectors, atol=ROUNDING[precision] / 2)


def test_bf16_really_is_another_arithmetic(runs: dict[str, Path]) -> None:
    exact, rounded = (load_embeddings(runs[precision] / "embeddings")[0] for precision in ("fp32", "bf16"))
    assert 1e-5 < np.abs(exact - rounded).max() < ROUNDING["bf16"]
    weights = [(runs[precision] / "model" / "model" / "model.safetensors").read_bytes() for precision in runs]
    assert weights[0] != weights[1]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_model_embeds_a_query_as_the_embedder_does(precision: str, runs: dict[str, Path]) -> None:
    """Up to the rounding of the products' precision: the model itself searches in fp32. Trained for 8 steps only."""
    embedder, retriever = load_embedder(runs[precision] / "embeddings"), Retriever.load(runs[precision])
    with torch.inference_mode():
        own = retriever.model.encoder(*retriever.tokens(TITLES)).pooler_output.numpy()
    assert (own * embedder.encode(TITLES)).sum(1).min() > 0.97


def test_a_setting_in_another_precision_is_another_artifact_and_in_the_same_the_same(
    shop: Path, runs: dict[str, Path], commands: Commands
) -> None:
    arguments = [*build_arguments(shop, runs["bf16"]), "--set", "train.precision=bf16", "--set", "embed.precision=bf16"]
    said = commands.run(arguments, runs["bf16"], env={"GENRET_PRECISION": "fp32"}).output
    assert said.count("up to date, reused") == 5, said


@pytest.mark.parametrize(
    "machine",
    [
        {"GENRET_THREADS": "2"},
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    ],
    ids=["two threads", "no wide vectors"],
)
def test_another_machine_makes_the_same_ids_up_to_rounding(
    machine: dict[str, str], shop: Path, whole: tuple[Path, int], commands: Commands, request: pytest.FixtureRequest
) -> None:
    run = shop / request.node.callspec.id.replace(" ", "-")
    build(commands, shop, run, GENRET_PRECISION="fp32", **machine)
    made = read_artifact(run / "model", "model").hardware
    assert made["threads"] == int(machine.get("GENRET_THREADS", "1"))
    if "ATEN_CPU_CAPABILITY" in machine:
        assert made["instructions"] == "DEFAULT"
    here, there = (load_embeddings(folder / "embeddings")[0] for folder in (whole[0], run))
    np.testing.assert_allclose(here, there, atol=ROUNDING["fp32"])
    here, there = (np.load(folder / "tokenizer" / "codes.npy") for folder in (whole[0], run))
    assert (here == there).all(1).mean() >= 0.95


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_gpu_makes_the_same_ids_up_to_rounding(shop: Path, whole: tuple[Path, int], commands: Commands) -> None:
    run = shop / "on-cuda"
    build(commands, shop, run, GENRET_DEVICE="cuda")
    assert read_artifact(run / "model", "model").hardware["device"].startswith("cuda")
    here, there = (load_embeddings(folder / "embeddings")[0] for folder in (whole[0], run))
    np.testing.assert_allclose(here, there, atol=1e-4)
    here, there = (np.load(folder / "tokenizer" / "codes.npy") for folder in (whole[0], run))
    assert (here == there).all(1).mean() >= 0.95
    assert top(commands, run, GENRET_DEVICE="cpu") == top(commands, run, GENRET_DEVICE="cuda")
