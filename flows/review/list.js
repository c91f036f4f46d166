// The photos of the list that have been loaded, and their cards. The server decides which photos are in it.

import { about, decisionShown, pictures, refill, status } from "./card.js";
import { current, forget, isUntouched, select } from "./current.js";
import * as decisions from "./decisions.js";
import { $, make, named, shown } from "./dom.js";
import { filters, showCounts } from "./filters.js";
import { request } from "./http.js";
import { isMarked, unmarkAll } from "./marks.js";
import { showMessage } from "./message.js";
import { pictureSize } from "./size.js";
import { showView } from "./view.js";

export const cards = new Map(); // row number -> {row, node}, sorted by number
export let generation = 0; // increased by each reload: responses of an older generation are ignored
export let more = false; // whether the server has more photos of this list
export let loading = null;
export let hasFailed = false; // whether the last request for rows failed
let last = -1; // number of the last row of the list that was loaded
let highest = -1; // number of the last row in `cards`
const hints = new Map([...$("hints").content.children].map((item) => [item.title, item.textContent])); // reason -> what it means

export const urlOf = (what, given = {}) => `${what}?${new URLSearchParams({ ...filters, ...given, list: document.body.dataset.list })}`;

export async function reload() {
  const mine = ++generation;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  forget();
  unmarkAll();
  cards.clear();
  last = highest = -1;
  $("list").replaceChildren();
  loading = null;
  more = true;
  await load();
  // A photo with a decision is selected only by the person.
  const first = [...cards].find(([, { row }]) => !decisions.decisionOf(row));
  if (mine === generation && first && isUntouched()) select(first[0], false);
}

export function load() {
  if (!more || loading) return loading ?? Promise.resolve();
  const mine = generation;
  loading = (async () => {
    try {
      await decisions.settled(); // otherwise a photo decided a moment ago might be returned as open
      const since = decisions.changes();
      const page = await request(urlOf("rows", { after: last }));
      if (mine !== generation) return;
      for (const row of page.rows) {
        decisions.learn(row, row.decision, since);
        insert(row);
      }
      last = page.rows.at(-1)?.number ?? last;
      more = page.more;
      hasFailed = false;
      showCounts(page.counts);
    } catch (error) {
      if (mine !== generation) return;
      hasFailed = true;
      showMessage(error.message, "error");
    } finally {
      if (mine === generation) loading = null;
    }
    if (mine !== generation) return;
    $("end").textContent = hasFailed ? "These photos could not be loaded; j tries again." : more ? "" : cards.size ? "End of the list." : empty();
    if (more && !hasFailed && $("end").getBoundingClientRect().top < 2 * innerHeight) load(); // the observer reports only changes
  })();
  return loading;
}

function empty() {
  return filters.view === "photos" || Object.keys(filters).length > 1 ? "No photo passes these filters." : "Nothing to review here.";
}

// Put a row at its place in the list.
export function insert(row) {
  if (cards.has(row.number)) return;
  const next = row.number > highest ? undefined : [...cards.keys()].find((number) => number > row.number);
  highest = Math.max(highest, row.number);
  const before = next === undefined ? null : cards.get(next).node;
  const sections = [...$("list").children];
  let section = before ? before.closest("section") : sections.at(-1);
  if (section?.reason !== row.section) section = before && section === sections[0] ? null : before ? sections[sections.indexOf(section) - 1] : null;
  if (section?.reason !== row.section) {
    const id = `reason-${row.number}`;
    section = make("section", { reason: row.section }, make("h2", { id }, named(row.section || titleOf(row))), ...hint(row.section), make("ul", {}));
    section.setAttribute("aria-labelledby", id);
    section.lastChild.setAttribute("role", "list"); // some screen readers ignore lists without bullets
    $("list").insertBefore(section, before ? before.closest("section") : null);
  }
  const node = make("li", { className: "card", tabIndex: -1 });
  node.dataset.number = row.number;
  section.lastChild.insertBefore(node, before?.parentNode === section.lastChild ? before : null);
  const later = next === undefined ? [] : [...cards].filter(([number]) => number > row.number);
  for (const [number] of later) cards.delete(number);
  for (const [number, card] of [[row.number, { row, node }], ...later]) cards.set(number, card);
  fill(row.number);
}

// Take a photo out of the list, because the server no longer lists it.
export function remove(number) {
  const { node } = cards.get(number);
  const section = node.closest("section");
  cards.delete(number);
  node.remove();
  if (!section.lastChild.firstChild) section.remove();
}

// The heading of photos in another order than by reason or class.
function titleOf(row) {
  if (filters.order !== "similar") return filters.order === "sure" ? "The model is most sure of these" : "The model is least sure of these";
  return row.photo === filters.like ? `Similar to ${row.name}` : "Similar photos";
}

function hint(reason) {
  return hints.has(reason) ? [make("p", { className: "muted", textContent: hints.get(reason) })] : [];
}

// Show a photo as it is now. Its words are made again only if they have changed: many photos are marked at once.
export function fill(number) {
  const card = cards.get(number);
  const { row, node } = card;
  const kinds = [decisions.decisionOf(row)?.action ?? "undecided", row.duplicate_of && "pair", isMarked(number) && "marked"];
  node.className = ["card", ...kinds.filter(Boolean)].join(" ");
  const decided = decisionShown(row);
  if (card.decided === decided) return;
  card.decided = decided;
  node.setAttribute("aria-label", `${shown(row.label)}, ${[row.reason, row.score, row.answer].filter(Boolean).map(shown).join(", ")}, ${status(row)}, ${shown(row.name)}`);
  if (!node.firstChild) node.append(make("div", { className: "pictures" }, ...pictures(row, pictureSize())));
  refill(node, node.firstChild, ...about(row)); // the images are kept, otherwise they would flicker
  for (const button of node.querySelectorAll("button")) button.tabIndex = number === current ? 0 : -1;
  if (number === current && $("view").open) showView();
}

// A photo may be in the list several times, for different reasons.
export function refillAll(keys) {
  for (const number of numbersOf(keys)) fill(number);
}

export function numbersOf(keys) {
  const wanted = new Set(keys.map(decisions.textOf));
  return [...cards].filter(([, { row }]) => wanted.has(decisions.textOf(row))).map(([number]) => number);
}
