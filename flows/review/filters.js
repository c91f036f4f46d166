// The filters and the counts beside the list. The URL contains the filters, so reloading the page keeps them.

import { $, make, named, shown } from "./dom.js";

const STATES = { open: "Open", reviewed: "Reviewed", disputed: "Reviewers differ", all: "All" };
const VIEWS = { doubts: "Doubtful photos", photos: "All photos" };
const ORDERS = { class: "By class", unsure: "Model least sure first", sure: "Model most sure first" };
const FACETS = { reason: "All reasons", label: "All classes", split: "All splits", answer: "All answers", confidence: "Any confidence" };
const ANSWERS = { right: "right", wrong: "mistakes" };
const TYPING_MS = 300;
export let filters = { state: "open" };

export function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  const isPhotos = given.get("view") === "photos";
  const state = given.get("state");
  filters = { state: Object.hasOwn(STATES, state ?? "") ? state : isPhotos ? "all" : "open" };
  if (isPhotos) filters.view = "photos";
  for (const name of [...Object.keys(FACETS), "text", "order", "like"]) if (given.get(name)) filters[name] = given.get(name);
  if (document.activeElement !== $("search")) $("search").value = filters.text ?? "";
}

const wordsOf = (facet, value) => (facet === "answer" ? (ANSWERS[value] ?? value) : value);

function hashOf(change) {
  const to = { ...filters, ...change };
  for (const name of Object.keys(to)) if (to[name] === null || to[name] === "") delete to[name];
  return `#${new URLSearchParams(to)}`;
}

// The address of all photos, the most similar to a photo first.
export const similarTo = (photo) => `#${new URLSearchParams({ view: "photos", state: "all", order: "similar", like: photo })}`;

function link(text, change, count, isChosen) {
  const number = typeof count === "number" ? count.toLocaleString("en") : "";
  const node = make("a", { href: hashOf(change) }, named(text), make("span", { className: "count", textContent: number }));
  if (isChosen) node.setAttribute("aria-current", "true");
  return make("li", {}, node);
}

export function showProgress(counts) {
  $("bar").max = Math.max(1, counts.total);
  $("bar").value = counts.reviewed;
  $("progress").textContent = `${counts.reviewed.toLocaleString("en")} of ${counts.total.toLocaleString("en")} reviewed`;
}

export function showCounts(counts) {
  showProgress(counts);
  const focused = document.activeElement?.closest("nav a")?.getAttribute("href");
  const isPhotos = filters.view === "photos";
  $("views").replaceChildren(
    ...Object.entries(VIEWS).map(([view, title]) => {
      const address = view === "photos" ? "#view=photos" : "#";
      const item = link(title, {}, undefined, isPhotos === (view === "photos"));
      item.firstChild.setAttribute("href", address);
      return item;
    }),
  );
  $("views").hidden = $("views-title").hidden = !("photos" in document.body.dataset);
  const states = Object.keys(STATES).filter((state) => state !== "disputed" || counts.states.disputed || filters.state === "disputed");
  $("states").replaceChildren(...states.map((state) => link(STATES[state], { state }, counts.states[state], state === filters.state)));
  const orders = { ...ORDERS, ...(filters.order === "similar" && { similar: "Most similar first" }) };
  $("orders").replaceChildren(
    ...Object.entries(orders).map(([order, title]) =>
      link(title, { order: order === "class" ? null : order, like: order === "similar" ? filters.like : null }, undefined, order === (filters.order ?? "class")),
    ),
  );
  $("orders").hidden = $("orders-title").hidden = !isPhotos || (!counts.facets.answer.length && filters.order !== "similar");
  for (const [name, all] of Object.entries(FACETS)) {
    const items = counts.facets[name];
    const list = $(`${name}s`);
    const sum = items.reduce((total, item) => total + item.count, 0);
    list.replaceChildren(
      link(all, { [name]: null }, sum, filters[name] === undefined),
      ...items.map((item) => link(wordsOf(name, item.name), { [name]: item.name }, item.count, filters[name] === item.name)),
    );
    list.hidden = $(`${name}s-title`).hidden = !items.length || (!isPhotos && !["reason", "label"].includes(name));
  }
  $("find").hidden = counts.facets.label.length < 12;
  narrow();
  if (focused) [...document.querySelectorAll("nav a")].find((node) => node.getAttribute("href") === focused)?.focus();
  const chosen = [isPhotos && VIEWS.photos, STATES[filters.state], ...Object.keys(FACETS).map((name) => wordsOf(name, filters[name])), filters.text].filter(Boolean);
  $("chosen").textContent = `: ${chosen.map(shown).join(", ")}`;
}

function narrow() {
  const typed = $("find").value.trim().toLowerCase();
  [...$("labels").children].forEach((item, i) => {
    item.hidden = i > 0 && !item.firstChild.firstChild.textContent.toLowerCase().includes(typed);
  });
}

let typing = 0;
$("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => (location.hash = hashOf({ text: $("search").value.trim() })), TYPING_MS);
});
$("find").addEventListener("input", narrow);
