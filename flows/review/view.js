// The larger view of the selected photo, and the list of keys.

import { about, pictures, refill } from "./card.js";
import { aside, current, select } from "./current.js";
import { decisionOf } from "./decisions.js";
import { $, make } from "./dom.js";
import { cards, generation } from "./list.js";

export function showView() {
  const card = cards.get(current);
  const [stage, words] = $("view").children;
  const key = `${current} ${generation}`;
  if (stage.dataset.key !== key) {
    stage.dataset.key = key;
    stage.replaceChildren(...(card ? pictures(card.row, "large") : [make("p", { className: "muted", textContent: "loading …" })]));
  }
  const close = make("button", { type: "button", className: "close", textContent: "Close" });
  close.dataset.act = "close";
  refill(words, ...(card ? about(card.row) : []), close);
  words.className = `about ${(card && decisionOf(card.row)?.action) ?? "undecided"}`;
  for (const button of words.querySelectorAll("button")) button.tabIndex = 0;
}

export function openView(number) {
  select(number, false);
  aside();
  $("view").showModal();
  $("view").focus(); // not its first button, which Enter would press
  showView();
}

export function openHelp() {
  aside();
  $("help").showModal();
}
