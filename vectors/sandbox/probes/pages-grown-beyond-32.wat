;; Run by sandbox/pages/memory-grown-beyond-32.
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
  (func (;1;) (type 1) (local i32)
    block
      loop
        i32.const 1
        memory.grow
        i32.const 0
        i32.lt_s
        br_if 1
        local.get 0
        i32.const 1
        i32.add
        local.tee 0
        i32.const 36
        i32.lt_u
        br_if 0
      end
    end
    memory.size
    i32.const 0x10000
    i32.mul
    i32.const 8
    i32.sub
    i64.const 9
    i64.store
    local.get 0
    i64.extend_i32_u
    call 0
    memory.size
    i64.extend_i32_u
    call 0
    memory.size
    i32.const 0x10000
    i32.mul
    i32.const 8
    i32.sub
    i64.load
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
  (export "run" (func 2)))
