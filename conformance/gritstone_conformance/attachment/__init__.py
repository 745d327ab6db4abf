"""The connection to an implementation: frames, processes and sockets, deadlines, crashes and restarts.

The rest of the suite uses ``subject.Subject``; ``launcher.Launcher`` starts one. This package knows no rule of a
profile, no case and no verdict.
"""
