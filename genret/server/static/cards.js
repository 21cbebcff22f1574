// The products found, as cards: their codes coloured as far as they share a prefix with another.

import { el } from "./dom.js";
import { chance, money, nats, prefixText } from "./words.js";

const AT_ONCE = 10; // cards that are drawn in one go; between two goes the page answers

/** A list of cards. `marks(id)` gives `{substitute, anchor, other}`; `on` has meet(hit), like(hit), open(hit). */
export function drawCards(result, colours, { scores, marks, on }) {
  const list = el("ol", { class: "cards" });
  const draw = (from) => {
    const hits = result.hits.slice(from, from + AT_ONCE);
    list.append(...hits.map((hit) => card(hit, colours, scores, marks(hit.product.id), on)));
    if (from + AT_ONCE < result.hits.length) setTimeout(() => list.isConnected && draw(from + AT_ONCE));
  };
  draw(0);
  return list;
}

function card(hit, colours, scores, mark, on) {
  const { product } = hit;
  const price = money(product.price);
  const place = [...product.category].join(" › ");
  return el(
    "li",
    {
      class: `card${mark.substitute ? " substitute" : ""}${mark.anchor ? " anchor" : ""}`,
      onpointerenter: () => on.meet(hit),
      onpointerleave: () => on.meet(null),
      onfocusin: () => on.meet(hit),
    },
    el("span", { class: "place", "aria-hidden": "true" }, hit.rank),
    el(
      "div",
      { class: "about" },
      el("h3", {}, el("button", { type: "button", class: "title", onclick: () => on.open(hit.product.id) }, product.title)),
      el("p", { class: "facts" }, [product.brand && el("b", {}, product.brand), place, !product.available && el("span", { class: "out" }, "out of stock")].filter(Boolean).flatMap((part, i) => (i ? [" · ", part] : [part]))),
      el("p", { class: "codes" }, chips(hit.semantic_id, colours), " ", el("span", { class: "score" }, scoreText(hit.score, scores))),
      badges(mark, hit, on),
    ),
    price && el("span", { class: "price" }, price),
  );
}

function badges(mark, hit, on) {
  return el(
    "p",
    { class: "badges" },
    el("button", { type: "button", class: "chip", "aria-pressed": String(mark.anchor), onclick: () => on.like(hit.product.id) }, mark.anchor ? "Its substitutes are marked" : "Mark its substitutes"),
    mark.substitute && el("span", { class: "tag good" }, "true substitute"),
    mark.other !== null && el("span", { class: "tag" }, mark.other),
  );
}

/** An ID's codes; the first `shared` of them are those of another product here too. */
export function chips(id, colours) {
  const depth = colours.shared(id);
  const colour = colours.colour(id);
  return el(
    "span",
    { class: "id", role: "img", "aria-label": `Semantic ID ${prefixText(id)}${depth ? `, shares L1 to L${depth}` : ""}`.replace("L1 to L1", "L1") },
    id.map((code, i) => el("span", { class: i < depth && colour !== null ? `part g${colour}` : "part" }, code)),
  );
}

function scoreText(score, scores) {
  if (scores === "log") return `${nats(score)} · ${chance(score)}`;
  return `${scores} ${score.toFixed(3).replace("-", "−")}`;
}
