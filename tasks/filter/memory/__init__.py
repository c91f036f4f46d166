"""The memory of a split: in which split each photo ever was, so that no test photo is ever trained on.

- `split_memory` reads, checks, writes and forgets; `remembered` is its content, `memory_file` the content as Parquet.
- `update` adds a run to it, and `notes` says what a run must say about it.
- `old_split_history` takes over what versions before it have stored.
"""
