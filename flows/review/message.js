// The line at the bottom that says what happened.

import { $ } from "./dom.js";

const SHOWN_MS = 5000;
let timer = 0;

// `kind` is empty, "error" or "busy": errors stay until the next message, and so does what takes long.
export function showMessage(text, kind = "") {
  clearTimeout(timer);
  $("said").textContent = text;
  $("said").className = kind;
  placeMessage();
  if (!kind) timer = setTimeout(() => ($("said").textContent = ""), SHOWN_MS);
}

export function placeMessage() {
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body; // elements behind a dialog are inert
  if ($("said").parentNode !== host) host.append($("said"));
}

export const photos = (count) => `${count.toLocaleString("en")} ${count === 1 ? "photo" : "photos"}`;
