"""The checks (*rungs*) of ``gritstone doctor``, from the start of the adapter to its restart."""
