// Speaks to the server: the key, JSON, pictures, jobs to their end. Knows no page.

const KEY = "easel-key";
let askForKey = async () => null;
let asking = null;

export const key = {
  get: () => sessionStorage.getItem(KEY),
  keep: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
  /** `ask(refused)` is called where a key is needed; it answers one, or null if the person has none. */
  askWith: (ask) => { askForKey = ask; },
};

/** Its `message` is for a person; `param` is the field that it is about, `code` the kind, where the server named them. */
export class Refused extends Error {
  constructor(status, message, { code = null, param = null } = {}) {
    super(message);
    Object.assign(this, { status, code, param });
  }
}

export async function call(path, options = {}) {
  const sent = key.get();
  const headers = { ...options.headers };
  if (sent) headers.Authorization = `Bearer ${sent}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "The server does not answer.");
  }
  if (response.ok) return response;
  if (response.status === 401 && (await signedIn(sent))) return call(path, options);
  const body = await response.json().catch(() => null);
  throw new Refused(response.status, body?.error?.message ?? `The server answered ${response.status}.`, body?.error ?? {});
}

/** Whether there is a key to try now that is not the one that was refused. Many calls, one question. */
async function signedIn(refused) {
  if (key.get() !== refused) return true;
  asking ??= askForKey(Boolean(refused)).finally(() => { asking = null; });
  const answer = await asking;
  if (answer) key.keep(answer);
  return Boolean(answer);
}

export const getJson = async (path) => (await call(path)).json();

export async function postJson(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await call(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** The server's own address may be another than the one that this page was reached by. */
export function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

export const pictureBlob = async (output) => (await call(local(output.url))).blob();

/** What an <img> can show: with a key, only a fetch can send it. */
export async function pictureSource(output) {
  return key.get() ? URL.createObjectURL(await pictureBlob(output)) : local(output.url);
}

/** The newest preview of a running job, as an address to revoke, or null. */
export async function previewSource(job) {
  const response = await call(`${local(job.urls.get)}/preview`);
  return response.status === 204 ? null : URL.createObjectURL(await response.blob());
}

export const ENDED = new Set(["succeeded", "failed", "canceled"]);
const LOOK_MS = 300;
const LOST_MS = 5000;
let followed = 0;

/**
 * Look at a job until it has ended, telling `seen` each time, or `lost` while the server does not answer: it may be
 * back soon, and has the job still. Returns the job, or null if it was deleted.
 * Looked at, not streamed: a browser opens six connections to one server, and a seventh stream would stop the page.
 */
export async function follow(job, seen, lost) {
  followed += 1;
  try {
    for (let failures = 0; !ENDED.has(job.status); ) {
      const pause = failures ? Math.min(LOST_MS, LOOK_MS * 2 ** failures) : LOOK_MS * Math.max(1, followed / 2);
      await new Promise((resolve) => setTimeout(resolve, pause));
      try {
        job = await getJson(local(job.urls.get));
        failures = 0;
      } catch (error) {
        if (error.status === 404) return null;
        if (error.status !== 0 && error.status < 500) throw error;
        failures += 1;
        lost(error);
        continue;
      }
      seen(job);
    }
    return job;
  } finally {
    followed -= 1;
  }
}
