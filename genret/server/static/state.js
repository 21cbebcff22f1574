// What is asked, kept in the URL so that a link shows the same page.

export const SYSTEMS = {
  genret: { label: "Generative", body: { system: "genret" }, beam: true },
  embeddings: { label: "Generative, beam by embeddings", body: { system: "genret", rescore: true }, beam: true },
  hybrid: { label: "Hybrid with BM25", body: { system: "hybrid" }, beam: true },
  bm25: { label: "BM25", body: { system: "bm25", timeout_ms: 60000 }, beam: false },
  dense: { label: "Dense", body: { system: "dense", timeout_ms: 60000 }, beam: false },
};

const START = { q: "", where: "", k: 10, b: 0, exact: false, runs: ["", ""], systems: ["genret", "genret"], compare: false, why: "", like: "" };

/** The state that a URL's query string holds; what is missing or no number is as at the start. */
export function read(search) {
  const given = new URLSearchParams(search);
  const text = (name) => given.get(name) ?? "";
  const number = (name, otherwise) => {
    const value = Number.parseInt(text(name), 10);
    return Number.isInteger(value) && value > 0 ? value : otherwise;
  };
  const system = (name) => (text(name) in SYSTEMS ? text(name) : "genret");
  return {
    q: text("q").slice(0, 1000),
    where: text("where").slice(0, 4000),
    k: number("k", START.k),
    b: number("b", START.b),
    exact: text("exact") === "1",
    runs: [text("run"), text("run2")],
    systems: [system("system"), system("system2")],
    compare: text("compare") === "1",
    why: text("why"),
    like: text("like"),
  };
}

/** The query string of a state, without what is as at the start. */
export function write(state) {
  const found = new URLSearchParams();
  const put = (name, value, start) => value !== start && value && found.set(name, value === true ? "1" : String(value));
  put("q", state.q, "");
  put("where", state.where, "");
  put("k", state.k, START.k);
  put("b", state.b, START.b);
  put("exact", state.exact, false);
  put("run", state.runs[0], "");
  put("system", state.systems[0], "genret");
  put("compare", state.compare, false);
  if (state.compare) {
    put("run2", state.runs[1], "");
    put("system2", state.systems[1], "genret");
  }
  put("why", state.why, "");
  put("like", state.like, "");
  return found.size ? `?${found}` : "";
}

/** The search that one side of the page asks for. */
export function body(state, side) {
  const { body: extra, beam: own } = SYSTEMS[state.systems[side]];
  const plain = state.systems[side] === "genret";
  return {
    query: state.q,
    k: state.k,
    ...(state.b && own ? { beam_width: Math.max(state.b, state.k) } : {}),
    ...(state.where.trim() ? { where: state.where } : {}),
    ...(state.exact && plain ? { exact: true } : {}),
    ...(state.runs[side] ? { run: state.runs[side] } : {}),
    ...extra,
  };
}
