;; Run by sandbox/result/memory-f64-mul-and-on.
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
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.mul
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.mul
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.mul
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.mul
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.mul
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.mul
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.mul
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.mul
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.mul
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.mul
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.mul
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.mul
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.div
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.div
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.div
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.div
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.div
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.div
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.div
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.div
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.div
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.div
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.div
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.div
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.div
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.min
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.min
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.min
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.min
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.min
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.min
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.min
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.min
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.min
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.min
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.min
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.min
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.min
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.max
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.max
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.max
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.max
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.max
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.max
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.max
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.max
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.max
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.max
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.max
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.max
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.max
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.max
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.max
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.max
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.max
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.max
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.copysign
    i64.reinterpret_f64
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.copysign
    i64.reinterpret_f64
    call 0
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.copysign
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.copysign
    i64.reinterpret_f64
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.copysign
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.copysign
    i64.reinterpret_f64
    call 0
    i64.const 0
    i32.wrap_i64
    i64.extend_i32_u
    call 0
    i64.const 255
    i32.wrap_i64
    i64.extend_i32_u
    call 0
    i64.const 0x8000000000000000
    i32.wrap_i64
    i64.extend_i32_u
    call 0
    i64.const 2
    i32.wrap_i64
    i64.extend_i32_u
    call 0
    i64.const 0x80000000
    i32.wrap_i64
    i64.extend_i32_u
    call 0
    i64.const 0x8000004000000001
    i32.wrap_i64
    i64.extend_i32_u
    call 0
    f32.const 0x1.8000000000000p+5
    i32.trunc_f32_s
    i64.extend_i32_u
    call 0
    f32.const 0x1.8000000000000p+5
    i32.trunc_f32_u
    i64.extend_i32_u
    call 0
    f64.const 0x1.8000000000000p+5
    i32.trunc_f64_s
    i64.extend_i32_u
    call 0
    f64.const 0x1.8000000000000p+5
    i32.trunc_f64_u
    i64.extend_i32_u
    call 0
    i32.const 0
    i64.extend_i32_s
    call 0
    i32.const 32
    i64.extend_i32_s
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
