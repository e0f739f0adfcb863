// Pictures that begin with a picture: sent as a form to the images route, found again as an ordinary job.

import { call, getJson, local } from "./api.js";

/** Ask for `body` drawn over `picture` (a Blob), where `mask` is transparent if there is one; answers the job. */
export async function drawOver(body, picture, mask, strength) {
  const form = new FormData();
  // Asked for by its seed: the answer is a stream of pictures, and the job is what the page can follow and cancel.
  const seed = body.seed ?? Math.floor(Math.random() * 2 ** 32);
  const { width, height, num_inference_steps: steps, guidance_scale: guidance, seed: _, ...fields } = body;
  const all = { ...fields, seed, steps, guidance, size: `${width}x${height}`, stream: "true", partial_images: 0 };
  for (const [name, value] of Object.entries(all)) form.append(name, value);
  if (!mask) form.append("strength", strength);
  form.append("image", picture, "picture.png");
  if (mask) form.append("mask", mask, "mask.png");
  const response = await call("/v1/images/edits", { method: "POST", body: form });
  response.body.pipeTo(new WritableStream()).catch(() => {}); // to its end, or the job counts as given up
  const { data } = await getJson("/v1/generations?limit=20");
  const job = data.find(({ input }) => input.task !== "text-to-image" && input.seeds[0] === seed);
  if (!job) throw new Error("The server took the picture, but its job is not among the newest.");
  return job;
}

export const blobOf = async (image) => (await call(local(image.url))).blob();
