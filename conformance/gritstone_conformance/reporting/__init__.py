"""Presentation of a report: console output, the HTML page, JUnit XML, badges, comparisons."""
