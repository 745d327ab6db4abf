;; Run by sandbox/export/memory-of-closed and 16 more.
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
    i32.const 8192
    i64.load
    i64.const 1
    i64.add
    i64.store
    global.get 0
    i32.const 1
    i32.add
    global.set 0
    i32.const 8192
    i64.load
    call 0
    global.get 0
    i64.extend_i32_u
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
  (global (;0;) (mut i32) (i32.const 0))
  (export "memory" (memory 0))
  (export "run" (func 2))
  (data (;0;) (offset (i32.const 8192)) "d\00\00\00\00\00\00\00"))
