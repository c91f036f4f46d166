"""The crawl stage: collect photos from a folder, a CSV file, a list of URLs, a web site or search engines."""
