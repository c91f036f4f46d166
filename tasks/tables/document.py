"""The catalog as a page for people: docs/artifacts.md."""

from collections.abc import Iterator

from configs.schema import STAGE_NAMES
from tasks.store.table import Table
from tasks.tables import files


def document() -> str:
    """The catalog in Markdown: the content of docs/artifacts.md."""
    head = (
        "# Artifacts\n\nGenerated from `tasks/tables` by `make docs`; don't edit it by hand.\n\n"
        "Each stage writes its files to `data/artifacts/<stage>/<key>/`. Besides those listed here, each artifact has "
        "a `manifest.json`; see [the store](store.md). An artifact of pretrain or train may also have a folder "
        "`tensorboard`."
    )
    return "\n\n".join([head, *(part for stage in STAGE_NAMES for part in _section(stage))]) + "\n"


def _section(stage: str) -> Iterator[str]:
    yield f"## {stage}"
    written = [file for file in files() if stage in file.stages]
    yield "\n".join(["| file | content |", "|---|---|", *(f"| `{file.name}` | {file.meaning} |" for file in written)])
    for table in written:
        if isinstance(table, Table):
            yield f"`{table.name}`"
            rows = [
                f"| `{column.name}` | {column.dtype}{', or empty' if column.nullable else ''} | {column.unit} "
                f"| {column.meaning} |"
                for column in table.columns
            ]
            yield "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *rows])
