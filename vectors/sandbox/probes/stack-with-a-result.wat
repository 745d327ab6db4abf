;; Run by sandbox/stack/memory-with-a-result.
(module
  (type (;0;) (func (param i64)))
  (type (;1;) (func))
  (type (;2;) (func (param i64) (result i64)))
  (type (;3;) (func (result i32)))
  (func (;0;) (type 0)
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
  (func (;1;) (type 1)
    call 1
  )
  (func (;2;) (type 1)
    call 1
  )
  (func (;3;) (type 2)
    local.get 0
    i64.const 1
    i64.add
    call 3
    i64.const 1
    i64.add
  )
  (func (;4;) (type 3)
    i64.const 0
    call 3
    call 0
    i32.const 0
  )
  (func (;5;) (type 1)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 4
    drop
  )
  (table (;0;) 1 funcref)
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 5))
  (elem (i32.const 0) func 1))
