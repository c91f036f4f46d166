// The filters and the counts beside the list. The URL contains the filters, so reloading the page keeps them.

import { $, make, named, shown } from "./dom.js";

const STATES = ["open", "reviewed", "all"];
export let filters = { state: "open" };

export function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  filters = { state: STATES.includes(given.get("state")) ? given.get("state") : "open" };
  for (const name of ["reason", "label"]) if (given.has(name)) filters[name] = given.get(name);
}

// Whether a row passes the filters; `decision` is the one about it, or null.
export function passes(row, decision) {
  const isInState = filters.state === "all" || (filters.state === "reviewed") === (decision !== null);
  return isInState && [undefined, row.reason].includes(filters.reason) && [undefined, row.label].includes(filters.label);
}

function link(text, change, count, isChosen) {
  const to = { ...filters, ...change };
  for (const name of Object.keys(to)) if (to[name] === null) delete to[name];
  const node = make("a", { href: `#${new URLSearchParams(to)}` }, named(text), make("span", { className: "count", textContent: count }));
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
  const titles = { open: "Open", reviewed: "Reviewed", all: "All" };
  $("states").replaceChildren(
    ...Object.keys(titles).map((state) => link(titles[state], { state }, counts.states[state], state === filters.state)),
  );
  for (const [list, name, all] of [["reasons", "reason", "All reasons"], ["labels", "label", "All classes"]]) {
    const items = counts[list];
    const sum = items.reduce((total, item) => total + item.open, 0);
    $(list).replaceChildren(
      link(all, { [name]: null }, sum, filters[name] === undefined),
      ...items.map((item) => link(item.name, { [name]: item.name }, item.open, filters[name] === item.name)),
    );
  }
  $("find").hidden = counts.labels.length < 12;
  narrow();
  if (focused) [...document.querySelectorAll("nav a")].find((node) => node.getAttribute("href") === focused)?.focus();
  const chosen = [titles[filters.state], filters.reason, filters.label].filter((text) => text !== undefined);
  $("chosen").textContent = `: ${chosen.map(shown).join(", ")}`;
}

function narrow() {
  const typed = $("find").value.trim().toLowerCase();
  [...$("labels").children].forEach((item, i) => {
    item.hidden = i > 0 && !item.firstChild.firstChild.textContent.toLowerCase().includes(typed);
  });
}

$("find").addEventListener("input", narrow);
