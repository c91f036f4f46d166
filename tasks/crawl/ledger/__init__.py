"""The crawl's database: URLs, search results, failures and retries, kept from run to run."""
