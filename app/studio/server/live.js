// What happens to this key's jobs, as it happens: one stream a browser, handed on to its other tabs.
// A browser opens six connections to one server: a stream a tab, let alone a job, would stop the page.

import { call, Refused } from "./api.js";

const NAME = "easel-live";
const SILENT_MS = 40_000; // the server says something every 15 s
const SOONEST_MS = 500;
const LATEST_MS = 8000;

/**
 * `told(type, data)`: `generation` with a job, `deleted` with its id, `reset` when something may have been missed,
 * `away` with words while the server does not answer, or with null once it does.
 */
export function listen(told) {
  const channel = new BroadcastChannel(NAME);
  let last = null;
  const take = ({ id, type, data }) => {
    last = id ?? last;
    told(type, data);
  };
  channel.addEventListener("message", ({ data }) => take(data));
  const hand = (message) => {
    take(message);
    channel.postMessage(message);
  };
  const lead = () => follow(hand, () => last);
  if (navigator.locks) navigator.locks.request(NAME, lead); // only where the page came by https or from this machine
  else lead();
  document.addEventListener("resume", () => told("reset", null)); // it was frozen, and heard nothing
}

async function follow(hand, last) {
  for (let failures = 0; ; failures += 1) {
    try {
      await stream(hand, last(), () => {
        if (failures) hand({ type: "away", data: null });
        failures = 0;
      });
    } catch (error) {
      if (!(error instanceof Refused) && error.name !== "AbortError") throw error;
      hand({ type: "away", data: error.name === "AbortError" ? "The server is silent. Trying again…" : error.message });
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(LATEST_MS, SOONEST_MS * 2 ** failures)));
  }
}

/** One connection, until it ends or says nothing for too long. */
async function stream(hand, last, opened) {
  const control = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => control.abort(), SILENT_MS);
  };
  const response = await call("/v1/events", { signal: control.signal, headers: last ? { "Last-Event-ID": last } : {} });
  opened();
  if (!last) hand({ type: "reset", data: null }); // what happened before the stream was open
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (heard(); ; heard()) {
      const { done, value } = await reader.read().catch((error) => {
        if (error.name === "AbortError") throw error;
        return { done: true }; // it was cut off: the next one goes on where this one ended
      });
      if (done) return;
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) tell(event, hand);
    }
  } finally {
    clearTimeout(timer);
  }
}

function tell(event, hand) {
  const fields = {};
  for (const line of event.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = value;
  }
  if (fields.event) hand({ id: fields.id, type: fields.event, data: fields.data ? JSON.parse(fields.data) : null });
}
