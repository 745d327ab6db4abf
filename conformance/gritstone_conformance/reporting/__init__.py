"""What a run leaves behind: the sealed report, and what people are told from its lines alone."""
