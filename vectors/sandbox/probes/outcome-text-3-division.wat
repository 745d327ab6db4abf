;; Run by sandbox/outcome/memory-text-3-division.
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
    i32.const 1
    i32.const 0
    i32.div_u
    drop
  )
  (func (;2;) (type 2)
    i32.const 8206
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
  (export "xxxxxxxxxxxxxx" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (@custom "name" "\00\0f\0exxxxxxxxxxxxxx\01\c1\01\0c\00\0exxxxxxxxxxxxxx\01\0exxxxxxxxxxxxxx\02\0exxxxxxxxxxxxxx\03\0exxxxxxxxxxxxxx\04\0exxxxxxxxxxxxxx\05\0exxxxxxxxxxxxxx\06\0exxxxxxxxxxxxxx\07\0exxxxxxxxxxxxxx\08\0exxxxxxxxxxxxxx\09\0exxxxxxxxxxxxxx\0a\0exxxxxxxxxxxxxx\0b\0exxxxxxxxxxxxxx")
  (@custom "producers" "xxxxxxxxxxxxxx"))
