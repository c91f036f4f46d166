// Photos that are chosen, dropped or pasted are sent to the API one by one; each answer becomes a card.

import { $, make, named } from "./dom.js";

const AT_ONCE = 2;
const TOP = 5;
const POSSIBLE = 8;
const waiting = [];
const models = {};
let running = 0;

const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

function add(files) {
  for (const file of files) {
    const card = make("li", { className: "photo", tabIndex: -1 });
    card.append(make("div", { className: "look" }, make("div", { className: "wait", textContent: "answering …" })));
    card.append(make("div", {}, named(file.name, { className: "name" })));
    $("photos").append(card);
    waiting.push({ file, card });
  }
  $("clear").hidden = !$("photos").children.length;
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    const { file, card } = waiting.shift();
    if (!card.isConnected) continue;
    running += 1;
    answer(file)
      .then((found) => show(card, file.name, found), (error) => fail(card, file.name, error.message))
      .finally(() => {
        running -= 1;
        next();
      });
  }
}

async function answer(file) {
  if (file.size > 1e6 * Number(document.body.dataset.photoMb)) {
    throw new Error(`the file has more than ${document.body.dataset.photoMb} MB`);
  }
  let response;
  try {
    const headers = { "Content-Type": "application/octet-stream" };
    response = await fetch(`explain?top_k=${TOP}`, { method: "POST", body: file, headers });
  } catch {
    throw new Error("no answer: has fluke open been stopped?");
  }
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  $("run").textContent = found.model;
  models[found.model] ??= fetch("model").then((about) => about.json(), () => ({}));
  return { ...found, about: await models[found.model] };
}

function show(card, name, found) {
  const heat = make("button", { type: "button" }, "Heat map ", make("kbd", { textContent: "h" }));
  const image = make("img", { alt: "" });
  const turn = (on) => {
    heat.ariaPressed = String(on);
    image.src = on ? found.heat_map : found.photo;
    image.alt = on ? `heat map of ${found.top[0].class}` : name;
  };
  heat.className = "heat";
  heat.onclick = () => turn(heat.ariaPressed !== "true");
  turn(true);
  const top = found.top.map((each) =>
    make("li", {}, named(each.class), make("span", { className: "share", textContent: percent(each.probability) }),
      make("meter", { value: each.probability, ariaLabel: percent(each.probability) })));
  const parts = [
    make("h2", {}, named(found.top[0].class)),
    named(name, { className: "name", title: name }),
    make("ul", { className: "top", ariaLabel: "Probabilities" }, ...top),
  ];
  if (found.unsure) parts.splice(1, 0, unsure(found.about.abstain));
  if (found.possible_classes) parts.push(possible(found.possible_classes, found.about.sets));
  if (found.nearest.length) {
    parts.push(make("h3", { textContent: "The most similar photos that it has learned from" }));
    parts.push(make("div", { className: "nearest" }, ...found.nearest.map(neighbour)));
  }
  card.ariaLabel = `${name}: ${found.top[0].class}, ${percent(found.top[0].probability)}${found.unsure ? ", unsure" : ""}`;
  card.replaceChildren(make("div", { className: "look" }, image, heat), make("div", {}, ...parts));
}

function unsure(abstain) {
  const why = abstain ? `: answers below ${percent(abstain.least_probability)} are not to be relied on` : "";
  return make("p", { className: "unsure", textContent: `Unsure${why}` });
}

function possible(classes, sets) {
  const shown = classes.slice(0, POSSIBLE).flatMap((each, at) => [at ? ", " : "", named(each)]);
  const more = classes.length > POSSIBLE ? ` and ${classes.length - POSSIBLE} more` : "";
  const often = sets ? `In ${percent(sets.wanted).replace(".0", "")} of cases, the true class is among: ` : "Possible: ";
  return make("p", { className: "possible" }, often, ...shown, more);
}

function neighbour(near) {
  const image = make("img", { src: `picture/${encodeURIComponent(near.photo)}/small`, alt: "", loading: "lazy" });
  image.onerror = () => image.replaceWith(make("div", { className: "gone", textContent: "photo is gone" }));
  const similarity = make("div", { className: "muted", textContent: near.cosine.toFixed(2), title: "cosine similarity" });
  return make("figure", {}, image, make("figcaption", {}, named(near.class)), similarity);
}

function fail(card, name, reason) {
  const remove = make("button", { type: "button", textContent: "Remove", onclick: () => drop(card) });
  card.classList.add("failed");
  card.ariaLabel = `${name}: ${reason}`;
  card.replaceChildren(
    make("div", {}, named(name, { className: "name" }), make("p", { className: "reason", textContent: reason })),
    remove,
  );
}

function drop(card) {
  (card.nextElementSibling ?? card.previousElementSibling ?? $("files")).focus();
  card.remove();
  $("clear").hidden = !$("photos").children.length;
}

function go(steps) {
  const cards = [...$("photos").children];
  const at = cards.indexOf(document.activeElement.closest?.(".photo"));
  const card = cards[at < 0 ? (steps > 0 ? 0 : cards.length - 1) : Math.min(Math.max(at + steps, 0), cards.length - 1)];
  card?.focus();
  card?.scrollIntoView({ block: "nearest" });
}

const current = () => document.activeElement.closest?.(".photo") ?? $("photos").firstElementChild;
const KEYS = {
  KeyO: () => $("files").click(),
  KeyJ: () => go(1),
  KeyK: () => go(-1),
  ArrowDown: () => go(1),
  ArrowUp: () => go(-1),
  KeyH: () => current()?.querySelector(".heat")?.click(),
  KeyX: () => current() && drop(current()),
  Delete: () => current() && drop(current()),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.key === "?") $("help").showModal();
  else if (KEYS[event.code]) KEYS[event.code]();
  else return;
  event.preventDefault();
});
addEventListener("paste", (event) => add(event.clipboardData.files));
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  add(event.dataTransfer.files);
});
$("files").onchange = () => {
  add($("files").files);
  $("files").value = "";
};
$("clear").onclick = () => {
  waiting.length = 0;
  $("photos").replaceChildren();
  $("clear").hidden = true;
  $("files").focus();
};
$("ask").onclick = () => $("help").showModal();
