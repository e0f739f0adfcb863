// Prompts that were drawn by, and forms that were saved under a name. Kept in this browser, for all its tabs.

const PROMPTS = "easel-prompts";
const PRESETS = "easel-presets";
const MOST = 100;

/** What was kept under `name`; nothing where somebody else wrote there. */
function read(name, none) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null") ?? none;
  } catch {
    return none;
  }
}

/** Whether there was room: a browser may have none left, and drawing goes on without a past. */
function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** The prompts that were drawn by, the newest first. */
export const prompts = () => read(PROMPTS, []);

/** Remember a prompt; the same one again comes to the front. */
export function remember(prompt) {
  if (!prompt) return;
  write(PROMPTS, [prompt, ...prompts().filter((one) => one !== prompt)].slice(0, MOST));
}

/** Forms by the names that they were saved under. */
export const presets = () => read(PRESETS, {});

/** Answers whether there was room for it. */
export const savePreset = (name, form) => write(PRESETS, { ...presets(), [name]: form });

export function dropPreset(name) {
  const { [name]: _, ...others } = presets();
  write(PRESETS, others);
}

/** Who signs out leaves nothing of it behind. */
export function forgetAll() {
  for (const name of [PROMPTS, PRESETS]) localStorage.removeItem(name);
}
