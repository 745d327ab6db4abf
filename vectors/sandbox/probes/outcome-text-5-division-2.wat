;; Run by sandbox/outcome/memory-text-5-division.
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
    i32.const 8235
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
  (export "timeout: epoch deadline reached (interrupt)" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "timeout: epoch deadline reached (interrupt)")
  (@custom "name" "\00,+timeout: epoch deadline reached (interrupt)\01\9d\04\0c\00+timeout: epoch deadline reached (interrupt)\01+timeout: epoch deadline reached (interrupt)\02+timeout: epoch deadline reached (interrupt)\03+timeout: epoch deadline reached (interrupt)\04+timeout: epoch deadline reached (interrupt)\05+timeout: epoch deadline reached (interrupt)\06+timeout: epoch deadline reached (interrupt)\07+timeout: epoch deadline reached (interrupt)\08+timeout: epoch deadline reached (interrupt)\09+timeout: epoch deadline reached (interrupt)\0a+timeout: epoch deadline reached (interrupt)\0b+timeout: epoch deadline reached (interrupt)")
  (@custom "producers" "timeout: epoch deadline reached (interrupt)"))
