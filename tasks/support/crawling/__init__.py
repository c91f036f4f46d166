"""The crawl: what is looked for, found, fetched, kept and remembered."""
