"""What properties of images are made of: ops of programs, cores, programs in a short notation, and drawn operations."""
