// The beam as a tree from left to right: a branch is as wide as its probability, a pill holds a code and the number of
// products below it. Drawn anew for each answer; moved through by the arrow keys.

import { el, svg } from "./dom.js";
import { chance, count, level, nats, plural, prefixText } from "./words.js";

const ROW = 22;
const PILL = 17;
const TOP = 26;
const AT_ONCE = 60; // nodes drawn between two frames
const FEW = 26; // rows beside those that lead to products, before "show all"

const key = (prefix) => prefix.join("-");

/** Nodes to draw, as a tree under a root: every path to a hit, then the best of the others up to `rows`. */
function shown(nodes, hits, rows, kept) {
  const drawnAt = kept.map((_, depth) => nodes.filter((node) => node.state === "kept" && node.prefix.length === depth + 1).length);
  const whole = kept.map((number, depth) => drawnAt[depth] === number); // whether all of a level are here
  const all = new Map(nodes.map((node) => [key(node.prefix), node]));
  const chosen = new Set();
  const choose = (prefix) => {
    for (let depth = 1; depth <= prefix.length; depth += 1) {
      const one = key(prefix.slice(0, depth));
      if (all.has(one)) chosen.add(one);
    }
  };
  hits.forEach((hit) => choose(hit.semantic_id));
  const rest = nodes.filter((node) => !chosen.has(key(node.prefix)));
  const taken = { kept: 0, pruned: 0, filtered: 0 };
  const room = { kept: rows / 2, pruned: rows / 3, filtered: rows / 3 };
  const perLevel = new Map();
  for (const node of rest.sort((a, b) => b.score - a.score)) {
    const place = `${node.state}${node.prefix.length}`;
    const already = perLevel.get(place) ?? 0;
    if (taken[node.state] >= room[node.state] || already >= Math.max(3, rows / 5)) continue;
    perLevel.set(place, already + 1);
    taken[node.state] += 1;
    choose(node.prefix);
  }
  const root = { prefix: [], children: [], state: "kept", score: 0 };
  const made = new Map([["", root]]);
  for (const node of nodes) {
    const name = key(node.prefix);
    const parent = made.get(key(node.prefix.slice(0, -1)));
    if (!chosen.has(name) || !parent) continue;
    const one = { ...node, children: [], parent, whole: whole[node.prefix.length] };
    parent.children.push(one);
    made.set(name, one);
  }
  const parents = new Set(nodes.filter((node) => node.state === "kept").map((node) => key(node.prefix.slice(0, -1))));
  for (const node of made.values()) node.followed = parents.has(key(node.prefix));
  return { root, hidden: nodes.length - (made.size - 1) };
}

/** Give every node a row: children by falling score, a parent where its children's probability lies. */
function place(root) {
  let row = 0;
  const order = [];
  const walk = (node) => {
    if (node !== root) order.push(node);
    if (!node.children.length) {
      node.y = TOP + ROW * row + ROW / 2;
      row += 1;
      return;
    }
    node.children.forEach(walk);
    const weights = node.children.map((child) => Math.exp(child.score));
    const whole = weights.reduce((sum, weight) => sum + weight, 0) || 1;
    node.y = node.children.reduce((sum, child, i) => sum + (child.y * weights[i]) / whole, 0);
  };
  walk(root);
  return { order, height: TOP + ROW * Math.max(1, row) + 6 };
}

const width = (score) => Math.max(0.8, 13 * Math.sqrt(Math.exp(score)));

function describe(node, rank) {
  const state = { kept: "kept", pruned: "pruned", filtered: "shut out by the filter" }[node.state];
  const products = node.state === "filtered" ? plural(node.total, "product") + ", none allowed" : plural(node.products, "product");
  const place = rank ? `, rank ${rank}` : "";
  return `${level(node.prefix)} ${prefixText(node.prefix)}: ${state}, ${chance(node.score)}, ${products}${place}`;
}

/** The drawing of a beam, `{node, mark(prefix)}`. `on.meet(node)` when a node is pointed at or focused, `on.pick` on Enter. */
export function drawTree(beam, hits, colours, on) {
  const holder = el("div", { class: "tree" });
  const more = el("button", { type: "button", class: "quiet more" });
  let rows = FEW;
  let drawn = null;
  let marked = null;
  const redraw = () => {
    const { root, hidden } = shown(beam.nodes, hits, rows, beam.kept);
    drawn = draw(root, beam, hits, colours, on, Math.max(300, holder.clientWidth));
    drawn.mark(marked);
    holder.replaceChildren(drawn.node);
    more.textContent = rows === FEW ? `Show ${count(hidden)} more branches` : "Show fewer branches";
    more.hidden = rows === FEW && hidden === 0;
  };
  more.addEventListener("click", () => {
    rows = rows === FEW ? 1000 : FEW;
    redraw();
  });
  let before = 0;
  new ResizeObserver(() => {
    if (Math.abs(holder.clientWidth - before) < 8) return;
    before = holder.clientWidth;
    redraw(); // the first time too: only now its width is known
  }).observe(holder);
  const mark = (prefix) => {
    marked = prefix;
    drawn?.mark(prefix);
  };
  return { node: el("div", {}, holder, more), mark };
}

function draw(root, beam, hits, colours, on, room) {
  const levels = hits[0]?.semantic_id.length ?? beam.kept.length;
  const { order, height } = place(root);
  const narrow = room < 620;
  const pill = narrow ? 52 : 66;
  const titles = narrow ? 24 : Math.min(340, room * 0.3);
  const first = narrow ? 34 : 64;
  const step = (room - titles - pill - first - 6) / Math.max(1, levels - 1);
  const column = (depth) => first + step * (depth - 1);
  const x = (node) => column(node.prefix.length);
  const ranks = new Map();
  for (const hit of hits) if (!ranks.has(key(hit.semantic_id))) ranks.set(key(hit.semantic_id), hit);
  const paths = new Set(hits.flatMap((hit) => hit.semantic_id.map((_, depth) => key(hit.semantic_id.slice(0, depth + 1)))));

  const branches = svg("g", { "aria-hidden": "true" });
  const pills = svg("g", { role: "tree", "aria-label": "Prefixes of the beam" });
  const heads = svg("g", { "aria-hidden": "true", class: "heads" });
  for (let depth = 1; depth <= levels; depth += 1) {
    const kept = beam.kept[depth - 1] ?? 0;
    heads.append(svg("text", { x: column(depth) + pill / 2, y: 13 }, narrow ? `L${depth}` : `L${depth} · ${count(kept)} kept`));
  }
  branches.append(svg("circle", { cx: 8, cy: root.y, r: 5, class: "root" }));

  const marks = new Map();
  let marked = new Set();
  const add = (node, index) => {
    const name = key(node.prefix);
    const colour = paths.has(name) ? colours.colour(node.prefix) : null;
    const kind = `${node.state}${colour === null ? "" : ` on g${colour}`}${marked.has(name) ? " marked" : ""}`;
    const from = node.parent === root ? 8 : x(node.parent) + pill;
    const to = x(node);
    const middle = (from + to) / 2;
    const line = svg("path", {
      d: `M${from} ${node.parent.y}C${middle} ${node.parent.y} ${middle} ${node.y} ${to} ${node.y}`,
      class: `branch ${kind}`,
      "stroke-width": width(node.score).toFixed(2),
    });
    branches.append(line);
    const item = pillOf(node, ranks.get(name), kind, { x: to, pill, narrow, titles, first: index === 0 });
    item.dataset.index = index;
    item.addEventListener("focus", () => on.meet(node)); // not above it: Chromium would let Tab stop at a group that listens
    marks.set(name, [line, item]);
    pills.append(item);
  };

  // A frame's worth of nodes per frame: the page answers keys and clicks while hundreds are drawn.
  let next = 0;
  const addUpTo = (end) => {
    for (; next < Math.min(end, order.length); next += 1) add(order[next], next);
    if (next === order.length) node.removeAttribute("aria-busy");
  };
  const addMore = () => {
    addUpTo(next + AT_ONCE);
    if (next < order.length && node.isConnected) requestAnimationFrame(addMore);
  };

  const at = (event) => order[event.target.closest(".pill")?.dataset.index];
  const heard = (type, act) => pills.addEventListener(type, (event) => at(event) && act(at(event), event));
  heard("pointerover", (one, event) => event.target.closest(".pill").contains(event.relatedTarget) || on.meet(one));
  heard("click", (one) => on.pick(one));
  heard("keydown", (one, event) => move(event, one, order.indexOf(one)));

  function move(event, node, index) {
    const target = {
      ArrowDown: () => order[index + 1],
      ArrowUp: () => order[index - 1],
      ArrowLeft: () => node.parent,
      ArrowRight: () => node.children[0],
      Home: () => order[0],
      End: () => order.at(-1),
    }[event.key]?.();
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      on.pick(node);
    } else if (target && target !== root) {
      event.preventDefault();
      addUpTo(order.length);
      for (const [, item] of marks.values()) item.setAttribute("tabindex", "-1");
      const item = marks.get(key(target.prefix))[1];
      item.setAttribute("tabindex", "0");
      item.focus();
    } else if (target) event.preventDefault();
  }

  const node = svg(
    "svg",
    { viewBox: `0 0 ${room} ${height}`, width: room, height, class: narrow ? "beam narrow" : "beam", "aria-busy": "true" },
    heads,
    branches,
    pills,
  );
  addUpTo(AT_ONCE);
  requestAnimationFrame(addMore);
  return {
    node,
    mark(prefix) {
      for (const parts of marks.values()) parts.forEach((part) => part.classList.remove("marked"));
      marked = new Set(prefix?.map((_, depth) => key(prefix.slice(0, depth + 1))));
      for (const name of marked) marks.get(name)?.forEach((part) => part.classList.add("marked"));
    },
  };
}

function pillOf(node, hit, kind, { x, pill, narrow, titles, first }) {
  const y = node.y - PILL / 2;
  const code = String(node.prefix.at(-1));
  const below = node.state === "filtered" ? node.total : node.products;
  const item = svg(
    "g",
    { role: "treeitem", tabindex: first ? "0" : "-1", "aria-level": node.prefix.length, "aria-label": describe(node, hit?.rank), class: `pill ${kind}` },
    svg("rect", { x, y, width: pill, height: PILL, rx: 5 }),
    svg("text", { x: x + (narrow ? 5 : 6), y: node.y + 4, class: "code" }, code),
    svg("text", { x: x + pill - (narrow ? 4 : 6), y: node.y + 4, class: "below" }, compact(below)),
  );
  if (hit) {
    item.append(svg("text", { x: x + pill + 8, y: node.y + 4, class: "rank" }, `${hit.rank}`));
    if (!narrow) item.append(svg("text", { x: x + pill + 30, y: node.y + 4, class: "title" }, clip(hit.product.title, (titles - 40) / 6.3)));
  } else if (!node.children.length && !narrow && node.prefix.length < 4) {
    const words = { kept: node.followed ? "more below" : node.whole ? "nothing kept below" : "", pruned: `pruned, ${chance(node.score)}`, filtered: "filtered out" }[node.state];
    item.append(svg("text", { x: x + pill + 8, y: node.y + 4, class: "note" }, words));
  }
  return item;
}

const compact = (n) => (n < 10000 ? count(n) : `${Math.round(n / 1000)}k`);

function clip(text, letters) {
  const whole = [...text];
  return whole.length <= letters ? text : `${whole.slice(0, Math.max(1, letters - 1)).join("")}…`;
}

/** What the drawing's signs mean. */
export function legend() {
  const sign = (kind, words) => el("li", {}, svg("svg", { width: 34, height: 14, "aria-hidden": "true" }, svg("path", { d: "M1 7H33", class: `branch ${kind}`, "stroke-width": kind === "pruned" ? 1.5 : 4 })), words);
  return el(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    sign("kept on g0", "leads to a product shown"),
    sign("kept", "kept"),
    sign("pruned", "pruned"),
    sign("filtered", "filtered out"),
    el("li", {}, el("span", { class: "sample" }, "175", el("b", {}, "62")), "code, products below"),
    el("li", {}, "width: probability"),
  );
}
