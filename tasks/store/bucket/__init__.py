"""A data folder in a bucket: in S3, Google Cloud Storage or Azure.

    PREFIX/head.json             names the newest tree; replaced only by who has seen the one before (`head`)
    PREFIX/blobs/ab/<sha256>     the content of every file, also of trees; written once (`blobs`)
    PREFIX/leases/<name>.json    who is at work (`lease`)
    PREFIX/counter.json          the last number of a run or a decision (`numbers`)

A tree lists the files of the data folder with their sizes and SHA-256. Whatever isn't in the tree of the head does not
exist, so a process that dies leaves nothing half-written, and nothing is renamed or listed. `connect` opens a bucket,
`objects` reads and writes with retries, `problems` says what is wrong.

On each machine, commands work on a local copy (`mirror`; `copies` finds it). `sync` makes both the same: `tracked` says
what has changed, `transfer` copies files, `conflicts` is about what two machines have changed, `left_out` about what
isn't on this machine's disk.
"""
