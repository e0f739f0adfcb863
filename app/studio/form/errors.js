// What is wrong, beside the field that it is about. Knows the fields by the names that the server has for them.

import { byId, element } from "../page.js";
import { openFor } from "./panels.js";

const FIELDS = {
  num_inference_steps: "steps", guidance_scale: "guidance", negative_prompt: "negative", noise_schedule: "noise",
  "inputs.image": "strength", "inputs.control": "control-weight", "inputs.reference": "reference-weight", adapters: "loras-search",
};

/** The field that `param` of an error is about, or null; its parts from the longest on: `inputs.control[0].scale`. */
function fieldOf(param) {
  for (let name = param ?? ""; name; name = name.replace(/[.[]?[^.[]*$/, "")) {
    const field = byId(FIELDS[name] ?? name);
    if (field?.matches("#ask :is(input, select, textarea)")) return field;
  }
  return null;
}

const noteOf = (field) => byId(`${field.id}-wrong`);

/** Nothing is wrong with `field` any more. */
function calm(field) {
  if (!noteOf(field)) return;
  field.ariaInvalid = null;
  const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== noteOf(field).id);
  if (others.length) field.setAttribute("aria-describedby", others.join(" "));
  else field.removeAttribute("aria-describedby");
  noteOf(field).remove();
}

/** Say beside `field` what is wrong with it. */
function mark(field, message) {
  calm(field);
  openFor(field);
  const note = element("span", { id: `${field.id}-wrong`, className: "wrong note", role: "alert", textContent: message });
  (field.closest(".words, .guide, li, p") ?? field).append(note);
  field.ariaInvalid = "true";
  field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), note.id].filter(Boolean).join(" "));
}

const sayable = (field) => field.willValidate && field.id;

/** Whether every field of the form has what it needs; the first that has not gets the focus, each says what is wrong. */
export function isValid() {
  const fields = [...byId("ask").elements].filter(sayable);
  fields.forEach(calm);
  const wrong = fields.filter((field) => !field.validity.valid);
  for (const field of wrong) mark(field, field === byId("prompt") ? "Say what should be drawn." : field.validationMessage);
  if (wrong.length) openFor(wrong[0]);
  wrong[0]?.focus();
  return wrong.length === 0;
}

/** Show an error of the server beside its field; answers whether it has one that can be seen. */
export function showError(error) {
  const field = fieldOf(error.param);
  if (!field) return false;
  mark(field, error.message);
  if (!field.checkVisibility()) {
    calm(field);
    return false;
  }
  field.focus();
  return true;
}

export function clearErrors() {
  for (const field of byId("ask").elements) if (field.id) calm(field);
}

/** A field that is changed is no longer wrong. Not as late as it is left: the page would move under what is pressed. */
export function installErrors() {
  byId("ask").addEventListener("input", ({ target }) => target.id && calm(target));
}
