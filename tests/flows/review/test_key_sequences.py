"""Random keys in a real browser: each acts on the photo that is shown as current, and on nothing else."""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Action, Decision, ReviewKey
from tests.helpers.browser import CHROMIUM, DRIVER, NEEDS_CHROMIUM, Browser, printed_url, serving
from tests.helpers.review import ReviewFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDS_CHROMIUM),
]

KEYS = ["v", "x", "y", "j", "k", "u", "m", "Escape", "Enter"]
ROWS = [{"photo": i, "reason": "blurred" if i < 3 else "dark"} for i in range(5)]
STATE = """
const view = document.getElementById('view');
const card = document.querySelector('.card[aria-current]');
const stage = view.open ? view.querySelector('.stage img')?.getAttribute('src').split('/')[1] : undefined;
const focused = document.activeElement?.closest('.card');
return {
  current: card ? Number(card.dataset.number) : null,
  photo: card ? card.querySelector('img').getAttribute('src').split('/')[1] : null,
  stage,
  focused: focused ? Number(focused.dataset.number) : null,
  picker: document.getElementById('move').open,
  options: document.getElementById('options').children.length,
  marks: [...document.querySelectorAll('.card')].map((c) => [Number(c.dataset.number), c.className.split(' ')[1]]),
};
"""
SLOW = """
const real = fetch;
window.fetch = async (what, options) => {
  await new Promise((done) => setTimeout(done, arguments[0]));
  return real(what, options);
};
"""


@dataclass
class Model:
    """What the log must have after some keys, and what a person has gone back to."""

    keys: list[ReviewKey]
    made: dict[int, str] = field(default_factory=dict)
    before: list[tuple[int, str | None]] = field(default_factory=list)
    just_decided: int | None = None

    def decide(self, number: int, action: str) -> None:
        if self.made.get(number) != action:
            self.before.append((number, self.made.get(number)))
        self.made[number] = action
        self.just_decided = number

    def undo(self) -> int | None:
        if not self.before:
            return None
        number, action = self.before.pop()
        if action is None:
            self.made.pop(number)
        else:
            self.made[number] = action
        return number


@pytest.fixture
def served(review_folder: ReviewFolder) -> Iterator["subprocess.Popen[str]"]:
    review_folder.publish(ROWS)
    with serving(review_folder) as process:
        yield process


def in_log(review_folder: ReviewFolder, keys: list[ReviewKey]) -> dict[int, str]:
    return {keys.index(key): decision.action for key, decision in review_log.read(review_folder.data).items()}


def open_list(browser: Browser, url: str, state: str, cards: int) -> None:
    browser.driver.get("about:blank")
    browser.driver.get(f"{url}#state={state}")
    browser.wait(f"document.querySelectorAll('.card').length === {cards} && document.getElementById('end').textContent")
    browser.run("window.idle = import('./decisions.js')")


def settle(browser: Browser) -> None:
    browser.driver.execute_async_script(
        "const done = arguments[0]; idle.then(async (d) => { while (d.pending()) await d.settled(); done(); });"
    )


def type_keys(browser: Browser, model: Model, pressed: list[str]) -> None:
    """Press keys without waiting for the server; each must act on the photo that is current when it is pressed."""
    undone = None
    for i, key in enumerate([*pressed, ""]):
        page = browser.run(STATE)
        trace = f"keys {pressed[:i]}: {page}"
        marks = {number: mark for number, mark in page["marks"] if mark != "undecided"}
        assert marks == model.made, trace
        assert undone in (None, page["current"]), trace
        assert page["focused"] in (None, page["current"]), trace
        assert page["stage"] in (None, page["photo"]), trace
        undone = None
        if not key:
            return
        browser.key(key)
        current = page["current"]
        if page["picker"]:
            if key == "Enter" and page["options"]:
                model.decide(current, "move")
        elif key in ("y", "x", "Enter") and current is not None:
            assert current != model.just_decided, f"{trace}: nobody went back to this photo"
            model.decide(current, "reject" if key == "x" else "keep")
        elif key == "u":
            undone = model.undo()
            model.just_decided = None
        elif key in ("j", "k"):
            model.just_decided = None


@pytest.mark.slow
@pytest.mark.parametrize(("state", "delay_ms"), [("all", 150)])
def test_each_key_acts_on_the_current_photo(
    review_folder: ReviewFolder, served: "subprocess.Popen[str]", browser: Browser, state: str, delay_ms: int
) -> None:
    url = printed_url(served)
    browser.driver.get(url)
    browser.wait("document.querySelectorAll('.card').length === 5")
    rows = browser.run("return fetch('rows?state=all').then(async (r) => (await r.json()).rows)")
    keys = [ReviewKey(row["photo"], row["label"]) for row in rows]
    choose = random.Random(f"{state} {delay_ms}")
    sequences = [["v", "x", "v", "y"], ["v", "x", "Escape", "y"], ["v", "x", "v", "v", "Enter", "u", "y"]]
    sequences += [choose.choices(KEYS, k=12) for _ in range(6)]
    for pressed in sequences:
        (review_folder.data / review_log.NAME).unlink(missing_ok=True)
        model = Model(keys)
        if state == "reviewed":
            given: list[Action] = ["keep", "reject", "keep", "reject", "keep"]
            review_log.add(review_folder.data, [Decision(*made) for made in zip(keys, given, strict=True)])
            model.made = dict(enumerate(map(str, given)))
        open_list(browser, url, state, 5)
        if delay_ms:
            browser.run(SLOW, delay_ms)
        type_keys(browser, model, pressed)
        settle(browser)
        assert in_log(review_folder, keys) == model.made, pressed
        assert {n: mark for n, mark in browser.run(STATE)["marks"] if mark != "undecided"} == model.made, pressed
    assert browser.log_messages() == []
