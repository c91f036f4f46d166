"""`python -m tasks.tables` prints the catalog as Markdown."""

from tasks.tables.document import document

print(document(), end="")  # noqa: T201
