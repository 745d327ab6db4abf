;; Run by sandbox/result/memory-i64-extend-i32-s-and-on.
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
    i32.const 65532
    i64.extend_i32_s
    call 0
    i32.const 0xffffffff
    i64.extend_i32_s
    call 0
    i32.const 31
    i64.extend_i32_s
    call 0
    i32.const 32767
    i64.extend_i32_s
    call 0
    i32.const 0
    i64.extend_i32_u
    call 0
    i32.const 32
    i64.extend_i32_u
    call 0
    i32.const 65532
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i64.extend_i32_u
    call 0
    i32.const 31
    i64.extend_i32_u
    call 0
    i32.const 32767
    i64.extend_i32_u
    call 0
    f32.const 0x1.8000000000000p+5
    i64.trunc_f32_s
    call 0
    f32.const 0x1.8000000000000p+5
    i64.trunc_f32_u
    call 0
    f64.const 0x1.8000000000000p+5
    i64.trunc_f64_s
    call 0
    f64.const 0x1.8000000000000p+5
    i64.trunc_f64_u
    call 0
    i32.const 0
    f32.convert_i32_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 0
    f32.convert_i32_s
    i32.const 0
    f32.convert_i32_s
    f32.eq
    select
    call 0
    i32.const 32
    f32.convert_i32_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 32
    f32.convert_i32_s
    i32.const 32
    f32.convert_i32_s
    f32.eq
    select
    call 0
    i32.const 65532
    f32.convert_i32_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 65532
    f32.convert_i32_s
    i32.const 65532
    f32.convert_i32_s
    f32.eq
    select
    call 0
    i32.const 0xffffffff
    f32.convert_i32_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 0xffffffff
    f32.convert_i32_s
    i32.const 0xffffffff
    f32.convert_i32_s
    f32.eq
    select
    call 0
    i32.const 31
    f32.convert_i32_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 31
    f32.convert_i32_s
    i32.const 31
    f32.convert_i32_s
    f32.eq
    select
    call 0
    i32.const 32767
    f32.convert_i32_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 32767
    f32.convert_i32_s
    i32.const 32767
    f32.convert_i32_s
    f32.eq
    select
    call 0
    i32.const 0
    f32.convert_i32_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 0
    f32.convert_i32_u
    i32.const 0
    f32.convert_i32_u
    f32.eq
    select
    call 0
    i32.const 32
    f32.convert_i32_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 32
    f32.convert_i32_u
    i32.const 32
    f32.convert_i32_u
    f32.eq
    select
    call 0
    i32.const 65532
    f32.convert_i32_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 65532
    f32.convert_i32_u
    i32.const 65532
    f32.convert_i32_u
    f32.eq
    select
    call 0
    i32.const 0xffffffff
    f32.convert_i32_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 0xffffffff
    f32.convert_i32_u
    i32.const 0xffffffff
    f32.convert_i32_u
    f32.eq
    select
    call 0
    i32.const 31
    f32.convert_i32_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 31
    f32.convert_i32_u
    i32.const 31
    f32.convert_i32_u
    f32.eq
    select
    call 0
    i32.const 32767
    f32.convert_i32_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i32.const 32767
    f32.convert_i32_u
    i32.const 32767
    f32.convert_i32_u
    f32.eq
    select
    call 0
    i64.const 0
    f32.convert_i64_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0
    f32.convert_i64_s
    i64.const 0
    f32.convert_i64_s
    f32.eq
    select
    call 0
    i64.const 255
    f32.convert_i64_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 255
    f32.convert_i64_s
    i64.const 255
    f32.convert_i64_s
    f32.eq
    select
    call 0
    i64.const 0x8000000000000000
    f32.convert_i64_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0x8000000000000000
    f32.convert_i64_s
    i64.const 0x8000000000000000
    f32.convert_i64_s
    f32.eq
    select
    call 0
    i64.const 2
    f32.convert_i64_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 2
    f32.convert_i64_s
    i64.const 2
    f32.convert_i64_s
    f32.eq
    select
    call 0
    i64.const 0x80000000
    f32.convert_i64_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0x80000000
    f32.convert_i64_s
    i64.const 0x80000000
    f32.convert_i64_s
    f32.eq
    select
    call 0
    i64.const 0x8000004000000001
    f32.convert_i64_s
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0x8000004000000001
    f32.convert_i64_s
    i64.const 0x8000004000000001
    f32.convert_i64_s
    f32.eq
    select
    call 0
    i64.const 0
    f32.convert_i64_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0
    f32.convert_i64_u
    i64.const 0
    f32.convert_i64_u
    f32.eq
    select
    call 0
    i64.const 255
    f32.convert_i64_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 255
    f32.convert_i64_u
    i64.const 255
    f32.convert_i64_u
    f32.eq
    select
    call 0
    i64.const 0x8000000000000000
    f32.convert_i64_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0x8000000000000000
    f32.convert_i64_u
    i64.const 0x8000000000000000
    f32.convert_i64_u
    f32.eq
    select
    call 0
    i64.const 2
    f32.convert_i64_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 2
    f32.convert_i64_u
    i64.const 2
    f32.convert_i64_u
    f32.eq
    select
    call 0
    i64.const 0x80000000
    f32.convert_i64_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0x80000000
    f32.convert_i64_u
    i64.const 0x80000000
    f32.convert_i64_u
    f32.eq
    select
    call 0
    i64.const 0x8000004000000001
    f32.convert_i64_u
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    i64.const 0x8000004000000001
    f32.convert_i64_u
    i64.const 0x8000004000000001
    f32.convert_i64_u
    f32.eq
    select
    call 0
    f64.const 0x0.0p+0
    f32.demote_f64
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f64.const 0x0.0p+0
    f32.demote_f64
    f64.const 0x0.0p+0
    f32.demote_f64
    f32.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f32.demote_f64
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f64.const 0x1.4000000000000p+1
    f32.demote_f64
    f64.const 0x1.4000000000000p+1
    f32.demote_f64
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
