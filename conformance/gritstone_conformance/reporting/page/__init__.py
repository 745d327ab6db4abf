"""The page: a report as one HTML file that asks nothing of any network; made from the report's lines alone."""
