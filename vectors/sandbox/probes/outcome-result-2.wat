;; Run by sandbox/outcome/extism-result-2 and 1 more.
(module
  (type (;0;) (func (param i64) (result i64)))
  (type (;1;) (func (param i64 i64)))
  (type (;2;) (func (param i64)))
  (type (;3;) (func (result i32)))
  (import "extism:host/env" "alloc" (func (;0;) (type 0)))
  (import "extism:host/env" "store_u64" (func (;1;) (type 1)))
  (import "extism:host/env" "output_set" (func (;2;) (type 1)))
  (func (;3;) (type 2)
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
  (func (;4;) (type 3)
    i64.const 7
    call 3
    i32.const 2
  )
  (func (;5;) (type 3) (local i32 i32 i64)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 4
    local.set 0
    i32.const 0
    i32.load offset=8
    if
      i32.const 0
      i32.load offset=8
      i64.extend_i32_u
      call 0
      local.set 2
      loop
        local.get 2
        local.get 1
        i64.extend_i32_u
        i64.add
        local.get 1
        i64.load offset=16
        call 1
        local.get 1
        i32.const 8
        i32.add
        local.tee 1
        i32.const 0
        i32.load offset=8
        i32.lt_u
        br_if 0
      end
      local.get 2
      i32.const 0
      i32.load offset=8
      i64.extend_i32_u
      call 2
    end
    local.get 0
  )
  (memory (;0;) 1)
  (export "run" (func 5)))
