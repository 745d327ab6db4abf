;; Run by sandbox/module/memory-a-start-function-and-an-entry-with-a-parameter and 1 more.
(module
  (type (;0;) (func (param i32)))
  (type (;1;) (func))
  (func (;0;) (type 0)
  )
  (func (;1;) (type 1)
    unreachable
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 0))
  (start 1))
