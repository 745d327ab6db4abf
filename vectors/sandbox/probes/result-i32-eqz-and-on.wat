;; Run by sandbox/result/memory-i32-eqz-and-on.
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
    i32.const 0
    i32.eqz
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.eqz
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.eqz
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.eqz
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.eqz
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.eqz
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.eq
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.eq
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.eq
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.eq
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.eq
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.eq
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.ne
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.ne
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.ne
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.ne
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.ne
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.ne
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.lt_s
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.lt_s
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.lt_s
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.lt_s
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.lt_s
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.lt_s
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.lt_u
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.lt_u
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.lt_u
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.lt_u
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.lt_u
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.lt_u
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.gt_s
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.gt_s
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.gt_s
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.gt_s
    i64.extend_i32_u
    call 0
    i32.const 31
    i32.const 0x7fffffff
    i32.gt_s
    i64.extend_i32_u
    call 0
    i32.const 32767
    i32.const 31
    i32.gt_s
    i64.extend_i32_u
    call 0
    i32.const 0
    i32.const 1
    i32.gt_u
    i64.extend_i32_u
    call 0
    i32.const 32
    i32.const 255
    i32.gt_u
    i64.extend_i32_u
    call 0
    i32.const 65532
    i32.const 0xffffffff
    i32.gt_u
    i64.extend_i32_u
    call 0
    i32.const 0xffffffff
    i32.const 63
    i32.gt_u
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
