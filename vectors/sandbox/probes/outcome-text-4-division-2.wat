;; Run by sandbox/outcome/memory-text-4-division.
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
  (export "wasm trap: call stack exhausted" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "wasm trap: call stack exhausted")
  (@custom "name" "\00 \1fwasm trap: call stack exhausted\01\8d\03\0c\00\1fwasm trap: call stack exhausted\01\1fwasm trap: call stack exhausted\02\1fwasm trap: call stack exhausted\03\1fwasm trap: call stack exhausted\04\1fwasm trap: call stack exhausted\05\1fwasm trap: call stack exhausted\06\1fwasm trap: call stack exhausted\07\1fwasm trap: call stack exhausted\08\1fwasm trap: call stack exhausted\09\1fwasm trap: call stack exhausted\0a\1fwasm trap: call stack exhausted\0b\1fwasm trap: call stack exhausted")
  (@custom "producers" "wasm trap: call stack exhausted"))
