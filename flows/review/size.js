// The size of the pictures in the list: a slider and two keys; the browser remembers it.

import { $ } from "./dom.js";

const USUAL_REM = 15.5;
const STEP = 1.25;
const LARGE_REM = 20; // small pictures have 320 px

// Which picture the server is asked for.
export const pictureSize = () => (Number($("size").value) > LARGE_REM ? "medium" : "small");

function apply(rem) {
  $("size").value = rem;
  document.documentElement.style.setProperty("--picture", `${$("size").value}rem`);
  for (const image of document.querySelectorAll(".card img")) {
    const url = image.getAttribute("src").replace(/[^/]+$/, pictureSize());
    if (url !== image.getAttribute("src")) image.src = url;
  }
  try {
    localStorage.setItem("fluke review size", $("size").value);
  } catch {
    // without storage, the next page has the usual size
  }
}

function remembered() {
  try {
    return Number(localStorage.getItem("fluke review size")) || USUAL_REM;
  } catch {
    return USUAL_REM;
  }
}

export const changeSize = (steps) => apply(Number($("size").value) * STEP ** steps);

$("size").addEventListener("input", () => apply($("size").value));
apply(remembered());
