// Pictures that guide beside the words: what is to stand where, and what to go by. Knows their fields.

import { call } from "../server/api.js";
import { dataUri, upload } from "../server/inputs.js";
import { byId, element } from "../page.js";
import { thumbnail } from "./start.js";

const KINDS = { control: ["controlnet", "t2i-adapter"], reference: ["ip-adapter"] };
const FIELDS = { control: ["adapter", "mode", "preprocessor", "weight"], reference: ["adapter", "weight"] };
const given = { control: null, reference: null };
let offered = [];
let previews = 0;

const fitting = (role) => offered.filter(({ kind }) => KINDS[role].includes(kind));
const part = (role, name) => byId(`${role}-${name}`);

/** Offer what the chosen model goes with; a picture that was given stays. */
export function offerGuides(adapters) {
  offered = adapters;
  for (const role of Object.keys(KINDS)) {
    const fit = fitting(role);
    part(role, "row").hidden = fit.length === 0;
    const kept = part(role, "adapter").value;
    part(role, "adapter").replaceChildren(...fit.map(({ id }) => element("option", { value: id, textContent: id })));
    if (fit.some(({ id }) => id === kept)) part(role, "adapter").value = kept;
    else if (fit.length) take(role);
    tell(role);
  }
}

const adapterOf = (role) => fitting(role).find(({ id }) => id === part(role, "adapter").value);

/** The chosen adapter's own settings. */
function take(role) {
  const adapter = adapterOf(role);
  part(role, "weight").value = adapter.weight;
  if (role !== "control") return;
  byId("control-preprocessor").value = adapter.preprocessor;
  byId("control-mode").replaceChildren(...adapter.modes.map((mode) => element("option", { value: mode, textContent: mode })));
  byId("control-mode-row").hidden = adapter.modes.length === 0;
}

function tell(role) {
  const shown = given[role] !== null && fitting(role).length > 0;
  part(role, "set").hidden = !shown;
  part(role, "set").disabled = !shown; // what nobody sees must not hold the form up
  part(role, "drop").hidden = !given[role];
}

/** The form is another one now, as if somebody had typed into it. */
const changed = (role) => part(role, "row").dispatchEvent(new Event("input", { bubbles: true }));

export async function give(role, file) {
  const source = await upload(file);
  if (!fitting(role).length) throw new Error("This model has nothing to go by a picture with.");
  given[role] = { source, file, shown: await thumbnail(file) };
  tell(role);
  changed(role);
  await preview(role);
}

/** Show what the model will be shown. */
async function preview(role) {
  if (!given[role]) return;
  const picture = part(role, "picture");
  const { file, shown } = given[role];
  if (!file) { // it was chosen before a reload: what is left of it is how it looks
    picture.src = shown;
    return;
  }
  const preprocessor = role === "control" ? byId("control-preprocessor").value : "none";
  if (preprocessor === "none") {
    picture.src = await dataUri(file);
    return;
  }
  const form = new FormData();
  form.append("image", file);
  for (const side of ["width", "height"]) form.append(side, byId(side).value); // as the model is shown it
  const asked = ++previews;
  const made = await (await call(`/v1/preprocessors/${preprocessor}`, { method: "POST", body: form })).blob();
  if (asked === previews && given[role]?.file === file) picture.src = await dataUri(made);
}

function drop(role) {
  given[role] = null;
  part(role, "picture").removeAttribute("src");
  tell(role);
  changed(role);
}

/** The pictures that guide, as the native API takes them in `inputs`. */
export function chosenGuides() {
  const inputs = {};
  for (const role of Object.keys(KINDS)) {
    const adapter = adapterOf(role);
    if (!given[role] || !adapter) continue;
    const strength = part(role, "weight").valueAsNumber;
    const guide = { adapter: adapter.id, image: given[role].source };
    inputs[role] = [role === "reference" ? { ...guide, weight: strength } : {
      ...guide,
      scale: strength,
      preprocessor: byId("control-preprocessor").value,
      ...(adapter.modes.length ? { mode: byId("control-mode").value } : {}),
    }];
  }
  return inputs;
}

/** What there is to remember of them: a file itself is not. */
export const keptGuides = () =>
  Object.fromEntries(Object.entries(given).filter(([, one]) => one).map(([role, { source, shown }]) => [role, {
    source, shown, fields: Object.fromEntries(FIELDS[role].map((name) => [name, part(role, name).value])),
  }]));

/** Put back what `keptGuides` told. */
export function chooseGuides(kept = {}) {
  for (const role of Object.keys(KINDS)) {
    const one = kept[role];
    given[role] = one ? { source: one.source, shown: one.shown, file: null } : null;
    if (one) {
      part(role, "adapter").value = one.fields.adapter;
      if (adapterOf(role)) take(role);
      for (const name of FIELDS[role]) part(role, name).value = one.fields[name];
      preview(role);
    } else part(role, "picture").removeAttribute("src");
    tell(role);
  }
}

/** Go by a picture that the server has: `source` is what a request calls it, `shown` how it looks. */
export function goBy(role, source, shown) {
  given[role] = { source, shown, file: null };
  tell(role);
  changed(role);
  preview(role);
}

/** Whether the chosen model can be guided so. */
export const guides = (role) => fitting(role).length > 0;

/** Make the fields work; `said(error)` tells what goes wrong. */
export function installGuides(said) {
  for (const role of Object.keys(KINDS)) {
    const safely = (action) => (...args) => Promise.resolve(action(...args)).catch(said);
    part(role, "file").addEventListener("change", ({ target }) => {
      if (target.files[0]) safely(give)(role, target.files[0]);
      target.value = ""; // so that the same one can be chosen again
    });
    part(role, "drop").addEventListener("click", () => drop(role));
    part(role, "adapter").addEventListener("change", safely(() => {
      take(role);
      return preview(role);
    }));
    const row = part(role, "row");
    row.addEventListener("dragover", (event) => event.preventDefault());
    row.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation(); // the page asks what else a picture is for
      const [file] = event.dataTransfer.files;
      if (file) safely(give)(role, file);
    });
  }
  byId("control-preprocessor").addEventListener("change", () => preview("control").catch(said));
}
