// The few things that every part does with the page. Knows no picture and no server.

export const byId = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Tell the person; a screen reader says it too. */
export function say(text, wrong = false) {
  for (const place of [byId("status"), ...toldIn(document.querySelector("dialog[open]"), text)]) {
    place.textContent = text;
    place.classList.toggle("wrong", wrong);
  }
}

/** Where it is seen while a dialog stands before the page. */
function toldIn(dialog, text) {
  if (!dialog) return [];
  const before = dialog.querySelector(":scope > .told");
  if (before || !text) return before ? [before] : [];
  const place = element("p", { className: "told", role: "status" });
  dialog.addEventListener("close", () => place.remove(), { once: true });
  dialog.append(place);
  return [place];
}

/** Open a dialog; when it closes, the focus goes to what `back` names, or to the prompt if that is gone. */
export function open(dialog, back) {
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    const target = back ? back() : before;
    (target?.isConnected ? target : byId("prompt")).focus();
  }, { once: true });
  dialog.showModal();
}

/** Put text on the clipboard; a page that was not reached by https or loopback has only the old way. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", { value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("The browser does not let this page copy.");
}
