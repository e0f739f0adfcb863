// The LoRAs of the chosen model: which of them are on, and how strongly. Knows their fields, sends nothing.

import { byId, element } from "../page.js";

/** Offer these adapters, none of them on. */
export function offerLoras(adapters) {
  byId("loras").replaceChildren(...adapters.map(choice));
  byId("loras-row").hidden = adapters.length === 0;
}

function choice({ id, weight, trigger_words, description }) {
  const on = element("input", { type: "checkbox", value: id });
  const strength = element("input", {
    type: "number", inputMode: "decimal", min: -10, max: 10, step: "any", value: weight, disabled: true, required: true,
    ariaLabel: `Weight of ${id}`,
  });
  on.addEventListener("input", () => { strength.disabled = !on.checked; });
  const words = [description, trigger_words.length ? `Say: ${trigger_words.join(", ")}.` : ""].filter(Boolean).join(" ");
  return element("li", { title: words }, element("label", {}, on, ` ${id}`), strength);
}

const choices = () =>
  [...byId("loras").children].map((row) => [row.querySelector("[type=checkbox]"), row.querySelector("[type=number]")]);

/** Those that are on, as the native API takes them. */
export const chosenLoras = () =>
  choices().filter(([on]) => on.checked).map(([on, strength]) => ({ id: on.value, weight: strength.valueAsNumber }));

/** Switch on just these, as far as they are offered. */
export function chooseLoras(wanted) {
  for (const [on, strength] of choices()) {
    const found = wanted.find(({ id }) => id === on.value);
    on.checked = Boolean(found);
    strength.disabled = !found;
    if (found) strength.value = found.weight;
  }
}
