;; Run by sandbox/module/memory-an-entry-with-another-result and 1 more.
(module
  (type (;0;) (func (result i64)))
  (func (;0;) (type 0)
    i64.const 0
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 0)))
