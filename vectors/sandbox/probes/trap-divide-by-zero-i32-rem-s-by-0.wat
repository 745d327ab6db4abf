;; Run by sandbox/trap/memory-divide-by-zero-i32-rem-s-by-0.
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
    i32.const 7
    i32.const 0
    i32.rem_s
    drop
  )
  (func (;2;) (type 1)
  )
  (func (;3;) (type 2)
    i64.const 7
    call 0
    call 1
    i32.const 0
  )
  (func (;4;) (type 1)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 3
    drop
  )
  (table (;0;) 3 funcref)
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 4))
  (elem (i32.const 0) func 1 2)
  (data (;0;) "passive!")
  (data (;1;) (offset (i32.const 8192)) "active"))
