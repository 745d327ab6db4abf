"""The page: a report as one HTML file without network requests; made from the report lines alone."""
