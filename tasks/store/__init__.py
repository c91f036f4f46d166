"""The store of artifacts on disk, with shards, cache keys and the code that runs a stage."""
