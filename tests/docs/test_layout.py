"""The pages that describe the layout of the code name packages and modules that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_modules_that_the_architecture_names_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    text = text.replace("`flows/tasks.py`", "")  # says why there is none
    folder, missing = "", []
    for line in text.splitlines():
        cells = line.split("|")[1:3] if line.startswith("|") else [""]
        folder = next((name for name in re.findall(r"`([a-z_/]+)`", cells[0]) if (ROOT / name).is_dir()), folder)
        named = re.findall(r"`([\w/]+\.(?:py|js))`", "".join(cells))
        named += re.findall(r"`(\w+/[\w/]+\.py)`", line)
        places = (ROOT / folder, ROOT / "tasks", ROOT)
        missing += [name for name in named if not any((place / name).exists() for place in places)]
    assert not missing


def test_the_tree_of_the_readme_has_every_package_and_nothing_else() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.partition("## Layout")[2].split("```")[1]
    top, listed = "", set[str]()
    for line in tree.splitlines():
        if found := re.match(r"(\w+)/ ", line):
            top = found[1]
            listed.add(top)
        elif found := re.match(r"  (\w+)(/|\.py) ", line):
            listed.add(f"{top}/{found[1]}{found[2].rstrip('/')}")
    assert {name for name in listed if not (ROOT / name).exists()} == set()
    folders = {path.parent for top in ("flows", "tasks") for path in (ROOT / top).glob("*/__init__.py")}
    assert {folder.relative_to(ROOT).as_posix() for folder in folders} - listed == set()
