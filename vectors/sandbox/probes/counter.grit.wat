;; The ABI grit: a counter of calls.
(module
  (type (;0;) (func (param i32 i32) (result i32)))
  (type (;1;) (func (param i32 i32 i32 i32 i32) (result i32)))
  (type (;2;) (func (param i32 i32 i32 i32 i32 i32) (result i32)))
  (type (;3;) (func (param i32) (result i32)))
  (type (;4;) (func (param i64)))
  (type (;5;) (func (result i32)))
  (import "grit" "input" (func (;0;) (type 0)))
  (import "grit" "blob" (func (;1;) (type 1)))
  (import "grit" "place" (func (;2;) (type 1)))
  (import "grit" "step" (func (;3;) (type 2)))
  (import "grit" "result" (func (;4;) (type 3)))
  (func (;5;) (type 4)
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
  (func (;6;) (type 5)
    i32.const 8192
    i32.const 8192
    i64.load
    i64.const 1
    i64.add
    i64.store
    global.get 0
    i32.const 1
    i32.add
    global.set 0
    i32.const 8192
    i64.load
    call 5
    global.get 0
    i64.extend_i32_u
    call 5
    i32.const 0
  )
  (func (;7;) (type 5) (local i32)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 6
    local.set 0
    local.get 0
    if
      local.get 0
      return
    end
    i32.const 2304
    i32.const 0
    i32.const 224
    memory.fill
    i32.const 1
    i32.const 2304
    call 0
    drop
    i32.const 0
    i32.const 2336
    call 0
    drop
    i32.const 5
    i32.const 2368
    call 0
    drop
    i32.const 4
    i32.const 2400
    call 0
    drop
    i32.const 2
    i32.const 2432
    call 0
    drop
    i32.const 0
    i32.const 0x74756f
    i32.store offset=2624
    i32.const 16
    i32.const 0
    i32.load offset=8
    i32.const 0
    i32.const 0
    i32.const 2496
    call 1
    drop
    i32.const 2432
    i32.const 2624
    i32.const 3
    i32.const 2496
    i32.const 2432
    call 2
    drop
    i32.const 2304
    i32.const 2336
    i32.const 2368
    i32.const 2400
    i32.const 2432
    i32.const 2464
    call 3
    drop
    i32.const 2464
    call 4
  )
  (memory (;0;) 1)
  (global (;0;) (mut i32) (i32.const 0))
  (export "wit" (func 7))
  (data (;0;) (offset (i32.const 8192)) "d\00\00\00\00\00\00\00"))
