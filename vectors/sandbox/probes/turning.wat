;; Run by sandbox/snapshot/memory-globals.
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
    global.get 0
    i64.extend_i32_u
    call 0
    global.get 1
    call 0
    global.get 3
    i64.extend_i32_u
    call 0
    global.get 0
    i32.const 1
    i32.add
    global.set 0
    global.get 1
    i64.const 1
    i64.add
    global.set 1
    global.get 3
    i32.const 3
    i32.mul
    global.set 3
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
  (global (;0;) (mut i32) (i32.const 0x7fffffff))
  (global (;1;) (mut i64) (i64.const 0x7fffffffffffffff))
  (global (;2;) i64 (i64.const 5))
  (global (;3;) (mut i32) (i32.const 7))
  (export "memory" (memory 0))
  (export "shown" (global 3))
  (export "run" (func 2)))
