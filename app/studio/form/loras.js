// The LoRAs of the chosen model: which of them are on, and how strongly. Knows their fields, sends nothing.

import { byId, element } from "../page.js";

const MANY = 8;
const RANGE = [-1, 2];

/** Offer these adapters, none of them on. */
export function offerLoras(adapters) {
  byId("loras").replaceChildren(...adapters.map(choice));
  byId("loras-row").hidden = adapters.length === 0;
  byId("loras-search-row").hidden = adapters.length <= MANY;
  byId("loras-search").value = "";
}

function choice({ id, weight, trigger_words, description }) {
  const on = element("input", { type: "checkbox", value: id });
  const weights = { step: 0.05, disabled: true, value: weight };
  const exact = element("input", {
    type: "number", inputMode: "decimal", min: -10, max: 10, required: true, ...weights, step: "any", ariaLabel: `Weight of ${id}`,
  });
  const [min, max] = [Math.min(RANGE[0], weight), Math.max(RANGE[1], weight)];
  const slider = element("input", { type: "range", min, max, ariaLabel: `Strength of ${id}`, ...weights });
  slider.value = weight; // set before its bounds, it would have been cut
  slider.addEventListener("input", () => { exact.value = slider.value; });
  exact.addEventListener("input", () => { slider.value = exact.value; });
  const said = trigger_words.map((words) => trigger(words));
  on.addEventListener("input", () => enable(on, exact, slider, said));
  enable(on, exact, slider, said);
  return element("li", { title: description }, element("label", {}, on, ` ${id}`), slider, exact, ...said);
}

/** A button that puts the words by which it is called at the end of the prompt. */
function trigger(words) {
  const button = element("button", { type: "button", className: "quiet small", textContent: `+ ${words}`, title: "Put into the prompt" });
  button.addEventListener("click", () => {
    const prompt = byId("prompt");
    if (!prompt.value.includes(words)) prompt.value = [prompt.value.trimEnd(), words].filter(Boolean).join(", ");
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return button;
}

function enable(on, exact, slider, said) {
  for (const field of [exact, slider]) field.disabled = !on.checked;
  for (const each of [slider, exact, ...said]) each.hidden = !on.checked;
}

const choices = () =>
  [...byId("loras").children].map((row) => [row.querySelector("[type=checkbox]"), row.querySelector("[type=number]"), row]);

/** Those that are on, as the native API takes them. */
export const chosenLoras = () =>
  choices().filter(([on]) => on.checked).map(([on, strength]) => ({ id: on.value, weight: strength.valueAsNumber }));

/** Switch on just these, as far as they are offered. */
export function chooseLoras(wanted) {
  for (const [on, strength, row] of choices()) {
    const found = wanted.find(({ id }) => id === on.value);
    on.checked = Boolean(found);
    if (found) strength.value = found.weight;
    if (found) row.querySelector("[type=range]").value = found.weight;
    enable(on, strength, row.querySelector("[type=range]"), [...row.querySelectorAll("button")]);
  }
}

/** Show of many those that are looked for, and those that are on. */
export function installLoras() {
  byId("loras-search").addEventListener("input", ({ target }) => {
    const wanted = target.value.trim().toLowerCase();
    for (const [on, , row] of choices()) row.hidden = !on.checked && !`${on.value} ${row.title}`.toLowerCase().includes(wanted);
  });
}
