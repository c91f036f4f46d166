"""The crawl stage: collect photos from a folder, a CSV, a list of URLs, a site or search engines."""
