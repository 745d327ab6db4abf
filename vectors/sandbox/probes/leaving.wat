;; Run by sandbox/export/memory-same-process and 4 more.
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
    i32.const 1
    i32.add
    global.set 0
    global.get 0
    i32.const 1
    i32.eq
    if
      i32.const 3
      memory.grow
      drop
      i32.const 8192
      i32.const 0
      i32.const 11
      memory.fill
      memory.size
      i32.const 0x10000
      i32.mul
      i32.const 1
      i32.sub
      i32.const 165
      i32.store8
      i32.const 0x20000
      i32.const 0
      i32.const 15
      memory.init 1
      i32.const 0xfffffffe
      global.set 1
      i64.const 0x8000000000000001
      global.set 2
    end
    global.get 0
    i32.const 2
    i32.ge_u
    if
      i32.const 8192
      i64.load
      call 0
      memory.size
      i32.const 0x10000
      i32.mul
      i32.const 1
      i32.sub
      i32.load8_u
      i64.extend_i32_u
      call 0
      i32.const 0x20000
      i64.load
      call 0
      memory.size
      i64.extend_i32_u
      call 0
      global.get 1
      i64.extend_i32_u
      call 0
      global.get 2
      call 0
    end
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
  (global (;1;) (mut i32) (i32.const 0))
  (global (;2;) (mut i64) (i64.const 0))
  (export "memory" (memory 0))
  (export "narrow" (global 1))
  (export "run" (func 2))
  (data (;0;) (offset (i32.const 8192)) "overwritten")
  (data (;1;) "passive segment"))
