// Help with the words: earlier prompts, saved forms, weights and parameters explained where they are typed.

import { getJson } from "../server/api.js";
import { byId, element } from "../page.js";
import { putPrompt, write, written } from "./form.js";
import { dropPreset, presets, prompts, savePreset } from "./history.js";
import { weighted } from "./weights.js";

const SHOWN = 12;
let [place, draft] = [-1, ""]; // among earlier prompts, and what was typed before they were looked at

/** Put `text` where the cursor is, a space before it. */
function insert(text) {
  const field = byId("prompt");
  const before = field.value.slice(0, field.selectionStart);
  const space = before && !/\s$/.test(before) ? " " : "";
  const [at, after] = [field.selectionStart, field.value.slice(field.selectionEnd)];
  putPrompt(before + space + text + after);
  field.setSelectionRange(at + space.length + text.length, at + space.length + text.length);
}

export function installWords() {
  for (const button of byId("words-panel").querySelectorAll("[data-insert]")) {
    button.addEventListener("click", () => {
      if ("syntax" in button.dataset) byId("syntax").checked = true;
      insert(button.dataset.insert);
    });
  }
  byId("words-button").addEventListener("click", () => {
    tellHistory();
    tellPresets();
    tellWildcards();
  });
  byId("history-search").addEventListener("input", tellHistory);
  byId("preset-save").addEventListener("click", save);
  byId("preset-name").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // the form itself is not sent by it
    save();
  });
  byId("prompt").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey) return weigh(event);
    if (event.key === "ArrowUp" || event.key === "ArrowDown") recall(event);
  });
  byId("prompt").addEventListener("input", ({ isTrusted }) => { if (isTrusted) place = -1; });
}

/** Ctrl and an arrow make what is selected, or the word at the cursor, count more or less. */
function weigh(event) {
  const by = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const field = byId("prompt");
  const { text, from, to } = weighted(field.value, field.selectionStart, field.selectionEnd, by);
  putPrompt(text);
  field.setSelectionRange(from, to);
}

/** Up at the beginning of the prompt goes to the one before, down comes back, as in a shell. */
function recall(event) {
  const field = byId("prompt");
  const [up, past] = [event.key === "ArrowUp", prompts()];
  const isAtEdge = field.selectionStart === field.selectionEnd && (up ? field.selectionEnd === 0 || place >= 0 : place >= 0);
  const to = place + (up ? 1 : -1);
  if (!isAtEdge || to < -1 || to >= past.length) return;
  event.preventDefault();
  if (place < 0) draft = field.value;
  place = to;
  putPrompt(place < 0 ? draft : past[place]);
}

function tellHistory() {
  const wanted = byId("history-search").value.toLowerCase();
  const found = prompts().filter((prompt) => prompt.toLowerCase().includes(wanted)).slice(0, SHOWN);
  byId("history-row").hidden = prompts().length === 0;
  byId("history").replaceChildren(...found.map((prompt) => {
    const button = element("button", { type: "button", className: "quiet", dir: "auto", textContent: prompt });
    button.addEventListener("click", () => putPrompt(prompt));
    return element("li", {}, button);
  }));
}

function save() {
  const name = byId("preset-name").value.trim();
  if (!name) return byId("preset-name").focus();
  const isKept = savePreset(name, written());
  byId("presets-said").textContent = isKept ? "" : "This browser has no room left to keep it.";
  if (isKept) byId("preset-name").value = "";
  tellPresets();
}

function tellPresets() {
  byId("presets").replaceChildren(...Object.entries(presets()).map(([name, form]) => {
    const use = element("button", { type: "button", className: "quiet", textContent: name });
    use.addEventListener("click", () => {
      const { prompt, ...others } = form;
      const words = byId("prompt").value || prompt;
      const isThere = write({ ...others, prompt: words });
      byId("presets-said").textContent = isThere ? "" : `The model ${form.model} is not there any more.`;
      putPrompt(words);
    });
    const drop = element("button", { type: "button", className: "quiet", textContent: "×", ariaLabel: `Delete the preset ${name}` });
    drop.addEventListener("click", () => {
      dropPreset(name);
      tellPresets();
      byId("preset-name").focus();
    });
    return element("li", {}, use, drop);
  }));
}

async function tellWildcards() {
  const { data } = await getJson("/v1/wildcards").catch(() => ({ data: [] })); // they are help, not more
  byId("wildcards-row").hidden = data.length === 0;
  byId("wildcards").replaceChildren(...data.map(({ name, count, examples }) => {
    const button = element("button", { type: "button", className: "quiet", textContent: `__${name}__`, title: `One of ${count}: ${examples.join(", ")}…` });
    button.addEventListener("click", () => insert(`__${name}__`));
    return element("li", {}, button);
  }));
}
