"""What a run leaves behind: the sealed report, and what is printed from its lines alone."""
