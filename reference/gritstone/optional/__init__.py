"""Optional parts of the reference: speed and isolation. The specification requires none of them.

A reader of the profiles can skip this package. Its results are the same as those of the plain code.

- ``encoding_templates``: encode objects of the same shape without repeating the work.
- ``resident_images``: keep memory images of guests in memory, and find the pages that a call wrote.
- ``native_calls``: call the engine through its C interface.
- ``isolation``, ``worker``, ``frames``: run guests in a separate process.
"""

__all__: list[str] = []
