"""How an implementation is attached: frames, one process or connection at a time, deadlines, deaths, restarts.

``subject.Subject`` is what the rest of the suite sees; ``launcher.Launcher`` starts one. Nothing here knows a rule of a
profile, a case or a verdict.
"""
