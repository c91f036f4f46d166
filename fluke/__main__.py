"""`python -m fluke` is the command `fluke`."""

from flows.cli import main

if __name__ == "__main__":
    main()
