;; Run by sandbox/module/memory-an-entry-with-a-parameter and 1 more.
(module
  (type (;0;) (func (param i32)))
  (func (;0;) (type 0)
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 0)))
