;; Run by sandbox/outcome/memory-text-4-trap.
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
    unreachable
  )
  (func (;2;) (type 2)
    i32.const 8223
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
  (export "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (@custom "name" "\00 \1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\01\8d\03\0c\00\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\01\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\02\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\03\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\04\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\05\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\06\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\07\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\08\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\09\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\0a\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\0b\1fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
  (@custom "producers" "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))
