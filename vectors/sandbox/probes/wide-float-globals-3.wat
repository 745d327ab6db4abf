;; Run by sandbox/wide/memory-float-globals-3.
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
    global.get 1
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    global.get 2
    i32.reinterpret_f32
    i64.extend_i32_u
    call 0
    global.get 3
    i64.reinterpret_f64
    call 0
    global.get 4
    i64.reinterpret_f64
    call 0
    global.get 0
    i32.eqz
    if
      f32.const 0x1.0000000000000p-149
      global.set 1
      f32.const 0x1.0000000000000p-149
      global.set 2
      f64.const -0x0.fffffffffffffp-1022
      global.set 3
      f64.const -0x0.fffffffffffffp-1022
      global.set 4
    else
      global.get 1
      f32.neg
      global.set 1
      global.get 2
      f32.neg
      global.set 2
      global.get 3
      f64.neg
      global.set 3
      global.get 4
      f64.neg
      global.set 4
    end
    i32.const 1
    global.set 0
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
  (global (;0;) (mut i32) (i32.const 0))
  (global (;1;) (mut f32) (f32.const nan:0x200001))
  (global (;2;) (mut f32) (f32.const 0x0.0p+0))
  (global (;3;) (mut f64) (f64.const -0x0.0p+0))
  (global (;4;) (mut f64) (f64.const -nan:0x4000000000001))
  (export "memory" (memory 0))
  (export "single" (global 1))
  (export "double" (global 3))
  (export "run" (func 2)))
