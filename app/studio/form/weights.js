// Weights in a prompt, `(word:1.2)`, made larger and smaller. Pure.

const MARKED = /^\((.*):(\d*\.?\d+)\)$/s;

/** What is meant by the cursor: the selection, or the weighted words or the word around it. */
function meant(text, from, to) {
  for (const match of text.matchAll(/\([^()]*:\d*\.?\d+\)/g)) {
    if (match.index <= from && to <= match.index + match[0].length) return [match.index, match.index + match[0].length];
  }
  if (from !== to) return [from, to];
  const before = /[\p{L}\p{M}\p{N}_'-]*$/u.exec(text.slice(0, from))[0].length;
  const after = /^[\p{L}\p{M}\p{N}_'-]*/u.exec(text.slice(from))[0].length;
  return [from - before, from + after];
}

/** `text` with what is between `from` and `to`, or around them, weighing `by` more; a weight of 1 is not written. */
export function weighted(text, from, to, by) {
  const [begin, end] = meant(text, from, to);
  const part = text.slice(begin, end);
  if (!part.trim()) return { text, from, to };
  const [, words, weight] = MARKED.exec(part) ?? [null, part, "1"];
  const now = Math.min(2, Math.max(0, Math.round((Number(weight) + by) * 100) / 100));
  const put = now === 1 ? words : `(${words}:${now})`;
  return { text: text.slice(0, begin) + put + text.slice(end), from: begin, to: begin + put.length };
}
