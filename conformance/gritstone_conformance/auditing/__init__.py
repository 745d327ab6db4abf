"""Judge an exported store by its bundle alone."""
