;; Run by sandbox/outcome/memory-text-7-division.
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
  (export "unresolved:import unknown import" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "unresolved:import unknown import")
  (@custom "name" "\00! unresolved:import unknown import\01\99\03\0c\00 unresolved:import unknown import\01 unresolved:import unknown import\02 unresolved:import unknown import\03 unresolved:import unknown import\04 unresolved:import unknown import\05 unresolved:import unknown import\06 unresolved:import unknown import\07 unresolved:import unknown import\08 unresolved:import unknown import\09 unresolved:import unknown import\0a unresolved:import unknown import\0b unresolved:import unknown import")
  (@custom "producers" "unresolved:import unknown import"))
