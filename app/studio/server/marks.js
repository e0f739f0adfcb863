// What a person does to pictures that are there: favourites, folders, deleting, downloading many. Knows no page.

import { getJson, local, patchJson, postJson, remove } from "./api.js";

const at = (job, output) => `${local(job.urls.get)}/outputs/${output.index}`;

/** `marks` are `favourite` and `folders`, either or both; answers the job as it is then. */
export const mark = (job, output, marks) => patchJson(at(job, output), marks);

/** One picture of a job; with its last one the job goes. */
export const removePicture = (job, output) => remove(at(job, output));

/** A job with all that it made. */
export const removeJob = (job) => remove(local(job.urls.get));

/** `[{ name, count }]`, by their names. */
export const folders = async () => (await getJson("/v1/folders")).data;

/** Put pictures into one file, and let the browser fetch it. */
export async function download(pictures) {
  const items = pictures.map(({ job, output }) => ({ generation: job.id, index: output.index }));
  const { url } = await postJson("/v1/archives", { items });
  const link = document.createElement("a");
  Object.assign(link, { href: local(url), download: "" });
  link.click();
}
