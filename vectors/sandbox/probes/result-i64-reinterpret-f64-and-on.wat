;; Run by sandbox/result/memory-i64-reinterpret-f64-and-on.
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
    f64.const 0x0.0p+0
    i64.reinterpret_f64
    call 0
    f64.const 0x1.4000000000000p+1
    i64.reinterpret_f64
    call 0
    f64.const nan:0x8000000000000
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000200000p+31
    i64.reinterpret_f64
    call 0
    f64.const 0x1.ffffff0000000p+127
    i64.reinterpret_f64
    call 0
    f64.const -0x1.0000000000000p+0
    i64.reinterpret_f64
    call 0
    i32.const 0
    f32.reinterpret_i32
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    i32.const 32
    f32.reinterpret_i32
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    i32.const 65532
    f32.reinterpret_i32
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    f32.reinterpret_i32
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    i32.const 31
    f32.reinterpret_i32
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    i32.const 32767
    f32.reinterpret_i32
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    i64.const 0
    f64.reinterpret_i64
    i64.reinterpret_f64
    call 0
    i64.const 255
    f64.reinterpret_i64
    i64.reinterpret_f64
    call 0
    i64.const 0x8000000000000000
    f64.reinterpret_i64
    i64.reinterpret_f64
    call 0
    i64.const 2
    f64.reinterpret_i64
    i64.reinterpret_f64
    call 0
    i64.const 0x80000000
    f64.reinterpret_i64
    i64.reinterpret_f64
    call 0
    i64.const 0x8000004000000001
    f64.reinterpret_i64
    i64.reinterpret_f64
    call 0
    i32.const 0
    i32.extend8_s
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.extend8_s
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.extend8_s
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.extend8_s
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.extend8_s
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.extend8_s
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.extend16_s
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.extend16_s
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.extend16_s
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.extend16_s
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.extend16_s
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.extend16_s
    i64.extend_i32_u
    call 0
    i64.const 0
    i64.extend8_s
    call 0
    i64.const 255
    i64.extend8_s
    call 0
    i64.const 0x8000000000000000
    i64.extend8_s
    call 0
    i64.const 2
    i64.extend8_s
    call 0
    i64.const 0x80000000
    i64.extend8_s
    call 0
    i64.const 0x8000004000000001
    i64.extend8_s
    call 0
    i64.const 0
    i64.extend16_s
    call 0
    i64.const 255
    i64.extend16_s
    call 0
    i64.const 0x8000000000000000
    i64.extend16_s
    call 0
    i64.const 2
    i64.extend16_s
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
