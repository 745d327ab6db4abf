;; Run by sandbox/outcome/memory-more-work-than-the-limit.
(module
  (type (;0;) (func (param i64)))
  (type (;1;) (func (param i64) (result i64)))
  (type (;2;) (func (result i32)))
  (type (;3;) (func))
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
    local.get 0
    i64.const 3
    i64.add
  )
  (func (;2;) (type 2) (local i32 i64)
    loop
      local.get 1
      call 1
      local.set 1
      local.get 0
      i32.const 1
      i32.add
      local.tee 0
      i32.const 0x80000000
      i32.lt_u
      br_if 0
    end
    local.get 1
    call 0
    i32.const 0
  )
  (func (;3;) (type 3)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 2
    drop
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 3)))
