;; Run by sandbox/module/memory-a-start-function-and-no-entry and 1 more.
(module
  (type (;0;) (func))
  (func (;0;) (type 0)
  )
  (func (;1;) (type 0)
    unreachable
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run_" (func 0))
  (start 1))
