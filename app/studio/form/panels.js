// What opens below the composer: one panel at a time, by its button, closed by Escape. Knows no field.

import { byId } from "../page.js";

const PANELS = { "aspect-button": "aspect-panel", "words-button": "words-panel", "more-button": "more" };
const NARROW = matchMedia("(max-width: 46rem)");

const isOpen = (button) => byId(button).ariaExpanded === "true";

function set(button, open) {
  byId(button).ariaExpanded = String(open);
  byId(PANELS[button]).hidden = !open;
}

/** Open the panel that holds `field`, if one does. */
export function openFor(field) {
  for (const [button, panel] of Object.entries(PANELS)) if (byId(panel).contains(field)) show(button);
}

function show(button) {
  for (const other of Object.keys(PANELS)) set(other, other === button);
}

/** Out of the way of what is being drawn, where there is no room for both. */
export function makeRoom() {
  if (NARROW.matches) show(null);
}

export function installPanels() {
  for (const [button, panel] of Object.entries(PANELS)) {
    byId(button).addEventListener("click", () => (isOpen(button) ? set(button, false) : show(button)));
    byId(panel).addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      set(button, false);
      byId(button).focus();
    });
  }
}
