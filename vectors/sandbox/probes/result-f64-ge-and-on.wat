;; Run by sandbox/result/memory-f64-ge-and-on.
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
    f64.ge
    i64.extend_i32_u
    call 0
    f64.const -0x1.0000000200000p+31
    f64.const 0x0.0p+0
    f64.ge
    i64.extend_i32_u
    call 0
    f64.const 0x1.ffffff0000000p+127
    f64.const 0x1.fffffffffffffp+1023
    f64.ge
    i64.extend_i32_u
    call 0
    f64.const -0x1.0000000000000p+0
    f64.const 0x1.0000000000000p+31
    f64.ge
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.clz
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.clz
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.clz
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.clz
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.clz
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.clz
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.ctz
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.ctz
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.ctz
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.ctz
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.ctz
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.ctz
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.popcnt
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.popcnt
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.popcnt
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.popcnt
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.popcnt
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.popcnt
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.add
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.add
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.add
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.add
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.add
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.add
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.sub
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.sub
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.sub
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.sub
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.sub
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.sub
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.mul
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.mul
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.mul
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.mul
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.mul
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.mul
    i64.extend_i32_u
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
