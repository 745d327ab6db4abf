;; Run by sandbox/result/memory-f32-div-and-on.
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
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.div
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.div
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.div
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.div
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.div
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.div
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.div
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.div
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.div
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.div
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.div
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.div
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.div
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.div
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.div
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.div
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.div
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.div
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.min
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.min
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.min
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.min
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.min
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.min
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.min
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.min
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.min
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.min
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.min
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.min
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.min
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.min
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.min
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.min
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.min
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.min
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.max
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.max
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.max
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.max
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.max
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.max
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.max
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.max
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.max
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.max
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.max
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.max
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.max
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.max
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.max
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.max
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.max
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.max
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.copysign
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.copysign
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.copysign
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.copysign
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.copysign
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.copysign
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f64.const 0x0.0p+0
    f64.abs
    i64.reinterpret_f64
    call 0
    f64.const 0x1.4000000000000p+1
    f64.abs
    i64.reinterpret_f64
    call 0
    f64.const nan:0x8000000000000
    f64.abs
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000200000p+31
    f64.abs
    i64.reinterpret_f64
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.abs
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000000000p+0
    f64.abs
    i64.reinterpret_f64
    call 0
    f64.const 0x0.0p+0
    f64.neg
    i64.reinterpret_f64
    call 0
    f64.const 0x1.4000000000000p+1
    f64.neg
    i64.reinterpret_f64
    call 0
    f64.const nan:0x8000000000000
    f64.neg
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000200000p+31
    f64.neg
    i64.reinterpret_f64
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.neg
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000000000p+0
    f64.neg
    i64.reinterpret_f64
    call 0
    f64.const 0x0.0p+0
    f64.ceil
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.ceil
    f64.const 0x0.0p+0
    f64.ceil
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.ceil
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.ceil
    f64.const 0x1.4000000000000p+1
    f64.ceil
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.ceil
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.ceil
    f64.const nan:0x8000000000000
    f64.ceil
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.ceil
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.ceil
    f64.const -0x1.0000000200000p+31
    f64.ceil
    f64.eq
    select
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
