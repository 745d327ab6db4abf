;; Run by sandbox/module/memory-a-memory-as-the-entry and 1 more.
(module
  (memory (;0;) 1)
  (export "run" (memory 0)))
