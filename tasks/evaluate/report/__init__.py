"""The HTML report: data, text, figures and page."""
