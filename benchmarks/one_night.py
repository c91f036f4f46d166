"""One scheduled run in a process of its own, as the nightly deployment starts it, for `benchmarks.nights`.

python -m benchmarks.one_night [--ahead=DAYS] [--file-limit=BYTES] PRESET [OVERRIDE ...]
"""

import os
import resource
import signal
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from configs.load import load
from flows.cli.server import connect
from flows.dashboard import engine, sender
from flows.run import pipeline
from flows.run_records import data_root
from flows.server import watch
from tasks.store import manifest
from tasks.store.errors import UserError


def main(arguments: list[str]) -> int:
    """Run the night; returns 0, or 2 if it ends with an error that a user can mend."""
    options = dict(text.removeprefix("--").split("=", 1) for text in arguments if text.startswith("--"))
    preset, *overrides = [text for text in arguments if not text.startswith("--")]
    config = load(preset, overrides)
    connect(config)  # before the clock jumps and the disk fills: the server is not what is tried out here
    if days := options.get("ahead"):
        _set_clock(timedelta(days=float(days)))
    if limit := options.get("file-limit"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes fail instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        with watch.kept_running(data_root(), os.environ["PREFECT_API_URL"]):
            engine.call(pipeline, config, preset=Path(preset).stem, fresh=["crawl"], scheduled=True)
            sender.flush()
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _set_clock(ahead: timedelta) -> None:
    """Put the clock of this process ahead: what `time.time` tells, and the times in records and manifests."""
    real = time.time

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Ahead":
            return cls.fromtimestamp(time.time(), tz)

    time.time = lambda: real() + ahead.total_seconds()
    setattr(manifest, "datetime", Ahead)  # noqa: B010  -- mypy refuses the assignment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
