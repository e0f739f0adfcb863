// How much of a prompt a model reads: an estimate, since only the worker has the tokenizers. Knows no page.

const WORDS = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{N}|[\p{L}\p{M}]+|[^\s\p{L}\p{N}\p{M}]+/gu;
const LETTERS = 8; // of a word in one token, in English; longer words take more

/** About how many tokens `text` has. */
export const tokensOf = (text) =>
  [...text.matchAll(WORDS)].reduce((sum, [word]) => sum + Math.max(1, Math.ceil(word.length / LETTERS)), 0);

/** What to say beside a prompt that is `text` for `model`; nothing where nothing is known, or nothing said. */
export function countOf(text, { prompt_tokens: most, prompt_chunks: chunks }) {
  const count = tokensOf(text);
  if (!count || !most) return "";
  if (count <= most) return `About ${count} of ${most} tokens.`;
  if (chunks) return `About ${count} tokens, read in ${Math.ceil(count / most)} chunks.`;
  return `About ${count} tokens, and the model reads ${most}: the end will be cut.`;
}
