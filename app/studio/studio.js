"use strict";
// A prompt becomes a picture through the native API: submit, follow the events, fetch the result.

const byId = (id) => document.getElementById(id);
const [form, status, progress, pictures] = ["ask", "status", "progress", "pictures"].map(byId);
let job = null;

function say(text, wrong = false) {
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

function busy(isBusy) {
  byId("draw").disabled = isBusy;
  byId("cancel").hidden = !isBusy;
  progress.hidden = !isBusy;
  progress.removeAttribute("value");
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  const key = sessionStorage.getItem("easel-key");
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  if (response.status === 401) byId("key-row").hidden = false;
  const body = await response.json().catch(() => null);
  throw new Error(body?.error?.message ?? `The server answered ${response.status}.`);
}

async function* events(url) {
  // EventSource cannot send a key, so the stream is read by hand; a broken one goes on after the last event seen.
  let last = null;
  for (let failures = 0; failures < 10; ) {
    try {
      const response = await call(url, last ? { headers: { "Last-Event-ID": last } } : {});
      if (response.status === 204) return;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
          if (!fields.event) continue;
          [last, failures] = [fields.id, 0];
          yield { type: fields.event, data: JSON.parse(fields.data) };
        }
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("The connection to the server was lost.");
}

const path = (url) => new URL(url).pathname;

async function show(finished) {
  for (const image of finished.images) {
    const blob = await (await call(path(image.url))).blob();
    const figure = document.createElement("figure");
    const picture = document.createElement("img");
    picture.src = URL.createObjectURL(blob);
    picture.alt = finished.input.prompt;
    const caption = document.createElement("figcaption");
    caption.textContent = `${finished.input.prompt} · seed ${image.seed}`;
    figure.append(picture, caption);
    pictures.prepend(figure);
  }
}

async function follow(url) {
  for await (const { type, data } of events(url)) {
    if (type === "queued") say("Waiting for a worker…");
    if (type === "started") say("Starting…");
    if (type === "canceling") say("Stopping…");
    if (type === "progress") {
      if (data.steps) progress.value = data.step / data.steps;
      say(data.stage === "denoise" ? `Drawing, step ${data.step} of ${data.steps}` : `Working: ${data.stage}`);
    }
    if (["succeeded", "failed", "canceled"].includes(type)) return data;
  }
  throw new Error("This picture is no longer there.");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (byId("key").value) sessionStorage.setItem("easel-key", byId("key").value);
  busy(true);
  say("Sending…");
  try {
    const request = { method: "POST", headers: { "Content-Type": "application/json" } };
    request.body = JSON.stringify({ prompt: byId("prompt").value });
    job = await (await call("/v1/generations", request)).json();
    byId("key-row").hidden = true;
    const finished = await follow(path(job.urls.events));
    if (finished.status === "failed") throw new Error(finished.error.message);
    await show(finished);
    const seconds = (new Date(finished.finished_at) - new Date(finished.created_at)) / 1000;
    say(finished.status === "canceled" ? "Canceled." : `Done in ${seconds.toFixed(1)} s.`);
  } catch (error) {
    say(error.message, true);
  } finally {
    busy(false);
    job = null;
  }
});

byId("cancel").addEventListener("click", () => {
  if (job) call(path(job.urls.cancel), { method: "POST" }).catch((error) => say(error.message, true));
});
