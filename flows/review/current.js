// Which photo is selected.
//
// At most one photo is selected, and it is the one that the person sees as current. Keys act on it and on nothing else:
// after a decision no photo is selected until the next one is found, and none after the last one. The focus is in the
// list only within the selected photo, so a browser that gives it back (after a dialog, or from another window) selects
// no other photo.

import * as decisions from "./decisions.js";
import { $ } from "./dom.js";
import { filters } from "./filters.js";
import { cards, hasFailed, load, more } from "./list.js";
import { isMarked, unmark } from "./marks.js";
import { showMessage } from "./message.js";
import { showView } from "./view.js";

export let current = null; // number of the selected row, or null
export let moves = 0; // increased by each change of the selection
let place = null; // number of the row that was selected last: j and k go on from there

export const hasFocus = (node) => node.contains(document.activeElement);
export const isUntouched = () => current === null && place === null;

export function unselect() {
  const card = cards.get(current);
  current = null;
  moves += 1;
  if (!card) return;
  card.node.tabIndex = -1;
  card.node.removeAttribute("aria-current");
  for (const button of card.node.querySelectorAll("button")) button.tabIndex = -1;
}

export function forget() {
  unselect();
  place = null;
}

// Select a row. With `focus` it gets the focus and is scrolled into view; `button` focuses one of its buttons instead.
export function select(number, focus = true, button = undefined) {
  const { node } = cards.get(number);
  if (!isMarked(number)) unmark();
  if (!hasFocus(node)) aside();
  unselect();
  current = place = number;
  moves += 1;
  node.tabIndex = 0;
  node.setAttribute("aria-current", "true");
  for (const each of node.querySelectorAll("button")) each.tabIndex = 0;
  if (focus) showFocus(button);
  if ($("view").open) showView();
}

export function showFocus(button) {
  const node = cards.get(current)?.node;
  if (!node) return;
  const at = (button && node.querySelector(`[data-act=${button}]`)) || node;
  if (!document.querySelector("dialog[open]")) at.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest" });
}

// Take the focus out of the list, for example before a dialog opens: when it closes, the browser gives the focus back.
export function aside() {
  if (hasFocus($("list"))) document.activeElement.blur();
}

export async function step(by) {
  unmark();
  const mine = moves;
  for (;;) {
    const numbers = [...cards.keys()];
    const from = place ?? -1; // this photo may not be in the list any more
    const isBack = current === null; // k goes back to the last photo
    const next = by > 0 ? numbers.find((number) => number > from) : numbers.findLast((number) => number < from || (isBack && number === from));
    if (next !== undefined) return select(next);
    if (by < 0 || !more) return undefined;
    await load();
    if (mine !== moves || hasFailed) return undefined;
  }
}

export async function stepRow(by) {
  unmark();
  const here = cards.get(current)?.node.getBoundingClientRect();
  if (!here) return step(by);
  const all = [...cards].map(([number, { node }]) => ({ number, box: node.getBoundingClientRect() }));
  const beyond = all.filter(({ box }) => by * (box.top - here.top) > 2);
  if (!beyond.length) {
    if (by < 0 || !more) return undefined;
    const mine = moves;
    await load();
    return mine === moves && !hasFailed ? stepRow(by) : undefined;
  }
  const top = by > 0 ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
  const line = beyond.filter(({ box }) => Math.abs(box.top - top) <= 2);
  line.sort((one, other) => Math.abs(one.box.left - here.left) - Math.abs(other.box.left - here.left));
  return select(line[0].number);
}

// Select the next photo after a decision about `number`: the next without one, or among the reviewed ones just the next.
export async function advance(number, words, button) {
  aside();
  unselect();
  place = number;
  const mine = moves;
  const isWanted = filters.state === "reviewed" ? () => true : ({ row }) => !decisions.decisionOf(row);
  for (;;) {
    const next = [...cards].find(([other, card]) => other > number && isWanted(card));
    if (next) return select(next[0], true, button);
    if (!more) break;
    if ($("view").open) showView();
    await load();
    if (mine !== moves || hasFailed) return undefined;
  }
  $("view").close();
  return showMessage(`${words}; that was the end of the list, k: go back`);
}
