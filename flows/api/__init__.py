"""`fluke api` and `fluke open`: a model that answers photos over HTTP, and the page on it."""
