"""Source digests: they cover what a stage uses, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.store import hashing
from tasks.store.errors import UserError

REPOSITORY = Path(__file__).parents[3]
STAGES = {
    "crawl": "tasks.crawl.stage",
    "filter": "tasks.filter.stage",
    "preprocess": "tasks.preprocess.stage",
    "pretrain": "tasks.pretrain.stage",
    "extract": "tasks.extract.stage",
    "train": "tasks.train.stage",
    "evaluate": "tasks.evaluate.evaluation",
}


def test_comments_and_docstrings_do_not_count_but_code_does(tmp_path: Path) -> None:
    versions = [
        'def f():\n    """Doc."""\n    return 1\n',
        '# a comment\ndef f():\n    """Another doc."""\n    return (1)  # one\n',
        "def f():\n    return 2\n",
    ]
    digests = []
    for number, text in enumerate(versions):
        root = tmp_path / str(number)
        shutil.copytree(REPOSITORY / "tasks" / "store", root / "tasks" / "store")
        (root / "tasks" / "tables.py").write_text("")
        (root / "some_stage.py").write_text(text)
        digests.append(hashing.of_source("some_stage", root=root))
    assert digests[0] == digests[1] != digests[2]


def test_computing_a_source_digest_imports_no_module() -> None:
    """It is computed in every cached run, which must not wait for Keras."""
    code = (
        "import sys; from tasks.store.hashing import of_source; of_source('tasks.pretrain.stage'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"keras", "tensorflow", "tasks.networks"} & set(done.stdout.split())


def test_the_digest_of_a_stage_includes_all_modules_that_it_imports() -> None:
    counted = hashing.source_modules("tasks.filter.stage")
    assert {"tasks.filter.stage", "tasks.filter.hamming", "tasks.images.photos", "tasks.store.shards"} <= set(counted)
    assert not any(name.startswith(("flows", "configs")) for name in counted)


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("tasks/evaluate/report/text.py", "more", "fewer", set()),
        ("tasks/evaluate/report/page.py", "report", "page", set()),
        ("tasks/filter/splits.py", "MIN_GROUPS_FOR_ALL = 5", "MIN_GROUPS_FOR_ALL = 6", {"filter"}),
        ("tasks/tables/columns.py", "SHA-256 of the photo's bytes", "The SHA-256 of the bytes", set()),
        ("tasks/tables/filter.py", "The photos that the filter keeps", "The kept photos", set()),
        ("tasks/store/store.py", "it will be built again", "it is built once more", set()),
        ("tasks/held_out.py", '"val"', '"validation"', {"train"}),
        ("tasks/images/tiles.py", "INTER_AREA", "INTER_LINEAR", {"preprocess"}),
        ("tasks/text.py", "rounded", "near", {"crawl", "filter", "evaluate"}),
    ],
)
def test_an_edit_changes_only_the_digests_of_stages_that_use_it(
    tmp_path: Path, file: str, old: str, new: str, changed: set[str]
) -> None:
    shutil.copytree(REPOSITORY / "tasks", tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    digests = {name: hashing.of_source(module, root=tmp_path) for name, module in STAGES.items()}
    assert {name for name, module in STAGES.items() if digests[name] != hashing.of_source(module)} == changed


def test_a_missing_file_of_a_setting_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"w")
    assert hashing.of_user_file(tmp_path / "weights", "train.weights") == hashing.of_bytes(b"w")[:24]
    with pytest.raises(UserError, match=r"^train\.weights: cannot read .*gone \(No such .*\); set it to an existing"):
        hashing.of_user_file(tmp_path / "gone", "train.weights")
