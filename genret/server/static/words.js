// Numbers and findings in words.

const SMALL = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

export const count = (n) => n.toLocaleString("en-US");
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const spelled = (n) => SMALL[n] ?? count(n);
export const nats = (x) => (x === null ? "none" : x.toFixed(2).replace("-", "−"));
export const prefixText = (prefix) => prefix.join("-");
export const level = (prefix) => `L${prefix.length}`;

/** A probability as people say it: 42 %, 0.3 %, 1 in 20,000. */
export function chance(score) {
  const p = Math.exp(score);
  if (p >= 0.1) return `${Math.round(p * 100)} %`;
  if (p >= 0.001) return `${(p * 100).toPrecision(2)} %`;
  return `1 in ${count(Number((1 / p).toPrecision(2)))}`;
}

export const share = (x) => `${Math.round(x * 100)} %`;

export function money(price) {
  return price === null ? "" : price.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** What is certified of an answer: a verdict of one or two words, and a sentence. */
export function certificate(result, k, own = true) {
  const hits = result.hits.length;
  if (!hits) return { proven: false, verdict: "Nothing found", sentence: "No product meets the filter." };
  const beam = result.beam?.certificate;
  if (result.exact) {
    const these = hits === 1 ? "this one" : `these ${spelled(hits)}`;
    return { proven: true, verdict: "Certified", sentence: `The model scores no product higher than ${these}.` };
  }
  if (!own) return { proven: false, verdict: "Not certified", sentence: "The beam’s products, in another order than the model’s own." };
  if (!beam || beam.bound === null) return { proven: false, verdict: "Not certified", sentence: "" };
  if (beam.least === null) {
    return {
      proven: false,
      verdict: "Not certified",
      sentence: `Only ${spelled(hits)} of ${spelled(k)} places are filled, and branches were dropped. Widen the beam.`,
    };
  }
  const gap = beam.bound - beam.least;
  return {
    proven: false,
    verdict: "Not certified",
    sentence:
      gap > 0
        ? `The best branch dropped scores ${nats(beam.bound)}, ${nats(gap)} nats above the last product here ` +
          `(${nats(beam.least)}): a better product could lie below it. Widen the beam, or search until certified.`
        : "These are the beam’s products in another order than the model’s own.",
  };
}

/** Where a product left the beam, in a sentence. */
export function verdict(why) {
  const step = why.steps[(why.left_at ?? why.steps.length) - 1];
  switch (why.outcome) {
    case "hit":
      return `It is here, at rank ${why.rank}.`;
    case "below":
      return why.rank
        ? `It stayed in the beam to the end, at rank ${why.rank}: below the products shown.`
        : "Its ID stayed in the beam to the end, but products that share or outrank it fill the list.";
    case "filtered":
      return "The filter does not allow it.";
    default:
      return (
        `It left the beam at L${why.left_at}: its prefix ${prefixText(step.prefix)} scores ${nats(step.score)}` +
        (why.short_by === null
          ? "."
          : `, the last one kept ${nats(step.worst_kept)}. It was ${nats(why.short_by)} nats short ` +
            `(${times(why.short_by)} less likely).`)
      );
  }
}

function times(nats) {
  const factor = Math.exp(nats);
  return factor < 10 ? `${factor.toFixed(1)} times` : `${count(Number(factor.toPrecision(2)))} times`;
}
