// Which products share a prefix, and the colour that says so: one of eight for each L1 code, in the order found.

export const COLOURS = 8;

/** For the IDs of some hits: the colour of an ID's L1, and how many levels it shares with any other. */
export function groups(ids) {
  const colours = new Map();
  const seen = new Map();
  for (const id of ids) {
    if (!colours.has(id[0])) colours.set(id[0], colours.size % COLOURS);
    for (let depth = 1; depth <= id.length; depth += 1) {
      const key = id.slice(0, depth).join("-");
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  return {
    colour: (prefix) => colours.get(prefix[0]) ?? null,
    shared: (id) => {
      let depth = 0;
      while (depth < id.length && seen.get(id.slice(0, depth + 1).join("-")) > 1) depth += 1;
      return depth;
    },
  };
}
