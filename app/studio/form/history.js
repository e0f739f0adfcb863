// Prompts that were drawn by, and forms that were saved under a name. Kept in this browser, for all its tabs.

const PROMPTS = "easel-prompts";
const PRESETS = "easel-presets";
const MOST = 100;

const read = (name, none) => JSON.parse(localStorage.getItem(name) ?? "null") ?? none;

/** The prompts that were drawn by, the newest first. */
export const prompts = () => read(PROMPTS, []);

/** Remember a prompt; the same one again comes to the front. */
export function remember(prompt) {
  if (!prompt) return;
  localStorage.setItem(PROMPTS, JSON.stringify([prompt, ...prompts().filter((one) => one !== prompt)].slice(0, MOST)));
}

/** Forms by the names that they were saved under. */
export const presets = () => read(PRESETS, {});

export function savePreset(name, form) {
  localStorage.setItem(PRESETS, JSON.stringify({ ...presets(), [name]: form }));
}

export function dropPreset(name) {
  const { [name]: _, ...others } = presets();
  localStorage.setItem(PRESETS, JSON.stringify(others));
}
