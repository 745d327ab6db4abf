;; Run by sandbox/module/memory-no-sections.
(module)
