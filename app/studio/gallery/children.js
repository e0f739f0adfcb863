// What can be made of a finished picture with one press: the buttons for it, and what each asks of the server.

import { local, postJson } from "../server/api.js";
import { draws, isDone, knownModel } from "../form/form.js";
import { element } from "../page.js";

const doesVary = (model) => !model || !draws(model) || model.tasks.includes("image-to-image");

/** In the order of their buttons; `id` is that of the viewer's button. */
export const ACTIONS = [
  { id: "upscale", words: "Upscale", route: "upscale", body: {}, fits: () => isDone("upscale") },
  { id: "vary-subtle", words: "Vary subtle", route: "vary", body: { strength: "subtle" }, fits: doesVary },
  { id: "vary-strong", words: "Vary strong", route: "vary", body: { strength: "strong" }, fits: doesVary },
  { id: "again", words: "Again", route: "reroll", body: {}, fits: (model) => !model || draws(model) },
];

/** Whether the button means something for the pictures of `job`. */
export const offered = (action, job) => action.fits(knownModel(job.model));

/** Ask for it; answers the new job. */
export const childOf = (job, output, { route, body }) =>
  postJson(`${local(job.urls.get)}/outputs/${output.index}/${route}`, body);

/** The buttons under a picture: one stop of the Tab key, the arrow keys go from one to the next. */
export function toolbar(job, words, press) {
  const buttons = ACTIONS.filter((action) => offered(action, job)).map((action, place) => {
    const button = element("button", { type: "button", textContent: action.words, tabIndex: place ? -1 : 0 });
    button.addEventListener("click", () => press(action));
    return button;
  });
  const bar = element("div", { className: "go-on", role: "toolbar", ariaLabel: words }, ...buttons);
  const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  bar.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const edge = { Home: 0, End: buttons.length - 1 }[event.key];
    const to = edge ?? (event.key in STEPS ? (at + STEPS[event.key] + buttons.length) % buttons.length : -1);
    if (to < 0) return;
    event.preventDefault();
    buttons.forEach((button, place) => { button.tabIndex = place === to ? 0 : -1; });
    buttons[to].focus();
  });
  return bar;
}
