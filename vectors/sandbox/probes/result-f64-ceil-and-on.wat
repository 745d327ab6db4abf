;; Run by sandbox/result/memory-f64-ceil-and-on.
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
    f64.const 0x1.ffffff0000000p+127
    f64.ceil
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.ceil
    f64.const 0x1.ffffff0000000p+127
    f64.ceil
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.ceil
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.ceil
    f64.const -0x1.0000000000000p+0
    f64.ceil
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.floor
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.floor
    f64.const 0x0.0p+0
    f64.floor
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.floor
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.floor
    f64.const 0x1.4000000000000p+1
    f64.floor
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.floor
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.floor
    f64.const nan:0x8000000000000
    f64.floor
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.floor
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.floor
    f64.const -0x1.0000000200000p+31
    f64.floor
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.floor
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.floor
    f64.const 0x1.ffffff0000000p+127
    f64.floor
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.floor
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.floor
    f64.const -0x1.0000000000000p+0
    f64.floor
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.trunc
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.trunc
    f64.const 0x0.0p+0
    f64.trunc
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.trunc
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.trunc
    f64.const 0x1.4000000000000p+1
    f64.trunc
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.trunc
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.trunc
    f64.const nan:0x8000000000000
    f64.trunc
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.trunc
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.trunc
    f64.const -0x1.0000000200000p+31
    f64.trunc
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.trunc
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.trunc
    f64.const 0x1.ffffff0000000p+127
    f64.trunc
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.trunc
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.trunc
    f64.const -0x1.0000000000000p+0
    f64.trunc
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.nearest
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.nearest
    f64.const 0x0.0p+0
    f64.nearest
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.nearest
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.nearest
    f64.const 0x1.4000000000000p+1
    f64.nearest
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.nearest
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.nearest
    f64.const nan:0x8000000000000
    f64.nearest
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.nearest
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.nearest
    f64.const -0x1.0000000200000p+31
    f64.nearest
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.nearest
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.nearest
    f64.const 0x1.ffffff0000000p+127
    f64.nearest
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.nearest
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.nearest
    f64.const -0x1.0000000000000p+0
    f64.nearest
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.sqrt
    f64.const 0x0.0p+0
    f64.sqrt
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.sqrt
    f64.const 0x1.4000000000000p+1
    f64.sqrt
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.sqrt
    f64.const nan:0x8000000000000
    f64.sqrt
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.sqrt
    f64.const -0x1.0000000200000p+31
    f64.sqrt
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.sqrt
    f64.const 0x1.ffffff0000000p+127
    f64.sqrt
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.sqrt
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.sqrt
    f64.const -0x1.0000000000000p+0
    f64.sqrt
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.add
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.add
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.add
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.add
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.add
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.add
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.add
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.add
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.add
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.add
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.add
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.add
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.add
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.sub
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.sub
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.sub
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.sub
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.sub
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.sub
    f64.eq
    select
    call 0
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.sub
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.sub
    f64.const nan:0x8000000000000
    f64.const -0x1.0000000200000p+31
    f64.sub
    f64.eq
    select
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.sub
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.sub
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.sub
    f64.eq
    select
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.sub
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.sub
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.sub
    f64.eq
    select
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.sub
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.sub
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.sub
    f64.eq
    select
    call 0
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.mul
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.mul
    f64.const 0x0.0p+0
    f64.const -0x0.0p+0
    f64.mul
    f64.eq
    select
    call 0
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.mul
    i64.reinterpret_f64
    i64.const 0x7ff8000000000000
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.mul
    f64.const 0x1.4000000000000p+1
    f64.const inf
    f64.mul
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
