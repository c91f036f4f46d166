"""The HTML report: its data, its text, its figures and its page."""
