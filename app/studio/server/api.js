// Speaks to the server: the key, JSON, pictures. Knows no page.

const KEY = "easel-key";
let askForKey = async () => null;
let asking = null;

/** Kept for all tabs of this browser, until somebody signs out. */
export const key = {
  get: () => localStorage.getItem(KEY),
  keep: (value) => localStorage.setItem(KEY, value),
  forget: () => localStorage.removeItem(KEY),
  /** `ask(refused)` is called where a key is needed; it answers one, or null if the person has none. */
  askWith: (ask) => { askForKey = ask; },
  /** `changed()` is called when another tab has signed in or out. */
  watch: (changed) => addEventListener("storage", ({ key: name }) => (name === KEY || name === null) && changed()),
};

/** Its `message` is for a person; `param` is the field that it is about, `code` the kind, where the server named them. */
export class Refused extends Error {
  constructor(status, message, { code = null, param = null } = {}) {
    super(message);
    Object.assign(this, { status, code, param });
  }
}

const AWAY = "The server does not answer. What you typed is kept: try again when it is back.";

export async function call(path, options = {}) {
  const sent = key.get();
  const headers = { ...options.headers };
  if (sent) headers.Authorization = `Bearer ${sent}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, AWAY);
  }
  if (response.ok) return response;
  if (response.status === 401 && (await signedIn(sent))) return call(path, options);
  const body = await response.json().catch(() => null);
  throw new Refused(response.status, sayingWhen(response, body), body?.error ?? {});
}

/** The server's words, and when to come again where it says so. */
function sayingWhen(response, body) {
  const said = body?.error?.message ?? `The server answered ${response.status}.`;
  const seconds = Number(response.headers.get("Retry-After"));
  if (![429, 503].includes(response.status) || !seconds || /\d+ s/.test(said)) return said;
  return `${said.replace(/[.?]+$/, "")}. Try again in ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}.`;
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

const sendJson = async (method, path, body) => {
  const headers = { "Content-Type": "application/json" };
  return (await call(path, { method, headers, body: JSON.stringify(body) })).json();
};

export const postJson = (path, body) => sendJson("POST", path, body);
export const patchJson = (path, body) => sendJson("PATCH", path, body);

/** Remove what is there; what is gone already is no error. */
export const remove = (path) =>
  call(path, { method: "DELETE" }).catch((error) => {
    if (error.status !== 404) throw error;
  });

/** The server's own address may be another than the one that this page was reached by. */
export function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

export const pictureBlob = async (output) => (await call(local(output.url))).blob();

/** What an <img> can show: the signed address while it is good, for an hour; then only a fetch with the key is let in. */
export async function pictureSource(output) {
  const until = Number(new URL(output.url, location.href).searchParams.get("exp"));
  return !until || until * 1000 > Date.now() ? local(output.url) : URL.createObjectURL(await pictureBlob(output));
}

/** The newest preview of a running job, as an address to revoke, or null. */
export async function previewSource(job) {
  const response = await call(`${local(job.urls.get)}/preview`);
  return response.status === 204 ? null : URL.createObjectURL(await response.blob());
}

export const ENDED = new Set(["succeeded", "failed", "canceled"]);
