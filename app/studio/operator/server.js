// The server as it is now: its queue, what is left of one's own limits, and for its owner who uses it.

import { byId, element, open } from "../page.js";
import { getJson } from "../server/api.js";

const dialog = byId("server");
const REFRESH_MS = 5000;
let wired = false;

/** Show it, and keep it true while it is open. Throws what the server answers. */
export async function openServer() {
  if (!wired) byId("server-close").addEventListener("click", () => dialog.close());
  wired = true;
  tell(await getJson("/v1/server"));
  open(dialog);
  byId("server-title").focus();
  const timer = setInterval(refresh, REFRESH_MS);
  dialog.addEventListener("close", () => clearInterval(timer), { once: true });
}

async function refresh() {
  try {
    tell(await getJson("/v1/server"));
  } catch (error) {
    byId("server-said").textContent = `${error.message} What stands here is of a moment ago.`;
  }
}

const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
const of = (used, limit) => (limit === null ? String(used) : `${used} of ${limit}`);

function tell({ version, running, queues, usage, admin }) {
  byId("server-said").textContent = `Easel ${version}`;
  rows("server-now", [
    ["Running", counted(running, "job")],
    ...queues.map((queue) => [queues.length > 1 ? `Queue ${queue.name}` : "Waiting", lineOf(queue)]),
  ]);
  rows("server-usage", [
    ["Waiting", of(usage.waiting, usage.max_waiting)],
    ["Running", of(usage.running, usage.max_running)],
    ["Pictures", of(usage.images_today, usage.images_per_day)],
    ["Seconds of workers", of(Math.round(usage.worker_seconds_today), usage.worker_seconds_per_day)],
    ["Kept", `${of(usage.kept, usage.max_kept)} pictures`],
    ["Others are removed", `${spanOf(usage.retention_hours)} after they were made`],
  ]);
  byId("server-admin").hidden = !admin;
  if (admin) tellAdmin(admin);
}

function lineOf({ waiting, oldest_seconds: oldest, workers, slots }) {
  const waits = waiting ? `${counted(waiting, "job")}, the first for ${Math.round(oldest)} s` : "nobody waits";
  return workers ? `${waits}; ${counted(workers, "worker")} for ${slots} at once` : `${waits}; no worker serves it`;
}

const spanOf = (hours) => (hours >= 48 ? counted(Math.round(hours / 24), "day") : counted(hours, "hour"));

function tellAdmin({ keeper, webhooks_waiting: webhooks, workers, keys }) {
  byId("server-workers").replaceChildren(
    ...workers.map((worker) => element("li", { textContent: wordsOf(worker) })),
    ...(workers.length ? [] : [element("li", { className: "wrong", textContent: "No worker lives: nothing is drawn. 'easel up' starts one." })]),
    ...(keeper ? [] : [element("li", { className: "wrong", textContent: "No keeper lives: nothing expires, and no crash is mended." })]),
    ...(webhooks ? [element("li", { textContent: `${counted(webhooks, "webhook")} to be delivered` })] : []),
  );
  byId("server-keys").replaceChildren(...keys.map(({ id, name, waiting, running, images_today, worker_seconds_today }) => element("tr", {},
    element("th", { scope: "row", textContent: id ? `${name} (${id})` : name }),
    ...[waiting, running, images_today, Math.round(worker_seconds_today)].map((value) => element("td", { textContent: value })),
  )));
}

function wordsOf({ name, device, slots, loaded, loading, failed }) {
  const does = [
    loaded.length ? `has ${loaded.join(", ")}` : "has no model yet",
    ...(loading ? [`loads ${loading}`] : []),
    ...Object.entries(failed).map(([model, reason]) => `could not load ${model}: ${reason}`),
  ];
  return `${name} on ${device}, ${slots} at once; ${does.join("; ")}`;
}

function rows(id, told) {
  byId(id).replaceChildren(...told.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
}
