;; Run by sandbox/module/memory-calls-through-a-table.
(module
  (type (;0;) (func (param i64)))
  (type (;1;) (func (param i64) (result i64)))
  (type (;2;) (func (result i32)))
  (type (;3;) (func))
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
    local.get 0
    i64.const 7
    i64.add
  )
  (func (;2;) (type 1)
    local.get 0
    i64.const 7
    i64.sub
  )
  (func (;3;) (type 1)
    local.get 0
    i64.const 7
    i64.mul
  )
  (func (;4;) (type 1)
    local.get 0
    i64.const 7
    i64.and
  )
  (func (;5;) (type 1)
    local.get 0
    i64.const 7
    i64.or
  )
  (func (;6;) (type 1)
    local.get 0
    i64.const 7
    i64.xor
  )
  (func (;7;) (type 2)
    i64.const 6
    i32.const 1
    call_indirect (type 1)
    call 0
    i64.const 6
    i32.const 2
    call_indirect (type 1)
    call 0
    i64.const 6
    i32.const 3
    call_indirect (type 1)
    call 0
    i64.const 6
    i32.const 4
    call_indirect (type 1)
    call 0
    i64.const 6
    i32.const 5
    call_indirect (type 1)
    call 0
    i64.const 6
    i32.const 6
    call_indirect (type 1)
    call 0
    i32.const 0
  )
  (func (;8;) (type 3)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 7
    drop
  )
  (table (;0;) 7 funcref)
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "run" (func 8))
  (elem (i32.const 1) func 1 2 3 4 5 6))
