"""Names a run in the dashboard when it begins and ends, and shows its summary and the trend over nights."""

import logging

from prefect.context import FlowRunContext

from flows.console import counts_text
from flows.dashboard import artifacts, nights, sender, trend
from flows.dashboard.stages import report_line, safe
from flows.run_records import RunRecord
from tasks.store.store import Store
from tasks.tables.evaluate import REPORT
from tasks.tables.shared import SUMMARY
from tasks.text import markdown

logger = logging.getLogger("fluke.dashboard")


def begun(record: RunRecord) -> None:
    """Name the current flow run after the model and the date."""
    _rename(record, [])


def show_cluster(url: str) -> None:
    """Link the dashboard of the Dask cluster that works for the current flow run."""
    artifacts.page(
        "dask", f"[Dask's dashboard]({url}) shows what each worker does, as long as the run lasts.", "**Dask**"
    )


def ended(record: RunRecord, store: Store) -> None:
    """Name the current flow run after its outcome, and show the summary, the trend and its table.

    A problem with the files of earlier runs is logged; it is not one of this run.
    """
    try:
        shown = nights.nights(store, record.model_name)
        _rename(record, [each for each in shown if each.run != record.id])
        if record.until == "evaluate":
            with artifacts.named(record.model_name):
                _show(record, store, shown)
    except Exception as error:
        logger.info("the dashboard doesn't show the summary of this run: %s", error)


def _show(record: RunRecord, store: Store, shown: list[nights.Night]) -> None:
    drawn = trend.svg(shown) if shown else ""
    artifacts.page("summary", _summary(record, store, shown, drawn), description=f"**{_title(record, shown)}**")
    if shown:
        of_nights = f"**trend** of the last {len(shown)} nights of {_name(record)}"
        artifacts.page("trend", f"![the last nights]({artifacts.data_url(drawn)})", of_nights)
        artifacts.table("nights", nights.table(shown), f"**nights** of {_name(record)}, the newest first")


def _rename(record: RunRecord, before: list[nights.Night]) -> None:
    context = FlowRunContext.get()
    if context and context.flow_run:
        tags = list(dict.fromkeys([*context.flow_run.tags, *nights.tags(record)]))
        sender.put(sender.Rename(context.flow_run.id, nights.run_name(record, before), tags))


def _name(record: RunRecord) -> str:
    return markdown(record.model_name)


def _title(record: RunRecord, shown: list[nights.Night]) -> str:
    return markdown(nights.run_name(record, [each for each in shown if each.run != record.id]))


def _summary(record: RunRecord, store: Store, shown: list[nights.Night], drawn: str) -> str:
    """Return the page of a run in Markdown: decision, verdict, stages, report, trend."""
    parts = []
    if record.decision:
        parts.append(f"**{markdown(record.decision)}**: {markdown(record.reason)}")
    if record.error:
        parts.append(f"**{record.state}**: {markdown(record.error)}")
    parts += [f"- {markdown(note)}" for note in record.notes]
    folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in record.stages}
    if (evaluated := folders.get("evaluate")) and SUMMARY.path(evaluated).exists():
        verdict = SUMMARY.path(evaluated).read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        parts.append(safe(verdict))
    rows = [
        f"| {stage.artifact.stage} | {'cached' if stage.cached else 'built'} | {stage.seconds:.1f} "
        f"| {markdown(counts_text(stage.counts))} |"
        for stage in record.stages
    ]
    parts.append("\n".join(["| stage | | seconds | |", "|---|---|--:|---|", *rows]))
    if evaluated and REPORT.path(evaluated).exists():
        parts.append(report_line(store.root, evaluated))
    if len(shown) > 1:
        parts.append(f"![the last nights]({artifacts.data_url(drawn)})")
    parts.append(f"Run `{record.id}`")
    return "\n\n".join(parts) + "\n"
