;; Run by sandbox/outcome/memory-text-3-done.
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
  (export "exhausted:fuel" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "exhausted:fuel")
  (@custom "name" "\00\0f\0eexhausted:fuel\01\c1\01\0c\00\0eexhausted:fuel\01\0eexhausted:fuel\02\0eexhausted:fuel\03\0eexhausted:fuel\04\0eexhausted:fuel\05\0eexhausted:fuel\06\0eexhausted:fuel\07\0eexhausted:fuel\08\0eexhausted:fuel\09\0eexhausted:fuel\0a\0eexhausted:fuel\0b\0eexhausted:fuel")
  (@custom "producers" "exhausted:fuel"))
