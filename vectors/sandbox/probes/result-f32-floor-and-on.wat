;; Run by sandbox/result/memory-f32-floor-and-on.
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
    f32.floor
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.floor
    f32.const nan:0x400000
    f32.floor
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.floor
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.floor
    f32.const 0x1.0000000000000p+32
    f32.floor
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.floor
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.floor
    f32.const -0x0.0p+0
    f32.floor
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.floor
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.floor
    f32.const 0x1.0000000000000p-149
    f32.floor
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.trunc
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.trunc
    f32.const 0x0.0p+0
    f32.trunc
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.trunc
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.trunc
    f32.const 0x1.4000000000000p+1
    f32.trunc
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.trunc
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.trunc
    f32.const nan:0x400000
    f32.trunc
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.trunc
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.trunc
    f32.const 0x1.0000000000000p+32
    f32.trunc
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.trunc
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.trunc
    f32.const -0x0.0p+0
    f32.trunc
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.trunc
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.trunc
    f32.const 0x1.0000000000000p-149
    f32.trunc
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.nearest
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.nearest
    f32.const 0x0.0p+0
    f32.nearest
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.nearest
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.nearest
    f32.const 0x1.4000000000000p+1
    f32.nearest
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.nearest
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.nearest
    f32.const nan:0x400000
    f32.nearest
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.nearest
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.nearest
    f32.const 0x1.0000000000000p+32
    f32.nearest
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.nearest
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.nearest
    f32.const -0x0.0p+0
    f32.nearest
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.nearest
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.nearest
    f32.const 0x1.0000000000000p-149
    f32.nearest
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.sqrt
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.sqrt
    f32.const 0x0.0p+0
    f32.sqrt
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.sqrt
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.sqrt
    f32.const 0x1.4000000000000p+1
    f32.sqrt
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.sqrt
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.sqrt
    f32.const nan:0x400000
    f32.sqrt
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.sqrt
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.sqrt
    f32.const 0x1.0000000000000p+32
    f32.sqrt
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.sqrt
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.sqrt
    f32.const -0x0.0p+0
    f32.sqrt
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.sqrt
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.sqrt
    f32.const 0x1.0000000000000p-149
    f32.sqrt
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.add
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.add
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.add
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.add
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.add
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.add
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.add
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.add
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.add
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.add
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.add
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.add
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.add
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.add
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.add
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.add
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.add
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.add
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.sub
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.sub
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.sub
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.sub
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.sub
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.sub
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.sub
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.sub
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.sub
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.sub
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.sub
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.sub
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.sub
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.sub
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.sub
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.sub
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.sub
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.sub
    f32.eq
    select
    call 0
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.mul
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.mul
    f32.const 0x0.0p+0
    f32.const -0x0.0p+0
    f32.mul
    f32.eq
    select
    call 0
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.mul
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.mul
    f32.const 0x1.4000000000000p+1
    f32.const inf
    f32.mul
    f32.eq
    select
    call 0
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.mul
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.mul
    f32.const nan:0x400000
    f32.const 0x1.0000000000000p+32
    f32.mul
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.mul
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.mul
    f32.const 0x1.0000000000000p+32
    f32.const -0x1.0000000000000p+0
    f32.mul
    f32.eq
    select
    call 0
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.mul
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.mul
    f32.const -0x0.0p+0
    f32.const nan:0x400000
    f32.mul
    f32.eq
    select
    call 0
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.mul
    i32.reinterpret_f32
    i64.extend_i32_u
    i64.const 0x7fc00000
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.mul
    f32.const 0x1.0000000000000p-149
    f32.const 0x1.0000000000000p+64
    f32.mul
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
