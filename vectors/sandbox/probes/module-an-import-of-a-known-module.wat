;; Run by sandbox/module/memory-an-import-of-a-known-module and 1 more.
(module
  (type (;0;) (func))
  (type (;1;) (func (param i64)))
  (type (;2;) (func (result i32)))
  (import "env" "none" (func (;0;) (type 0)))
  (func (;1;) (type 1)
    i32.const 0
    i32.load offset=8
    local.get 0
    i64.store offset=16
    i32.const 0
    i32.const 0
    i32.load offset=8
    i32.const 8
    i32.add
    i32.store offset=8
  )
  (func (;2;) (type 2)
    i32.const 0
  )
  (func (;3;) (type 0)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 2
    drop
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 3)))
