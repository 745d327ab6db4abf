;; Run by sandbox/result/memory-i64-shr-s-and-on.
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
    i64.const 0x80000000
    i64.const 63
    i64.shr_s
    call 0
    i64.const 0x8000004000000001
    i64.const 0x8000000000000000
    i64.shr_s
    call 0
    i64.const 0
    i64.const 1
    i64.shr_u
    call 0
    i64.const 255
    i64.const 0x100000000
    i64.shr_u
    call 0
    i64.const 0x8000000000000000
    i64.const 2
    i64.shr_u
    call 0
    i64.const 2
    i64.const 0x7fffffffffffffff
    i64.shr_u
    call 0
    i64.const 0x80000000
    i64.const 63
    i64.shr_u
    call 0
    i64.const 0x8000004000000001
    i64.const 0x8000000000000000
    i64.shr_u
    call 0
    i64.const 0
    i64.const 1
    i64.rotl
    call 0
    i64.const 255
    i64.const 0x100000000
    i64.rotl
    call 0
    i64.const 0x8000000000000000
    i64.const 2
    i64.rotl
    call 0
    i64.const 2
    i64.const 0x7fffffffffffffff
    i64.rotl
    call 0
    i64.const 0x80000000
    i64.const 63
    i64.rotl
    call 0
    i64.const 0x8000004000000001
    i64.const 0x8000000000000000
    i64.rotl
    call 0
    i64.const 0
    i64.const 1
    i64.rotr
    call 0
    i64.const 255
    i64.const 0x100000000
    i64.rotr
    call 0
    i64.const 0x8000000000000000
    i64.const 2
    i64.rotr
    call 0
    i64.const 2
    i64.const 0x7fffffffffffffff
    i64.rotr
    call 0
    i64.const 0x80000000
    i64.const 63
    i64.rotr
    call 0
    i64.const 0x8000004000000001
    i64.const 0x8000000000000000
    i64.rotr
    call 0
    f32.const 0x0.0p+0
    f32.abs
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.4000000000000p+1
    f32.abs
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const nan:0x400000
    f32.abs
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.0000000000000p+32
    f32.abs
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const -0x0.0p+0
    f32.abs
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.0000000000000p-149
    f32.abs
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x0.0p+0
    f32.neg
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.4000000000000p+1
    f32.neg
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const nan:0x400000
    f32.neg
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.0000000000000p+32
    f32.neg
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const -0x0.0p+0
    f32.neg
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x1.0000000000000p-149
    f32.neg
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    f32.const 0x0.0p+0
    f32.ceil
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.ceil
    f32.const 0x0.0p+0
    f32.ceil
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.ceil
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.ceil
    f32.const 0x1.4000000000000p+1
    f32.ceil
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.ceil
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.ceil
    f32.const nan:0x400000
    f32.ceil
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.ceil
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.ceil
    f32.const 0x1.0000000000000p+32
    f32.ceil
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.ceil
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.ceil
    f32.const -0x0.0p+0
    f32.ceil
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.ceil
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.ceil
    f32.const 0x1.0000000000000p-149
    f32.ceil
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.floor
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.floor
    f32.const 0x0.0p+0
    f32.floor
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.floor
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.floor
    f32.const 0x1.4000000000000p+1
    f32.floor
    f32.eq
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
