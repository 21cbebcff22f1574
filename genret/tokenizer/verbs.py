"""What `genret tokenizer health|audit|tune|bench` do: run folder in, text and JSON out. Knows folders, no click.

Each function returns a `Report`: the text to print and the value to write with `--json`. A run folder holds `data`,
`embeddings` and `tokenizer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.artifacts import check_lineage
from genret.data.records import Dataset, load_dataset
from genret.embed import EmbedSettings, load_embedder, load_embeddings, product_text
from genret.settings import make_settings
from genret.tokenizer.audit import AuditScore, Suspicion, audit, judge_audit
from genret.tokenizer.health import format_health, health
from genret.tokenizer.plots import plot_health, plot_tuning
from genret.tokenizer.propagation import propagate
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer, load_product_ids, load_tokenizer
from genret.tokenizer.training import train_tokenizer
from genret.tokenizer.tune import LAMBDAS, Trial, format_tuning, tune

SHOWN = 20


class Report(NamedTuple):
    """What a verb answers."""

    text: str
    value: dict[str, Any]


class Trained(NamedTuple):
    """A run folder up to its tokenizer, lineage checked."""

    dataset: Dataset
    vectors: npt.NDArray[np.float32]
    tokenizer: Tokenizer
    codes: npt.NDArray[np.int64]
    product_ids: list[str]


def health_report(run: Path, *, plots: Path | None = None) -> Report:
    """The health of RUN/tokenizer, measured anew; with `plots`, a PNG there."""
    trained = open_run(run)
    pairs = substitute_rows(trained.dataset)
    measured = health(trained.tokenizer, trained.codes, trained.vectors, trained.dataset.catalogue.categories, pairs)
    if plots is not None:
        plot_health(measured, trained.tokenizer.history, plots)
    return Report(format_health(measured), measured.to_json())


def audit_report(run: Path, *, at: float = 0.8, limit: int = SHOWN) -> Report:
    """The products of RUN whose words and category disagree most; judged, where the true categories are known.

    The products are embedded anew without their category and put through the tokenizer's encoder: their latents are
    what is audited. `value["by_codes"]` judges the same audit on what the codes alone keep of them.
    """
    trained = open_run(run)
    catalogue = trained.dataset.catalogue
    words = words_alone(run, trained.dataset)
    found = audit(trained.tokenizer.latent(words), catalogue.categories, at)
    scores: dict[str, Any] = {"score": None, "by_codes": None}
    if trained.dataset.true_categories:
        truth = [trained.dataset.true_categories.get(product.id, product.category) for product in catalogue]
        scores["score"] = judge_audit(found, catalogue.categories, truth)
        coded = audit(trained.tokenizer.decode(trained.tokenizer.encode(words)), catalogue.categories, at)
        scores["by_codes"] = judge_audit(coded, catalogue.categories, truth)
    rows = [_suspect(trained, suspicion) for suspicion in found]
    lines = [f"{len(found):,} of {len(catalogue):,} products look misfiled (score above {at:g})", ""]
    lines += [
        f"{row['score']:.2f}  {row['id']}  {row['title'][:48]:<48}  {row['filed']}  ->  {row['suggested']}"
        for row in rows[:limit]
    ]
    named = {"by latents": scores["score"], "by codes alone": scores["by_codes"]}
    lines += ["", *[f"{name}, {format_score(score)}" for name, score in named.items() if score is not None]]
    judged = {name: None if score is None else score._asdict() for name, score in scores.items()}
    return Report("\n".join(lines), {"at": at, "suspicions": rows, **judged})


def words_alone(run: Path, dataset: Dataset) -> npt.NDArray[np.float32]:
    """(N, D) embeddings of the products' texts without their category, by the run's own embedder."""
    settings = make_settings(EmbedSettings, load_embeddings(run / "embeddings")[1].settings)
    fields = [field for field in settings.fields if field != "category"] or ["title"]
    encode = load_embedder(run / "embeddings").encode_products
    return encode([product_text(product, fields) for product in dataset.catalogue])


def format_score(score: AuditScore) -> str:
    """One sentence on how well the audit did."""
    return (
        f"against the truth: {score.misfiled:,} products are misfiled; precision {score.precision:.1%}, recall "
        f"{score.recall:.1%}, and {score.right_suggestion:.1%} of those found get their true category suggested"
    )


def _suspect(trained: Trained, suspicion: Suspicion) -> dict[str, Any]:
    product = trained.dataset.catalogue[suspicion.row]
    return {
        "id": product.id,
        "title": product.title,
        "score": round(suspicion.score, 4),
        "filed": " > ".join(suspicion.filed),
        "suggested": " > ".join(suspicion.suggested),
    }


def tune_report(
    run: Path,
    settings: TokenizerSettings | None = None,
    *,
    lambdas: Sequence[float] = LAMBDAS,
    budget: float = 0.1,
    plots: Path | None = None,
    echo: Any = None,
) -> Report:
    """A recommended lambda for RUN/data and RUN/embeddings, and the trials it rests on. `echo` gets a line a trial."""
    dataset, vectors = open_embeddings(run)

    def progress(trial: Trial) -> None:
        if echo is not None:
            echo(
                f"lambda {trial.lam:g}: "
                + (trial.failed or f"error {trial.error:.4f}, agree on L1-L2 {trial.coherence:.1%}")
            )

    tuning = tune(vectors, dataset.catalogue.categories, settings, lambdas=lambdas, budget=budget, progress=progress)
    if plots is not None:
        plot_tuning(tuning, plots)
    trials = [trial._asdict() for trial in tuning.trials if not trial.failed]
    failed = {f"{trial.lam:g}": trial.failed for trial in tuning.trials if trial.failed}
    value = {"recommended": tuning.recommended, "why": tuning.why, "trials": trials, "failed": failed}
    return Report(format_tuning(tuning), value)


def bench_report(run: Path, *, lam: float = 0.01, share: float = 0.1, seeds: int = 3) -> Report:
    """Error propagation: share of products thrown out of their leaf's main prefixes by corrupted text, 0 against `lam`.

    Two tokenizers are trained from RUN/embeddings with the settings of RUN/tokenizer but for lambda.
    """
    trained = open_run(run)
    vectors, artifact = load_embeddings(run / "embeddings")
    fields = make_settings(EmbedSettings, artifact.settings).fields
    products = list(trained.dataset.catalogue)
    texts = [product_text(product, [field for field in fields if field != "category"]) for product in products]
    kept = [" ".join(product.category) if "category" in fields else "" for product in products]
    encode = load_embedder(run / "embeddings").encode_products
    categories = trained.dataset.catalogue.categories
    value: dict[str, dict[str, list[float]]] = {}
    for weight in (0.0, lam):
        tokenizer = train_tokenizer(
            vectors, categories, replace(trained.tokenizer.settings, lam=weight), progress=False
        )
        codes = tokenizer.encode(vectors)
        runs = [
            propagate(tokenizer, codes, texts, kept, categories, encode, share=share, seed=seed)
            for seed in range(seeds)
        ]
        value[f"{weight:g}"] = {kind: np.mean([run[kind] for run in runs], axis=0).tolist() for kind in runs[0]}
    return Report(format_bench(value), {"share": share, "seeds": seeds, "displaced": value})


def format_bench(value: dict[str, dict[str, list[float]]]) -> str:
    """Displacement by corruption, lambda and depth."""
    depths = len(next(iter(next(iter(value.values())).values())))
    lines = [
        f"{'displaced at':<14}{'lambda':>8}"
        + "".join(f"{'L1' if i == 0 else f'L1-L{i + 1}':>8}" for i in range(depths))
    ]
    for kind in next(iter(value.values())):
        lines += [
            f"{kind:<14}{lam:>8}" + "".join(f"{share:>8.1%}" for share in kinds[kind]) for lam, kinds in value.items()
        ]
    return "\n".join(lines)


def open_embeddings(run: Path) -> tuple[Dataset, npt.NDArray[np.float32]]:
    """The data and embeddings of a run folder."""
    dataset, data = load_dataset(run / "data")
    vectors, artifact = load_embeddings(run / "embeddings")
    check_lineage(artifact, "dataset", data)
    return dataset, np.asarray(vectors)


def open_run(run: Path) -> Trained:
    """A run folder up to its tokenizer; a GenretError if its parts are not of one lineage."""
    dataset, vectors = open_embeddings(run)
    tokenizer, codes, artifact = load_tokenizer(run / "tokenizer")
    check_lineage(artifact, "embeddings", load_embeddings(run / "embeddings")[1])
    return Trained(dataset, vectors, tokenizer, codes, load_product_ids(artifact))


def substitute_rows(dataset: Dataset) -> npt.NDArray[np.int64]:
    """(P, 2) rows of the data set's true substitute pairs."""
    row = dataset.catalogue.row
    return np.asarray([(row(a), row(b)) for a, b in dataset.substitutes], np.int64).reshape(-1, 2)
