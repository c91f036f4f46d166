"""A data folder in a bucket: in S3, Google Cloud Storage or Azure.

    PREFIX/head.json             names the newest tree; replaced only by who has seen the one before (`head`)
    PREFIX/blobs/ab/<sha256>     the content of every file, also of trees; written once (`blobs`)
    PREFIX/leases/<name>.json    who is at work (`lease`)

A tree lists the files of the data folder with their sizes and SHA-256 (`tree`). Whatever isn't in the tree of the head
does not exist, so a process that dies leaves nothing half-written, and nothing is renamed or listed. `connect` opens a
bucket, `objects` reads and writes with retries, `problems` says what is wrong.
"""
