;; Run by sandbox/outcome/memory-text-6-done.
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
    i32.const 8218
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
  (export "failed:trap:divide-by-zero" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "failed:trap:divide-by-zero")
  (@custom "name" "\00\1b\1afailed:trap:divide-by-zero\01\d1\02\0c\00\1afailed:trap:divide-by-zero\01\1afailed:trap:divide-by-zero\02\1afailed:trap:divide-by-zero\03\1afailed:trap:divide-by-zero\04\1afailed:trap:divide-by-zero\05\1afailed:trap:divide-by-zero\06\1afailed:trap:divide-by-zero\07\1afailed:trap:divide-by-zero\08\1afailed:trap:divide-by-zero\09\1afailed:trap:divide-by-zero\0a\1afailed:trap:divide-by-zero\0b\1afailed:trap:divide-by-zero")
  (@custom "producers" "failed:trap:divide-by-zero"))
