"""Training: reproducible, plain RQ-VAE at lambda 0, resumable after kill -9, gated, defined at the edges."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from clustered import Clustered

from genret.ground.errors import GenretError
from genret.tokenizer.assign import assign_ids, collision_rate, squared_error
from genret.tokenizer.learning.gates import check_codebooks
from genret.tokenizer.learning.objectives import RQObjective, TrainingData, care_for_codebooks
from genret.tokenizer.learning.sampler import HierarchicalSampler
from genret.tokenizer.learning.start import fit_codebooks, separate_products, start_model
from genret.tokenizer.learning.train import learning_rate, train_tokenizer
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.settings import Collisions, ObjectiveName, TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer

SMALL = TokenizerSettings(codebook_sizes=(8, 8, 8), latent_dim=12, hidden=16, steps=60, batch_size=64)


def state_bytes(tokenizer: Tokenizer) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in tokenizer.model.state_dict().items()}


def train(clustered: Clustered, settings: TokenizerSettings = SMALL, **options: Any) -> Tokenizer:
    embeddings, categories = clustered
    return train_tokenizer(embeddings, categories, settings, progress=False, **options)


def test_same_seed_same_bytes_and_another_seed_another_model(clustered: Clustered) -> None:
    one, two = train(clustered), train(clustered)
    assert state_bytes(one) == state_bytes(two)
    assert one.history == two.history
    assert state_bytes(train(clustered, replace(SMALL, seed=1))) != state_bytes(one)


def plain_rqvae(embeddings: np.ndarray, categories: list[tuple[str, ...]], settings: TokenizerSettings) -> RQVAE:
    """An RQ-VAE with no semantic term, written out: the yardstick for lambda = 0."""
    points = torch.from_numpy(embeddings)
    model = start_model(points, settings)
    model.quantizer.requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=0.0, fused=True)
    variance = model.standardise(points).square().sum(1).mean().item()
    sampler = HierarchicalSampler(categories, settings.batch_size, settings.seed)
    for step in range(settings.steps):
        optimizer.param_groups[0]["lr"] = settings.lr * learning_rate(step, settings.steps)
        x = model.standardise(points[sampler.batch(step)])
        z = model.encoder(x)
        quantised = model.quantizer(z)
        q = sum(quantised.words[1:], quantised.words[0])
        loss = (x - model.decoder(z + (q - z).detach())).square().sum(1).mean() / variance
        rq = torch.zeros(())
        for r, w in zip(quantised.residuals, quantised.words, strict=True):
            rq = rq + settings.beta * (r - w).square().sum(1).mean()
        optimizer.zero_grad()
        (loss + rq).backward()
        optimizer.step()
        care_for_codebooks(model, quantised, step, settings)
    fit_codebooks(model, points, settings, iterations=5, refine=True)
    separate_products(model, points, settings)
    return model


def test_lambda_zero_is_the_plain_rqvae_bit_for_bit(clustered: Clustered) -> None:
    settings = replace(SMALL, lam=0.0)
    expected = plain_rqvae(*clustered, settings).state_dict()
    got = train(clustered, settings).model.state_dict()
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    other = train(clustered, replace(settings, schedule="uniform", temperature=0.5)).model.state_dict()
    assert all(torch.equal(other[name], expected[name]) for name in expected)  # nothing semantic has a say


def test_training_improves_on_its_start_and_lambda_on_coherence(clustered: Clustered) -> None:
    embeddings = clustered[0]
    start = start_model(torch.from_numpy(embeddings), SMALL)
    given = torch.from_numpy(embeddings)
    with torch.no_grad():
        before = float((start.decode(start.encode(given)) - given).square().sum())
    plain = train(clustered, replace(SMALL, lam=0.0, steps=200))
    after = float(np.square(plain.decode(plain.encode(embeddings)) - embeddings).sum())
    assert after < before


@pytest.mark.parametrize(
    "change",
    [
        {"reconstruction": "cosine"},
        {"reconstruction": "l1"},
        {"gradient": "rotation"},
        {"codebook_update": "gradient"},
        {"sinkhorn": 0.05},
        {"schedule": "coarse-only"},
        {"codebook_sizes": (16, 8, 4)},
        *({"objective": name} for name in get_args(ObjectiveName) if name != "rqvae"),
    ],
)
def test_every_variant_beats_answering_the_mean(clustered: Clustered, change: dict[str, Any]) -> None:
    if change.get("objective") == "pq":
        pytest.importorskip("faiss")
    pairs = np.arange(len(clustered[0])).reshape(-1, 2)
    settings = replace(SMALL, **{"steps": 100, **change})
    tokenizer = train(clustered, settings, pairs=pairs)
    assert state_bytes(train(clustered, settings, pairs=pairs)) == state_bytes(tokenizer)
    embeddings = clustered[0]
    codes = tokenizer.encode(embeddings)
    assert codes.max(0).tolist() < list(tokenizer.codebook_sizes)
    assert squared_error(tokenizer, embeddings, codes) < 0.5


def test_pairs_pull_together_what_is_bought_together(clustered: Clustered) -> None:
    embeddings = clustered[0]
    rng = np.random.default_rng(0)
    pairs = np.stack([rng.permutation(len(embeddings))[:40], rng.permutation(len(embeddings))[:40]], 1)
    settings = replace(SMALL, supervision="pairs", lam=1.0, steps=200)

    def closeness(tokenizer: Tokenizer) -> float:
        latent = tokenizer.latent(embeddings)
        latent /= np.linalg.norm(latent, axis=1, keepdims=True)
        return float((latent[pairs[:, 0]] * latent[pairs[:, 1]]).sum(1).mean())

    plain = train(clustered, replace(settings, lam=0.0))
    paired = train(clustered, settings, pairs=pairs)
    assert closeness(paired) > closeness(plain) + 0.2


def test_automatic_balance_gives_the_pairs_the_taxonomys_gradient(clustered: Clustered) -> None:
    embeddings, categories = clustered
    pairs = np.arange(100).reshape(-1, 2)
    settings = replace(SMALL, supervision="both", balance="auto", lam=0.1, pair_weight=1.0)
    points = torch.from_numpy(embeddings)
    objective = RQObjective(start_model(points, settings), TrainingData(points, categories, pairs), settings)
    sampler = HierarchicalSampler(categories, 64, 0)
    for step in range(0, 400, 10):
        objective(sampler.batch(step), step)
    assert float(objective.pair_scale) != 1.0
    fixed = train(clustered, replace(settings, balance="fixed"), pairs=pairs)
    assert state_bytes(fixed) != state_bytes(train(clustered, settings, pairs=pairs))


def test_supervision_by_pairs_needs_pairs(clustered: Clustered) -> None:
    with pytest.raises(GenretError, match="pairs"):
        train(clustered, replace(SMALL, supervision="pairs"))
    with pytest.raises(GenretError, match="pairs name row"):
        train(clustered, pairs=[[0, 10_000]])


def test_no_products_wrong_lengths_and_nan_are_errors() -> None:
    with pytest.raises(GenretError, match="0 embeddings"):
        train_tokenizer(np.zeros((0, 4), np.float32), [])
    with pytest.raises(GenretError, match="3 categories for 2"):
        train_tokenizer(np.zeros((2, 4), np.float32), [()] * 3)
    bad = np.zeros((5, 4), np.float32)
    bad[3, 1] = np.inf
    with pytest.raises(GenretError, match="row 3"):
        train_tokenizer(bad, [()] * 5)
    with pytest.raises(GenretError, match=r"\(N, D\)"):
        train_tokenizer(np.zeros(5, np.float32), [()] * 5)


@pytest.mark.parametrize("policy", ["bucket", "suffix", "reassign"])
@pytest.mark.parametrize("products", [1, 2, 5])
def test_few_products(products: int, policy: Collisions) -> None:
    embeddings = np.random.default_rng(0).normal(size=(products, 6)).astype(np.float32)
    settings = replace(SMALL, steps=3, collisions=policy)
    tokenizer = train_tokenizer(embeddings, [("a", "b")] * products, settings, progress=False)
    assigned = assign_ids(tokenizer, embeddings)
    assert len(assigned.codes) == products
    assert collision_rate(assigned.codes) == 0.0
    assert np.isfinite(tokenizer.decode(assigned.codes)).all()


@pytest.mark.parametrize("categories", [[()] * 40, [("only",)] * 40, [(str(i),) for i in range(40)]])
def test_identical_embeddings_and_odd_taxonomies(categories: list[tuple[str, ...]]) -> None:
    embeddings = np.ones((40, 6), np.float32)
    tokenizer = train_tokenizer(embeddings, categories, replace(SMALL, steps=5, lam=0.1), progress=False)
    codes = tokenizer.encode(embeddings)
    assert len(np.unique(codes, axis=0)) == 1
    np.testing.assert_allclose(tokenizer.decode(codes), embeddings, atol=1e-4)
    spread = assign_ids(tokenizer, embeddings, "reassign")
    assert collision_rate(spread.codes) == 0.0


def test_dead_code_gate_names_the_remedy(clustered: Clustered) -> None:
    tokenizer = train(clustered)
    with torch.no_grad():
        tokenizer.model.quantizer.codebooks[1][3:] = 1e6
    with pytest.raises(GenretError, match=r"dead codes: .* of L2's 8 .* lower lam"):
        check_codebooks(tokenizer, clustered[0])


def test_training_that_keeps_emptying_codes_stops(clustered: Clustered) -> None:
    dying = replace(SMALL, lam=10.0, codebook_sizes=(32, 8, 8, 8), revive_every=5, revive_below=0.9, max_dead=0.1)
    with pytest.raises(GenretError, match=r"dead codes: \d+ % of L1's 32 codes had fallen out of use"):
        train(clustered, dying)
    history = train(clustered, replace(dying, max_dead=1.0)).history
    assert any(entry.get("died_L1", 0) > 0.1 for entry in history)


def test_training_stops_when_a_code_swallows_the_catalogue(clustered: Clustered) -> None:
    with pytest.raises(GenretError, match="mode collapse: one L1 code holds"):
        train(clustered, replace(SMALL, max_share=0.01))


def test_pull_counts_the_pairs_latents(clustered: Clustered) -> None:
    pairs = np.stack([np.arange(0, 40, 2), np.arange(1, 41, 2)], 1)
    alone = train(clustered, replace(SMALL, lam=0.1, supervision="pairs"), pairs=pairs).history[-1]
    assert alone["pull"] > 0


def test_mode_collapse_gate_names_the_remedy(clustered: Clustered) -> None:
    tokenizer = train(clustered)
    with torch.no_grad():
        tokenizer.model.quantizer.codebooks[0][1:] = 1e6
    with pytest.raises(GenretError, match=r"mode collapse: one L1 code holds 100 % .* lower lam"):
        check_codebooks(tokenizer, clustered[0])


def test_gates_let_small_catalogues_through() -> None:
    tokenizer = train_tokenizer(np.eye(5, dtype=np.float32), [()] * 5, replace(SMALL, steps=2), progress=False)
    check_codebooks(tokenizer, np.eye(5, dtype=np.float32))


def test_a_diverging_run_stops(clustered: Clustered) -> None:
    with pytest.raises(GenretError, match="lower lr"):
        train(clustered, replace(SMALL, lr=1e30))


def test_history_reports_terms_and_pull(clustered: Clustered) -> None:
    history = train(clustered).history
    assert [entry["step"] for entry in history] == [0, 59]
    assert set(history[0]) == {"step", "reconstruction", "quantisation", "contrast", "pull"}
    assert "pull" not in train(clustered, replace(SMALL, lam=0.0)).history[0]


SCRIPT = """
import os, signal, sys, time, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from clustered import make_clustered
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import save_tokenizer
from genret.tokenizer.training import train_tokenizer
torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # its slow imports, before the forks

def train(out):
    torch.set_num_threads(1)
    embeddings, categories = make_clustered()
    settings = TokenizerSettings(codebook_sizes=(8, 8, 8), latent_dim=12, hidden=16, steps=300, batch_size=64,
                                 checkpoint_every=10, lam=0.1)
    tokenizer = train_tokenizer(embeddings, categories, settings, progress=False, checkpoint=out / "state")
    codes = tokenizer.encode(embeddings)
    save_tokenizer(tokenizer, codes, [str(i) for i in range(len(codes))], out / "tokenizer", {})

def run(out, kill_at=None):
    child = os.fork()
    if child == 0:
        train(out)
        os._exit(0)
    seen, last, state = 0, None, out / "state" / "state.safetensors"
    while kill_at is not None and seen < kill_at and os.waitpid(child, os.WNOHANG) == (0, 0):
        stamp = state.stat().st_mtime_ns if state.exists() else None
        seen, last = seen + (stamp != last), stamp
        time.sleep(0.0005)
    if kill_at is not None:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    print(kill_at, os.WIFSIGNALED(status), (out / "tokenizer").exists())

folder = Path(sys.argv[2])
run(folder / "whole")
for kill_at in (1, 3, 8, 12):
    run(folder / "killed", kill_at)
run(folder / "killed")
"""


def test_killed_at_several_moments_the_same_artifact(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1]), str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    kills = [line.split() for line in done.stdout.splitlines()]
    assert kills[1:5] == [[str(at), "True", "False"] for at in (1, 3, 8, 12)]  # each died before its artifact
    whole, killed = tmp_path / "whole" / "tokenizer", tmp_path / "killed" / "tokenizer"
    names = sorted(path.name for path in whole.iterdir())
    assert names == sorted(path.name for path in killed.iterdir())
    assert all((whole / name).read_bytes() == (killed / name).read_bytes() for name in names)


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path: Path, clustered: Clustered) -> None:
    train(clustered, replace(SMALL, checkpoint_every=20), checkpoint=tmp_path)
    assert (tmp_path / "state.safetensors").exists()
    other = replace(SMALL, lam=0.1, checkpoint_every=20)
    assert state_bytes(train(clustered, other, checkpoint=tmp_path)) == state_bytes(train(clustered, other))


def test_a_truncated_checkpoint_is_one_clear_error(tmp_path: Path, clustered: Clustered) -> None:
    (tmp_path / "state.safetensors").write_bytes(b"half a file")
    with pytest.raises(GenretError, match="delete it"):
        train(clustered, checkpoint=tmp_path)


@pytest.mark.parametrize(("objective", "what"), [("twotower", "pairs"), ("clip", "categories")])
def test_an_objective_without_its_data_says_so(objective: ObjectiveName, what: str) -> None:
    with pytest.raises(GenretError, match=what):
        train_tokenizer(np.eye(8, dtype=np.float32), [()] * 8, replace(SMALL, objective=objective), progress=False)


@pytest.mark.parametrize("objective", ["moco", "vae", "vqvae"])
def test_the_family_resumes_too(tmp_path: Path, clustered: Clustered, objective: ObjectiveName) -> None:
    """Stopped by an error at step 90, after the codebooks were fitted at step 80, and run again."""
    settings = replace(SMALL, steps=100, objective=objective, checkpoint_every=45)
    whole = state_bytes(train(clustered, settings))
    train(clustered, settings, checkpoint=tmp_path)  # leaves the checkpoint of step 90
    assert state_bytes(train(clustered, settings, checkpoint=tmp_path)) == whole
