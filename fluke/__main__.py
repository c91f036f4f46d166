"""`python -m fluke` is the command `fluke`."""

import sys


def main() -> None:
    """Run the command `fluke`."""
    if sys.platform == "win32":
        sys.exit("error: fluke doesn't run on Windows, because it locks files with fcntl; run it in WSL")
    from flows.cli import main as run

    run()


if __name__ == "__main__":
    main()
