;; Run by sandbox/module/memory-no-sections and 1 more.
(module)
