;; Run by sandbox/outcome/memory-text-2-trap.
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
  (export "all fuel consumed by WebAssembly" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "all fuel consumed by WebAssembly")
  (@custom "name" "\00! all fuel consumed by WebAssembly\01\99\03\0c\00 all fuel consumed by WebAssembly\01 all fuel consumed by WebAssembly\02 all fuel consumed by WebAssembly\03 all fuel consumed by WebAssembly\04 all fuel consumed by WebAssembly\05 all fuel consumed by WebAssembly\06 all fuel consumed by WebAssembly\07 all fuel consumed by WebAssembly\08 all fuel consumed by WebAssembly\09 all fuel consumed by WebAssembly\0a all fuel consumed by WebAssembly\0b all fuel consumed by WebAssembly")
  (@custom "producers" "all fuel consumed by WebAssembly"))
