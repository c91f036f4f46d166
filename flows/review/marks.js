// Photos that are marked are decided together. The selected photo is one of them; to select another one unmarks them.

import { current, select } from "./current.js";
import * as decisions from "./decisions.js";
import { cards, fill, generation, hasFailed, load, more } from "./list.js";
import { photos, showMessage } from "./message.js";

const MOST_MARKED = Number(document.body.dataset.mostMarked); // photos that are marked at once
const marked = new Set(); // numbers of rows

export const isMarked = (number) => marked.has(number);
export const unmarkAll = () => marked.clear();
export const markedNumbers = () => [...cards.keys()].filter((number) => marked.has(number));

export function mark(numbers) {
  for (const number of numbers) marked.add(number);
  for (const number of numbers) fill(number);
  if (marked.size) showMessage(`${photos(marked.size)} marked: y, x, s or m decides about all of them, Esc unmarks them`);
}

export function unmark() {
  const were = [...marked].filter((number) => cards.has(number));
  marked.clear();
  were.forEach(fill);
}

// Mark all photos between the selected one and another one, and select that.
export function markTo(number) {
  const numbers = [...cards.keys()];
  const [first, last] = [numbers.indexOf(current ?? number), numbers.indexOf(number)].sort((one, other) => one - other);
  mark(numbers.slice(first, last + 1));
  select(number, false);
}

export async function markNext(by) {
  if (current === null) return;
  const from = current;
  const numbers = [...cards.keys()];
  const next = numbers[numbers.indexOf(from) + by];
  mark(next === undefined ? [from] : [from, next]);
  if (next !== undefined) select(next);
  else if (by > 0 && more) {
    await load();
    if (current === from && [...cards.keys()].at(-1) !== from) markNext(by);
  }
}

// Mark all photos of the list without a decision, also those that have not been loaded yet.
export async function markAll() {
  const mine = generation;
  while (more && cards.size < MOST_MARKED && !hasFailed && mine === generation) {
    showMessage(`loading the photos of this list: ${cards.size.toLocaleString("en")} …`, "busy");
    await load();
  }
  if (mine !== generation || hasFailed) return;
  if (more) return showMessage(`the list has more than ${photos(MOST_MARKED)}; choose a class or another filter first`);
  const open = [...cards].filter(([, { row }]) => !decisions.decisionOf(row)).map(([number]) => number);
  if (!open.length) return showMessage("no photo of this list is without a decision");
  mark(open);
  if (!marked.has(current)) select(open[0]);
}
