// The composer: its parts together, and what Enter and Draw do. Sends nothing itself.

import { byId, say } from "../page.js";
import { installAspects } from "./aspects.js";
import { clearErrors, installErrors, isValid, showError } from "./errors.js";
import { asked, isGroup, keep, reset } from "./form.js";
import { installGuides } from "./guides.js";
import { installLoras } from "./loras.js";
import { installPanels, makeRoom } from "./panels.js";
import { installPlan } from "./plan.js";
import { installStart } from "./start.js";
import { remember } from "./history.js";
import { installWords } from "./words.js";

/**
 * Make it work. `ready` resolves when the models are offered; `draw(body, many)` sends what is asked for, as a group
 * where it may be several jobs.
 */
export function installComposer({ ready, draw }) {
  const form = byId("ask");
  installAspects();
  installErrors();
  installLoras();
  installPanels();
  installStart();
  installWords();
  Promise.resolve().then(ready).then(() => installPlan(asked, isGroup)).catch(() => {}); // the page says itself why there are no models
  installGuides((error) => showError(error) || say(error.message, true));
  form.addEventListener("input", keep);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ready(); // who types faster than the models come has not asked in vain
    } catch (error) {
      return say(error.message, true);
    }
    if (!isValid()) return;
    clearErrors();
    makeRoom();
    remember(byId("prompt").value.trim());
    draw(asked(), isGroup());
  });
  byId("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!byId("draw").disabled) form.requestSubmit();
  });
  byId("reset").addEventListener("click", () => {
    reset();
    byId("prompt").focus();
  });
}
