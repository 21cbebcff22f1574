"""What `genret tokenizer health|audit|tune|bench` do: run folder in, text and JSON out.

Each function returns a `Report`: the text to print and the value that `--json` prints. A run folder holds `data`,
`embeddings` and `tokenizer`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.engagement import co_engaged
from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.ground.errors import GenretError
from genret.ground.files import write_text
from genret.ground.percent import percent
from genret.ground.settings import check_range, make_settings, settings_dict
from genret.ground.types import Product
from genret.pipeline.folder import RunFolder
from genret.tokenizer.judging.audit import AuditScore, Suspicion, audit, judge_audit
from genret.tokenizer.judging.health import health
from genret.tokenizer.judging.health_text import format_health
from genret.tokenizer.judging.plots import plot_health, plot_tuning
from genret.tokenizer.judging.propagation import Corrupted, Propagation, corrupted, format_propagation, propagate
from genret.tokenizer.judging.tune import TuneSettings, check_objective, format_tuning, tune
from genret.tokenizer.judging.verdict import verdict
from genret.tokenizer.learning.sampler import epoch_steps
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import load_product_ids

SHOWN = 20


class Report(NamedTuple):
    """What a verb answers."""

    text: str
    value: dict[str, Any]


def health_report(run: Path, *, plots: Path | None = None) -> Report:
    """The health of RUN/tokenizer, measured anew; with `plots`, a PNG there."""
    dataset, vectors, tokenizer, codes, _ = RunFolder(run).tokenized()
    measured = health(tokenizer, codes, vectors, dataset.catalogue.categories, dataset.substitute_rows())
    if plots is not None:
        plot_health(measured, tokenizer.history, plots)
    judged = verdict(measured, tokenizer.settings)
    return Report(f"{format_health(measured)}\n\n{judged}", {**measured.to_json(), "findings": list(judged.findings)})


def audit_report(run: Path, *, at: float = 0.8, limit: int = SHOWN, csv_file: Path | None = None) -> Report:
    """The products of RUN whose words and category disagree most; judged, where the true categories are known.

    The products are embedded anew without their category and put through the tokenizer's encoder: their latents are
    what is audited. `value["by_codes"]` judges the same audit on what the codes alone keep of them.
    """
    check_range("at", at, 0, 1)
    check_range("limit", limit, 0)
    folder = RunFolder(run)
    dataset, _, tokenizer, *_ = folder.tokenized()
    catalogue = dataset.catalogue
    words = words_alone(folder, dataset)
    found = audit(tokenizer.latent(words), catalogue.categories, at)
    scores: dict[str, Any] = {"score": None, "by_codes": None}
    if dataset.true_categories:
        truth = [dataset.true_categories.get(product.id, product.category) for product in catalogue]
        scores["score"] = judge_audit(found, catalogue.categories, truth)
        coded = audit(tokenizer.decode(tokenizer.encode(words)), catalogue.categories, at)
        scores["by_codes"] = judge_audit(coded, catalogue.categories, truth)
    rows = [_suspect(catalogue[suspicion.row], suspicion) for suspicion in found]
    lines = [f"{len(found):,} of {len(catalogue):,} products look misfiled (score above {at:g})", ""]
    lines += [
        f"{row['score']:.2f}  {row['id']}  {row['title'][:48]:<48}  {row['filed']}  ->  {row['suggested']}"
        for row in rows[:limit]
    ]
    named = {"by latents": scores["score"], "by codes alone": scores["by_codes"]}
    lines += ["", *[f"{name}, {format_score(score)}" for name, score in named.items() if score is not None]]
    lines += ["", _audit_verdict(len(found), len(catalogue), csv_file)]
    if csv_file is not None:
        _write_csv(csv_file, rows)
    judged = {name: None if score is None else score._asdict() for name, score in scores.items()}
    return Report("\n".join(lines), {"at": at, "suspicions": rows, **judged})


def _audit_verdict(found: int, products: int, csv_file: Path | None) -> str:
    if not found:
        return "verdict: no product looks misfiled at this score; a lower --at looks closer"
    where = f"all of them are in {csv_file}" if csv_file else "--csv FILE writes them all"
    return (
        f"verdict: {found:,} of {products:,} products ({percent(found / products)}) look misfiled. Look at the first, "
        f"correct the catalogue where the suggestion is right, and build again; {where}"
    )


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The suspicions, one per row, the worst first."""
    lines = io.StringIO(newline="")
    writer = csv.DictWriter(lines, ["id", "title", "score", "filed", "suggested"])
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, lines.getvalue())


def words_alone(run: RunFolder, dataset: Dataset) -> npt.NDArray[np.float32]:
    """(N, D) embeddings of the products' texts without their category, by the run's own embedder."""
    fields = [field for field in run.embedded_fields() if field != "category"] or ["title"]
    return run.embedder().encode_products([product_text(product, fields) for product in dataset.catalogue])


def format_score(score: AuditScore) -> str:
    """One sentence on how well the audit did."""
    return (
        f"against the truth: {score.misfiled:,} products are misfiled; precision {percent(score.precision)}, recall "
        f"{percent(score.recall)}, and {percent(score.right_suggestion)} of those found get their true category "
        "suggested"
    )


def _suspect(product: Product, suspicion: Suspicion) -> dict[str, Any]:
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
    search: TuneSettings | None = None,
    *,
    plots: Path | None = None,
    echo: Callable[[str], None] = lambda line: None,
) -> Report:
    """A recommended lambda for RUN/data and RUN/embeddings, and the trials it rests on.

    `settings`: those of RUN/tokenizer, or the defaults, unless given. `echo` gets one line per training.
    """
    settings, search = settings or make_settings(TokenizerSettings, trained_with(run)), search or TuneSettings()
    check_objective(settings)
    dataset, vectors, _ = RunFolder(run).embedded()
    tuning = tune(
        vectors,
        dataset.catalogue.categories,
        settings,
        search,
        substitutes=dataset.substitute_rows(),
        pairs=engaged_pairs(dataset, settings),
        progress=echo,
    )
    if plots is not None:
        plot_tuning(tuning, plots)
    value = {**tuning.to_json(), "budget": search.budget, "seeds": search.seeds, "settings": settings_dict(settings)}
    advice = f"verdict: lambda {tuning.recommended:g}; next: genret tokenize {run} --lam {tuning.recommended:g}"
    return Report(f"{format_tuning(tuning)}\n\n{advice}", value)


def bench_report(
    run: Path,
    *,
    lam: float = 0.01,
    share: float = 0.1,
    seeds: int = 3,
    echo: Callable[[str], None] = lambda line: None,
) -> Report:
    """Error propagation: share of products thrown out of their leaf's main prefixes by corrupted text, 0 against `lam`.

    Each seed trains two tokenizers from RUN/embeddings with the settings of RUN/tokenizer but for lambda and the seed,
    and draws the products whose texts are corrupted. `echo` as in `tune_report`.
    """
    check_range("lam", lam, 0, above=True)
    check_range("share", share, 0, 1, above=True)
    check_range("seeds", seeds, 2)
    folder = RunFolder(run)
    dataset, vectors, trained, *_ = folder.tokenized()
    settings = trained.settings
    check_objective(settings)
    categories = dataset.catalogue.categories
    if not any(categories):
        raise GenretError(f"{run}: no product has a category, so none can leave its leaf; add a category column")
    pairs = engaged_pairs(dataset, settings)
    texts, kept = text_parts(folder, dataset)
    encode = folder.embedder().encode_products

    def displace(bad: Corrupted, own: TokenizerSettings) -> dict[str, tuple[float, ...]]:
        echo(f"lambda {own.lam:g}, seed {own.seed}")
        tokenizer = train_tokenizer(vectors, categories, own, pairs=pairs, progress=False)
        return propagate(tokenizer, vectors, bad, categories)

    found = []
    for seed in range(settings.seed, settings.seed + seeds):
        bad = corrupted(texts, kept, encode, share=share, seed=seed)
        without, with_lam = (displace(bad, replace(settings, lam=weight, seed=seed)) for weight in (0.0, lam))
        found.append((without, with_lam))
    propagation = Propagation.of(lam, found)
    return Report(format_propagation(propagation), {"share": share, "seeds": seeds, **propagation.to_json()})


def text_parts(run: RunFolder, dataset: Dataset) -> tuple[list[str], list[str]]:
    """(N,) texts of the products as RUN embeds them but for the category, and (N,) categories, "" if not embedded."""
    fields = run.embedded_fields()
    products = list(dataset.catalogue)
    texts = [product_text(product, [field for field in fields if field != "category"]) for product in products]
    return texts, [" ".join(product.category) if "category" in fields else "" for product in products]


def trained_with(run: Path) -> Mapping[str, Any]:
    """The settings of RUN/tokenizer; none where the run has no tokenizer yet."""
    folder = RunFolder(run)
    return folder.artifact("tokenizer").settings if folder.has("tokenizer") else {}


def engaged_pairs(dataset: Dataset, settings: TokenizerSettings) -> npt.NDArray[np.int64] | None:
    """(P, 2) rows of co-engaged products, where the settings learn from them."""
    return co_engaged(dataset, settings.engagement) if settings.needs_pairs else None


def coverage_note(run: Path) -> str | None:
    """A warning if RUN/tokenizer was trained on less than one epoch of its catalogue, or of its sample, else None."""
    artifact = RunFolder(run).artifact("tokenizer")
    settings = make_settings(TokenizerSettings, artifact.settings)
    if settings.objective in ("rkmeans", "pq"):
        return None
    products = len(load_product_ids(artifact))
    products = min(products, settings.sample or products)
    epoch = epoch_steps(products, settings.batch_size)
    if settings.steps >= epoch:
        return None
    return (
        f"steps={settings.steps} with batch_size={settings.batch_size} cover less than one epoch of {products:,} "
        f"products ({epoch:,} steps); raise tokenizer.steps or tokenizer.batch_size"
    )
