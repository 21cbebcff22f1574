// One side of the page: its certificate, its beam as a tree, its products.

import { drawCards } from "./cards.js";
import { el } from "./dom.js";
import { groups } from "./groups.js";
import { drawTree, legend } from "./tree.js";
import { SYSTEMS } from "./state.js";
import { certificate, nats, plural } from "./words.js";

const SCORES = { genret: "log", embeddings: "cosine", hybrid: "fused", bm25: "BM25", dense: "cosine" };

/** `{node, mark(prefix)}` for one answer. `other` is the answer beside it, `like` the product whose substitutes count. */
export function drawSide({ side, answer, state, other, like, label, names, on }) {
  const [result] = answer.results;
  const system = state.systems[side];
  const colours = groups([...result.hits, ...(other?.hits ?? [])].map((hit) => hit.semantic_id));
  const tree = result.beam && result.hits.length ? drawTree(result.beam, result.hits, colours, on) : null;
  const mark = (prefix) => tree?.mark(prefix);
  const ranks = new Map((other?.hits ?? []).map((hit) => [hit.product.id, hit.rank]));
  const cards = drawCards(result, colours, {
    scores: SCORES[system],
    marks: (id) => ({
      anchor: like?.id === id,
      substitute: Boolean(like?.ids?.includes(id)),
      other: other ? (ranks.has(id) ? `rank ${ranks.get(id)} beside` : "only here") : null,
    }),
    on: { ...on, meet: (hit) => mark(hit?.semantic_id ?? null) },
  });
  const id = `side-${side}`;
  const title = label ? `${label}: ${[names.run, names.system].filter(Boolean).join(", ")}` : "Answer";
  const node = el(
    "section",
    { class: "side", "aria-labelledby": id },
    el("h2", { id, class: label ? "" : "sr" }, title),
    proof(result, state, system, answer),
    result.corrected && el("p", { class: "hint" }, "Read as ", el("b", {}, result.corrected), "."),
    tree ? el("div", { class: "beam-box" }, tree.node, legend()) : SYSTEMS[system].beam ? null : el("p", { class: "hint" }, `${SYSTEMS[system].label} scores every product: it has no beam to show.`),
    substitutes(result, like, on),
    result.hits.length ? el("div", { id: side === 0 ? "results" : null, tabindex: side === 0 ? "-1" : null }, cards) : el("p", { class: "empty" }, "No product meets this filter. Loosen it, or take it out."),
  );
  return { node, mark };
}

function proof(result, state, system, answer) {
  const times = Object.entries(answer.times_ms ?? {}).filter(([, value]) => value >= 0.05).map(([name, value]) => `${name} ${value < 10 ? value.toFixed(1) : Math.round(value)}`);
  const time = el("p", { class: "times", title: times.join(", ") }, `${Math.round(answer.took_ms)} ms`, times.length ? el("span", {}, ` · ${times.join(" · ")}`) : "");
  const own = SYSTEMS[system].beam;
  if (!own) return el("div", { class: "proof plain" }, el("p", {}, el("b", {}, plural(result.hits.length, "product"))), time);
  const found = certificate(result, state.k, system === "genret");
  return el(
    "div",
    { class: `proof ${found.proven ? "yes" : "no"}` },
    el("p", {}, el("b", {}, found.verdict), found.sentence ? `: ${found.sentence[0].toLowerCase()}${found.sentence.slice(1)}` : ""),
    result.beam?.certificate.bound != null && found.proven && result.beam.certificate.least != null
      ? el("p", { class: "bound" }, `Last product ${nats(result.beam.certificate.least)}, best branch dropped ${nats(result.beam.certificate.bound)}`)
      : null,
    time,
  );
}

/** How many of a product's true substitutes are here, and those that are not. */
function substitutes(result, like, on) {
  if (!like) return null;
  if (like.ids === null) return el("p", { class: "hint" }, "This run’s data names no true substitutes.");
  const here = new Set(result.hits.map((hit) => hit.product.id));
  const missing = like.ids.filter((id) => !here.has(id));
  return el(
    "div",
    { class: "substitutes" },
    el("p", {}, el("b", {}, `${like.ids.length - missing.length} of ${like.ids.length}`), ` true substitutes of “${like.title}” are here. `, el("button", { type: "button", class: "link", onclick: () => on.like(like.id) }, "Unmark")),
    missing.length > 0 && el("details", {}, el("summary", {}, `${plural(missing.length, "substitute")} not here`), el("ul", { class: "plain missing" }, missing.slice(0, 40).map((id) => el("li", {}, el("button", { type: "button", class: "link mono", onclick: () => on.trace(id) }, id))))),
  );
}
