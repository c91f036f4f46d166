"""The report of an ablation: report.md, differences.png, ablation.json and ablation.csv in DATA/ablations/<id>."""

import base64
import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from configs.as_yaml import to_yaml
from configs.redact import redact
from configs.schema import NotifyConfig
from flows.ablate import wording
from flows.ablate.comparison import Row
from flows.ablate.plan import Plan
from flows.ablate.trainings import Trained
from tasks.inference.arrays import DIGITS
from tasks.store.atomic import atomic_folder, write_json
from tasks.store.formulas import guard
from tasks.text import markdown

REPORT, PICTURE, RESULTS, TRAININGS, SETTINGS = (
    "report.md",
    "differences.png",
    "ablation.json",
    "ablation.csv",
    "settings.yaml",
)


@dataclass(frozen=True)
class Ablation:
    """The result of an ablation."""

    plan: Plan
    metric: str
    rows: Sequence[Row]
    failed: Mapping[str, str]
    """Why an arm failed, by its name."""
    photos: Mapping[str, int]
    """Numbers of photos, groups and classes."""
    folder: Path

    @property
    def report(self) -> Path:
        """The file to read first."""
        return self.folder / REPORT


def write(ablation: Ablation, done: Mapping[str, Trained]) -> None:
    """Write all files at once; earlier ones of the same ablation are replaced."""
    rows = ablation.rows
    with atomic_folder(ablation.folder) as folder:
        (folder / REPORT).write_text("\n".join(_page(ablation)) + "\n", encoding="utf-8")
        (folder / PICTURE).write_bytes(picture(rows, ablation.metric))
        (folder / SETTINGS).write_text(settings(ablation.plan), encoding="utf-8")
        write_json(folder / RESULTS, _results(ablation))
        (folder / TRAININGS).write_text(_trainings(done), encoding="utf-8")


def picture(rows: Sequence[Row], metric: str) -> bytes:
    """Draw the differences as PNG and, for several numbers of train photos, the learning curves below them."""
    from tasks.evaluate.report import arms, style

    name = wording.metric_text(metric)
    several = len({row.size for row in rows}) > 1
    compared = [
        arms.Difference(
            f"{row.arm}, {row.size}" if several else row.arm,
            row.difference,
            f"{wording.points(row.difference.value)} ({wording.interval(row.difference)})",
            row.is_measured,
        )
        for row in rows
        if row.difference
    ]
    curves = [
        arms.Curve(arm, [row.score for row in rows if row.arm == arm])
        for arm in dict.fromkeys(row.arm for row in rows)
        if several
    ]
    sizes = [str(size) for size in dict.fromkeys(row.size for row in rows)]
    whole = [curve for curve in curves if len(curve.scores) == len(sizes)]
    return style.png(arms.figure(compared, whole, sizes, f"Difference from {rows[0].arm}", name))


def settings(plan: Plan) -> str:
    """Return the settings of the first arm as a YAML file for `fluke ablate`."""
    config = plan.first.config.model_copy(update={"notify": NotifyConfig()})  # it may have passwords
    return redact(to_yaml(config))


def again(ablation: Ablation) -> str:
    """Return the command that does the same again; what is stored isn't computed again."""
    plan = ablation.plan
    words = ["fluke", "ablate", str(ablation.folder / SETTINGS), "--seeds", str(plan.seeds)]
    if plan.sizes != ("all",):
        words += ["--photos-per-class", " ".join(map(str, plan.sizes))]
    for arm in plan.arms[1:]:
        words += ["--arm", f"{arm.name}: {' '.join(arm.overrides)}"]
    return shlex.join(words)


def _page(ablation: Ablation) -> Iterator[str]:
    plan, rows = ablation.plan, ablation.rows
    yield f"# Ablation of {markdown(plan.preset)}\n"
    yield from (f"- {markdown(line)}" for line in wording.sentences(rows))
    yield from (f"- {markdown(line)}" for line in failures(ablation))
    yield f"\n![The difference of each arm from the first one, with its interval]({PICTURE})\n"
    yield f"## Scores of each arm: {wording.metric_text(ablation.metric)}\n"
    yield from _table(wording.columns(rows, ablation.metric), [wording.cells(row, rows) for row in rows])
    yield "\n## How they were compared\n"
    yield from (f"- {line}" for line in _method(ablation))
    yield "\n## Seconds of each stage\n"
    yield (
        "The mean of all seeds, as it was when the stage was built. A stage that several arms share is computed once, "
        "and counts in each of them.\n"
    )
    stages = list(rows[0].stages)
    named = [(row, [row.arm, *([str(row.size)] if plan.sizes != ("all",) else [])]) for row in rows]
    head = ["arm", *(["a class"] if plan.sizes != ("all",) else []), *stages, "in all", "device-seconds"]
    body = [
        [*name, *(f"{row.stages[stage]:.1f}" for stage in stages), f"{row.seconds:.1f}", f"{row.device_seconds:.1f}"]
        for row, name in named
    ]
    yield from _table(head, body)
    yield "\n## Arms\n"
    yield f"- {markdown(plan.first.name)}: the preset as given; its settings are in `{SETTINGS}`."
    for arm in plan.arms[1:]:
        yield f"- {markdown(arm.name)}: `{' '.join(arm.overrides)}`" + (f". {arm.answers}" if arm.answers else "")
    yield f"\nTo do it again:\n\n    {again(ablation)}"


def failures(ablation: Ablation) -> list[str]:
    """Return a line for each arm that failed."""
    return [f"{name} failed: {why}" for name, why in ablation.failed.items()]


def _method(ablation: Ablation) -> Iterator[str]:
    plan, photos = ablation.plan, ablation.photos
    first = plan.first.config
    yield (
        f"All arms answer the same {photos['test photos']:,} test photos ({photos['test groups']:,} groups of near "
        f"duplicates, {photos['classes']:,} classes), and learn from {_train_photos(plan, photos['train photos'])}. "
        f"The filter ran once, with `filter.seed={first.filter.seed}`: the split is the same for all arms and seeds."
    )
    yield (
        f"{plan.seeds} trainings of each arm, with the seeds {_seeds(plan)}: they decide the initial weights, the "
        "order of the photos and their augmentation."
    )
    if plan.sizes != ("all",):
        yield (
            "Fewer train photos are drawn anew for each seed, and are the same for all arms; the smaller number is a "
            "part of the larger one. Validation and test stay; with `train.refit`, the "
            "validation photos are learned from, too."
        )
    budgets = {arm.config.train.budget_min for arm in plan.arms if arm.config.train.recipe == "auto"}
    for budget in sorted(budgets):
        yield f"Where validation chooses the recipe (`train.recipe=auto`), it has {budget:g} minutes."
    yield (
        "Differences are paired: both arms answer the same photos, with the same seeds. The 95 % intervals resample "
        "groups of near duplicates and seeds. A difference counts as measured if its interval is without 0 and its "
        "p-value, corrected for the number of comparisons (Holm), is at most 0.05. A point is a hundredth of the score."
    )
    if same := wording.agreeing(ablation.rows):
        yield f"All seeds give the same answers in: {markdown(', '.join(same))}."
    yield (
        "Time is wall clock of a training and all stages before it, after the filter. Device-seconds are those of "
        "pretrain, extract, train and evaluate, times the GPUs that they used (1 for the CPU). Arms run one at a time."
    )


def _train_photos(plan: Plan, count: int) -> str:
    """Say which train photos the arms learn from."""
    if any(arm.config.filter != plan.first.config.filter for arm in plan.arms):
        return f"the {count:,} train photos of the first arm, or from those of them that their own filter keeps"
    if "all" in plan.sizes:
        return f"the same {count:,} train photos"
    return f"the same train photos, of {count:,} in all"


def _seeds(plan: Plan) -> str:
    start = plan.first.config.train.seed
    return ", ".join(str(start + i) for i in range(plan.seeds))


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in body:
        yield f"| {' | '.join(markdown(cell) for cell in row)} |"


def _results(ablation: Ablation) -> dict[str, Any]:
    plan = ablation.plan
    return {
        "id": plan.id,
        "preset": plan.preset,
        "metric": ablation.metric,
        "seeds": plan.seeds,
        "photos": dict(ablation.photos),
        "arms": [{"name": arm.name, "settings": list(arm.overrides), "answers": arm.answers} for arm in plan.arms],
        "rows": [_rounded(asdict(row) | {"is_measured": row.is_measured}) for row in ablation.rows],
        "sentences": list(wording.sentences(ablation.rows)),
        "failed": dict(ablation.failed),
    }


def _rounded(value: Any) -> Any:
    """Round all numbers in a value for a file."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, tuple) else value


def _trainings(done: Mapping[str, Trained]) -> str:
    """Return a CSV with a row for each training: its scores, and the seconds of its stages."""
    trainings = list(done.values())
    scores, stages = list(trainings[0].scores), list(trainings[0].costs)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["arm", "train_per_class", "seed", *scores, *(f"{stage}_s" for stage in stages), "wall_s", "device_s"]
    )
    for each in trainings:
        seconds = [each.costs[stage].seconds for stage in stages]
        writer.writerow(
            [
                guard(each.cell.arm.name),
                each.cell.size,
                each.cell.seed,
                *(each.scores[score] for score in scores),
                *(f"{value:.3f}" for value in (*seconds, each.seconds, each.device_seconds)),
            ]
        )
    return file.getvalue()


def summary(ablation: Ablation) -> str:
    """Return what the dashboard shows: the sentences, the picture and the table."""
    rows = ablation.rows
    lines = [f"- {markdown(line)}" for line in (*wording.sentences(rows), *failures(ablation))]
    table = _table(wording.columns(rows, ablation.metric), [wording.cells(row, rows) for row in rows])
    image = base64.b64encode((ablation.folder / PICTURE).read_bytes()).decode()
    shown = f"![differences](data:image/png;base64,{image})"
    return "\n".join([*lines, "", shown, "", *table])
