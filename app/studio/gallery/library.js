// The jobs that the gallery shows: fetched a page at a time, newest first, and kept up to date. Knows no page.

import { ENDED, getJson, local } from "../server/api.js";

const PAGE = 40;
const EVERYTHING = { q: "", folder: "", favourite: false };

const jobs = new Map(); // by id, in no order
const stopped = new Set(); // ids of those that were canceled before our eyes: a new visit does not show them
let order = []; // ids, newest first
let [wanted, cursor, complete, loading, round] = [EVERYTHING, "", false, null, 0];
let told = () => {};
const waited = new Map(); // by id: who waits for its end

/** `changed(job)` is called after every change, with the job that it is about, or with none. */
export const watchLibrary = (changed) => { told = changed; };

export const jobOf = (id) => jobs.get(id);
export const isFiltered = () => Boolean(wanted.q || wanted.folder || wanted.favourite);
export const isComplete = () => complete;
export const isBegun = () => round > 0;

/** Begin anew, with what is looked for; resolves when the first page is there. */
export function show(looked) {
  wanted = { ...EVERYTHING, ...looked };
  jobs.clear();
  [order, cursor, complete, loading] = [[], "", false, null];
  round += 1;
  told();
  return more();
}

/** The next page, if there is one; throws what the server answers. */
export function more() {
  if (complete) return Promise.resolve();
  loading ??= fetchPage(cursor).finally(() => { loading = null; });
  return loading;
}

async function fetchPage(from) {
  const asked = round;
  const page = await getJson(`/v1/generations?${queryOf(from)}`);
  if (asked !== round) return; // something else is looked for by now
  for (const job of page.data) place(job);
  [cursor, complete] = [page.next_cursor ?? "", page.next_cursor === null];
  told();
}

function queryOf(from) {
  const fields = new URLSearchParams({ limit: PAGE });
  if (from) fields.set("cursor", from);
  if (wanted.q) fields.set("q", wanted.q);
  if (wanted.folder) fields.set("folder", wanted.folder);
  if (wanted.favourite) fields.set("favourite", "true");
  return fields;
}

/** Something may have been missed: take the newest page, and look at what was not ended; throws what the server answers. */
export async function refresh() {
  if (!isBegun()) return;
  const asked = round;
  const page = await getJson(`/v1/generations?${queryOf("")}`);
  if (asked !== round) return;
  const oldest = page.next_cursor === null ? -Infinity : Math.min(...page.data.map(timeOf));
  const there = new Set(page.data.map(({ id }) => id));
  for (const id of order.filter((id) => !there.has(id) && timeOf(jobs.get(id)) > oldest)) drop(id);
  for (const job of page.data) place(job);
  if (!order.length) complete = page.next_cursor === null;
  told();
  const left = [...new Set([...order, ...waited.keys()])].filter((id) => !there.has(id) && !ENDED.has(jobs.get(id)?.status));
  for (const id of left) {
    const job = await getJson(`/v1/generations/${id}`).catch((error) => error);
    if (job instanceof Error && job.status !== 404) throw job;
    if (job instanceof Error) forget(id);
    else take(job);
  }
}

const timeOf = ({ created_at }) => Date.parse(created_at);

/** Put a job where it belongs; the newest of two states of the same one may come first. */
function place(job) {
  const before = jobs.get(job.id);
  if (before && ENDED.has(before.status) && !ENDED.has(job.status)) return;
  jobs.set(job.id, job);
  settle(job);
  if (before && job.status === "canceled" && before.status !== "canceled") stopped.add(job.id);
  if (before) return;
  const time = timeOf(job);
  let at = order.length;
  while (at > 0 && timeOf(jobs.get(order[at - 1])) < time) at -= 1;
  order.splice(at, 0, job.id);
}

/** What the server tells of a job: it is shown if it is looked for. */
export function take(job) {
  settle(job);
  if (!jobs.has(job.id) && !isLookedFor(job)) return;
  place(job);
  told(job);
}

/** Whether a job that no list has brought is among what is looked for; older ones come with their page. */
function isLookedFor(job) {
  if (!complete && order.length && timeOf(job) < timeOf(jobs.get(order.at(-1)))) return false;
  const { prompt = "", negative_prompt = "" } = job.parameters;
  const folders = job.outputs.flatMap((output) => output.folders);
  const text = [prompt, negative_prompt, job.model, job.id, ...folders].join(" ").toLowerCase();
  if (!wanted.q.toLowerCase().split(/\s+/).every((word) => text.includes(word))) return false;
  return !(wanted.folder || wanted.favourite) || job.outputs.some(isWanted);
}

/** Of a job that is shown, only the pictures that are looked for. */
const isWanted = (output) =>
  (!wanted.favourite || output.favourite) && (!wanted.folder || output.folders.includes(wanted.folder));

function drop(id) {
  order = order.filter((each) => each !== id);
  jobs.delete(id);
}

/** It was deleted, here or elsewhere. */
export function forget(id) {
  waited.get(id)?.resolve(null);
  waited.delete(id);
  if (!jobs.has(id)) return;
  drop(id);
  told();
}

/** One picture of a job is gone; with its last one the job. */
export function lost(id, index) {
  const job = jobs.get(id);
  if (!job) return;
  const outputs = job.outputs.filter((output) => output.index !== index);
  if (!outputs.length) return forget(id);
  jobs.set(id, { ...job, outputs });
  told();
}

/** While jobs wait, nothing tells where in the line they are: ask, all at once. */
export async function askForPlaces() {
  if (![...jobs.values()].some(({ status }) => status === "queued")) return;
  const { data } = await getJson("/v1/generations?status=queued&limit=100");
  for (const job of data) if (jobs.get(job.id)?.status === "queued") take(job);
}

function settle(job) {
  if (!ENDED.has(job.status)) return;
  waited.get(job.id)?.resolve(job);
  waited.delete(job.id);
}

/** The job once it has ended, or null if it was deleted. */
export function whenEnded(job) {
  if (ENDED.has(job.status)) return Promise.resolve(job);
  if (!waited.has(job.id)) {
    let resolve;
    const promise = new Promise((done) => { resolve = done; });
    waited.set(job.id, { promise, resolve });
  }
  return waited.get(job.id).promise;
}

/** What stands in the gallery, newest first: `{ key, job, output }`, without an output for what is no picture. */
export function items() {
  return order.flatMap((id) => {
    const job = jobs.get(id);
    if (job.status === "canceled" && !stopped.has(id)) return [];
    const isPictures = job.status === "succeeded" && !job.outputs.some(({ facts }) => "text" in facts);
    if (!isPictures) return wanted.favourite || wanted.folder ? [] : [{ key: id, job, output: null }];
    return job.outputs.filter(isWanted).map((output) => ({ key: `${id}/${output.index}`, job, output }));
  });
}

/** The picture that stands `by` pictures after that one, or undefined. */
export function beside(key, by) {
  const pictures = items().filter(({ output }) => output);
  const at = pictures.findIndex((item) => item.key === key);
  return at < 0 ? undefined : pictures[at + by];
}

/** A job, whether the gallery has it or not; throws what the server answers. */
export async function lookAt(id) {
  return jobs.get(id) ?? getJson(local(`/v1/generations/${id}`));
}
