;; Run by sandbox/module/memory-bulk-memory.
(module
  (type (;0;) (func (param i64)))
  (type (;1;) (func (result i32)))
  (type (;2;) (func))
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
    i32.const 8192
    i32.const 90
    i32.const 24
    memory.fill
    i32.const 8195
    i32.const 2
    i32.const 7
    memory.init 0
    i32.const 8198
    i32.const 8193
    i32.const 15
    memory.copy
    i32.const 8192
    i64.load
    call 0
    i32.const 8192
    i64.load offset=8
    call 0
    i32.const 8192
    i64.load offset=16
    call 0
    i32.const 0
  )
  (func (;2;) (type 2)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 1
    drop
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 2))
  (data (;0;) "passive data"))
