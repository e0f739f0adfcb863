// What a request starts from: earlier pictures by reference, files of one's own as uploads, masks inside the request.

import { call, getJson, local, postJson } from "./api.js";

const MAX_BYTES = 20 * 2 ** 20;
const PICTURES = ["image/png", "image/jpeg", "image/webp"];

export const reference = (job, output) => ({ generation: job.id, index: output.index });

/** The bytes of `blob` as the request itself carries them. */
export function dataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}

/** A file of the person's, on the server before anything is drawn over it; answers what a request calls it. */
export async function upload(file) {
  if (!PICTURES.includes(file.type)) throw new Error("This is not a picture: choose a PNG, JPEG or WebP image.");
  if (file.size > MAX_BYTES) throw new Error(`This picture has ${Math.ceil(file.size / 2 ** 20)} MB; 20 are the limit.`);
  const form = new FormData();
  form.append("file", file);
  try {
    const { id } = await (await call("/v1/uploads", { method: "POST", body: form })).json();
    return { upload: id };
  } catch (error) {
    error.message = error.message.replace("'file'", "This file");
    throw error;
  }
}

/** How a guide of an earlier job is asked for again: its picture is what the model was shown. */
export function guideAgain(role, { adapter, weight, start, end, mode }, image) {
  const by = adapter ? { adapter, image } : { image };
  if (role === "reference") return { ...by, weight };
  return { ...by, scale: weight, start, end, ...(mode ? { mode } : {}), preprocessor: "none" };
}

/** What `job` started from, for another like it: its parents, or, where `copies`, the copies that are its own. */
async function inputsOf(job, copies) {
  const sources = {};
  for (const { role, url, parent, guide } of job.inputs) {
    const own = guide || copies || !parent; // of a guide, what the model was shown is the copy
    const image = own ? await dataUri(await (await call(local(url))).blob()) : parent;
    if (guide) (sources[role] ??= []).push(guideAgain(role, guide, image));
    else sources[role] = image;
  }
  return sources;
}

/** Ask for `recipe`, starting from what `like` started from, if that is a job with inputs; answers the new job. */
export async function submit(recipe, like) {
  if (!like?.inputs.length) return postJson("/v1/generations", recipe);
  try {
    return await postJson("/v1/generations", { ...recipe, inputs: await inputsOf(like, false) });
  } catch (error) {
    if (error.status !== 404) throw error; // a parent was deleted
    return postJson("/v1/generations", { ...recipe, inputs: await inputsOf(like, true) });
  }
}

/** Ask for all jobs that the prompt of `recipe` is, written in Midjourney's syntax; answers them, the first one last. */
export async function submitGroup(recipe) {
  const { generations } = await postJson("/v1/groups", recipe);
  const jobs = await Promise.all(generations.map(({ url }) => getJson(local(url))));
  return jobs.reverse();
}

/** The first parent of `job` that is still there, or null. */
export async function parentOf(job) {
  const [first] = job.parents;
  if (!first) return null;
  const parent = await getJson(`/v1/generations/${first.generation}`).catch(() => null);
  const output = parent?.outputs.find(({ index }) => index === first.index);
  return output ? { job: parent, output } : null;
}
