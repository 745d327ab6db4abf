;; Run by sandbox/outcome/memory-text-2-done and 1 more.
(module
  (type (;0;) (func (param i64)))
  (type (;1;) (func))
  (type (;2;) (func (result i32)))
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
  )
  (func (;2;) (type 2)
    i32.const 8224
    i32.load8_u
    i64.extend_i32_u
    call 0
    call 1
    i32.const 0
  )
  (func (;3;) (type 1)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 2
    drop
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (@custom "name" "\00! xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\01\99\03\0c\00 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\01 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\02 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\03 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\04 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\05 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\06 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\07 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\08 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\09 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\0a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\0b xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
  (@custom "producers" "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))
