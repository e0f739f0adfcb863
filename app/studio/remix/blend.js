// Several pictures into one: each gone by, where a model can, and one drawn over for its composition. Says what a model can do.

import { pictureSource, postJson } from "../server/api.js";
import { drawingModel, sendFrom } from "../server/going-on.js";
import { reference } from "../server/inputs.js";
import { drawingModels } from "../form/form.js";
import { drawnSize } from "../frame/margins.js";
import { wordsOf } from "../gallery/words.js";
import { byId, element, open } from "../page.js";

const dialog = byId("blend");
const MOST = 4; // pictures that adapters go by
const KINDS = ["ip-adapter", "describer"];

let [pictures, send] = [[], null];

const adaptersOf = (model) => model.adapters.filter(({ kind }) => KINDS.includes(kind));

/** How many pictures `model` can go by beside one that it draws over. */
const goesBy = (model) => (adaptersOf(model).length ? MOST : model.references);

const chosen = () => drawingModels().find(({ id }) => id === byId("blend-model").value);

/** The picture that is drawn over, or null. */
const start = () => (byId("blend-start").value === "" ? null : pictures[byId("blend-start").value]);

/** Blend two or more of `{ job, output }`; `told` is given the promise of the job. Throws where no model can. */
export async function openBlend(given, told) {
  if (given.length < 2) throw new Error("Choose two or more pictures to blend.");
  if (given.length > MOST) throw new Error(`${given.length} pictures are too many to blend: ${MOST} are the limit.`);
  const able = drawingModels().filter((model) => goesBy(model) || model.tasks.includes("image-to-image"));
  if (!able.length) throw new Error("No model of this server draws by pictures.");
  [pictures, send] = [given, told];
  const own = await drawingModel(given[0].job);
  const best = [own, ...able].find((model) => goesBy(model) >= given.length) ?? able.find(({ id }) => id === own.id) ?? able[0];
  byId("blend-model").replaceChildren(...able.map(({ id }) => element("option", { value: id, textContent: id })));
  byId("blend-model").value = best.id;
  byId("blend-pictures").replaceChildren(...(await Promise.all(pictures.map(row))));
  byId("blend-prompt").value = [...new Set(pictures.map(({ job }) => job.parameters.prompt).filter(Boolean))].join(", ");
  dialog.querySelector(".said").textContent = "";
  offer();
  open(dialog);
}

async function row({ job, output }, place) {
  const image = element("img", { src: await pictureSource(output), alt: wordsOf(job) });
  const id = `blend-weight-${place}`;
  const weight = element("input", { id, type: "range", min: 0, max: 1.5, step: 0.05, value: 1 });
  const label = element("label", { htmlFor: id, textContent: `Weight of picture ${place + 1}` });
  return element("li", {}, image, element("p", { className: "weight" }, label, weight));
}

/** What the chosen model can do, in its fields and in words. */
function offer() {
  const model = chosen();
  const adapters = adaptersOf(model);
  byId("blend-adapter-row").hidden = adapters.length < 2;
  byId("blend-adapter").replaceChildren(...adapters.map(({ id }) => element("option", { value: id, textContent: id })));
  const before = byId("blend-start").value;
  const over = model.tasks.includes("image-to-image");
  byId("blend-start").replaceChildren(
    ...(goesBy(model) && model.tasks.includes("text-to-image") ? [element("option", { value: "", textContent: "a new one" })] : []),
    ...(over ? pictures.map((_, place) => element("option", { value: place, textContent: `that of picture ${place + 1}` })) : []),
  );
  if ([...byId("blend-start").options].some(({ value }) => value === before)) byId("blend-start").value = before;
  for (const each of document.querySelectorAll("#blend .weight")) each.hidden = !adapters.length;
  takeWeight();
  tell();
}

/** As strongly as the adapter guides by itself. */
function takeWeight() {
  const adapter = adaptersOf(chosen()).find(({ id }) => id === byId("blend-adapter").value);
  if (adapter) for (const each of document.querySelectorAll("#blend .weight input")) each.value = adapter.weight;
}

function tell() {
  const model = chosen();
  const [by, count] = [goesBy(model), pictures.length];
  byId("blend-strength-row").hidden = !start();
  const others = start() ? count - 1 : count;
  byId("blend-way").textContent = by >= others
    ? `${model.id} goes by ${others === count ? `all ${count} pictures` : "the other pictures"}, and by the words.`
    : by
      ? `${model.id} goes by ${by} of these pictures at most: choose fewer, or another model.`
      : `${model.id} cannot go by pictures: it draws over one, and of the others come only the words.`;
}

/** As the native API takes it. */
function body() {
  const [model, drawn] = [chosen(), start()];
  const adapter = adaptersOf(model).length ? { adapter: byId("blend-adapter").value } : {};
  const gone = goesBy(model) ? pictures.filter((each) => each !== drawn) : [];
  const guides = gone.map((each) => {
    const weight = adapter.adapter ? { weight: byId(`blend-weight-${pictures.indexOf(each)}`).valueAsNumber } : {};
    return { image: reference(each.job, each.output), ...adapter, ...weight };
  });
  return {
    model: model.id,
    prompt: byId("blend-prompt").value.trim(),
    ...drawnSize((drawn ?? pictures[0]).output.facts, model.size),
    ...(drawn ? { strength: byId("blend-strength").valueAsNumber } : {}),
    inputs: { ...(drawn ? { image: reference(drawn.job, drawn.output) } : {}), ...(guides.length ? { reference: guides } : {}) },
  };
}

byId("blend-model").addEventListener("change", offer);
byId("blend-adapter").addEventListener("change", takeWeight);
byId("blend-start").addEventListener("change", tell);
byId("blend-close").addEventListener("click", () => dialog.close());
byId("blend-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!byId("blend-prompt").value.trim()) {
    dialog.querySelector(".said").textContent = "Say in a few words what should be drawn.";
    return byId("blend-prompt").focus();
  }
  sendFrom(dialog, () => postJson("/v1/generations", body()), send);
});
