// What made a picture: as rows to read, as a request to send again, as a program that asks for it. Knows no page.

import { guideAgain } from "../server/inputs.js";

/** Parameters that say nothing where they are off. */
const OFF = ["tiling", "chaos", "weird"];

/** Everything that a request for exactly this one picture says, but for what it started from. */
export function recipeOf({ task, model, parameters, adapters }, output) {
  const { negative_prompt, ...others } = parameters;
  const fields = Object.fromEntries(Object.entries(others).filter(([name, value]) => value || !OFF.includes(name)));
  const said = { ...fields, ...(negative_prompt ? { negative_prompt } : {}) };
  return { task, model, ...said, ...(adapters.loras.length ? { adapters } : {}), n: 1, seed: output.seed };
}

/** What a program has to fetch first: the inputs that are no other picture's, by role, at their paths. */
export const filesOf = ({ inputs }) =>
  inputs.filter(({ parent, guide }) => guide || !parent).map(({ role, url }) => [role, new URL(url, location.href).pathname]);

/** The recipe as a program can ask for it, beside its files. */
export function programOf(job, output) {
  const recipe = recipeOf(job, output);
  const inputs = {};
  for (const { role, parent, guide } of job.inputs) {
    if (guide) (inputs[role] ??= []).push(guideAgain(role, guide));
    else if (parent) inputs[role] = parent;
  }
  return Object.keys(inputs).length ? { ...recipe, inputs } : recipe;
}

const DRAWN_BY = [
  ["Steps", "num_inference_steps"], ["Guidance", "guidance_scale"], ["Scheduler", "scheduler"], ["Noise schedule", "noise_schedule"],
];

/** `[name, value]` of all that there is to say of a picture. */
export function rowsOf(job, { seed, facts, favourite, folders }) {
  const { task, model, parameters, inputs, adapters, created_at, started_at, finished_at, notes } = job;
  const seconds = (new Date(finished_at) - new Date(started_at ?? created_at)) / 1000;
  return [
    ["Model", model],
    ...("strength" in parameters ? [["Task", `${task}, strength ${parameters.strength}`]] : []),
    ...("scale" in parameters ? [["Scale", parameters.scale]] : []),
    ...adapters.loras.map(({ id, weight }) => ["LoRA", `${id}, ${weight}`]),
    ...inputs.filter(({ guide }) => guide).map(({ role, guide }) => [
      role === "control" ? "Shapes by" : "Goes by", `${guide.adapter ?? "a picture"}, ${guide.weight}`,
    ]),
    ...(parameters.negative_prompt ? [["Keep out", parameters.negative_prompt]] : []),
    ["Size", `${facts.width} × ${facts.height}`],
    ...DRAWN_BY.filter(([, name]) => name in parameters).map(([words, name]) => [words, parameters[name]]),
    ["Seed", seed],
    ["Made", `${new Date(created_at).toLocaleString()}, in ${seconds.toFixed(1)}\u00a0s`],
    ...(folders.length ? [["Folders", folders.join(", ")]] : []),
    ...removal(job, favourite || folders.length > 0),
    ...notes.map((note) => ["Note", note]),
  ];
}

function removal({ expires_at }, isMarked) {
  if (expires_at) return [["Removed", `${new Date(expires_at).toLocaleString()}, unless it is a favourite or in a folder`]];
  if (isMarked) return [["Kept", "until you delete it"]];
  return [["Kept", "as long as another picture of the same job"]];
}
