;; Run by sandbox/module/memory-saturating-conversions.
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
    f32.const nan:0x400000
    i32.trunc_sat_f32_s
    i64.extend_i32_u
    call 0
    f64.const 0x1.0000000000000p+64
    i32.trunc_sat_f64_u
    i64.extend_i32_u
    call 0
    f32.const -inf
    i64.trunc_sat_f32_s
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
