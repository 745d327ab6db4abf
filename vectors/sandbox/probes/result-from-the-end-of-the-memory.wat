;; Run by sandbox/result/wasi-from-the-end-of-the-memory.
(module
  (type (;0;) (func (param i32 i32 i32 i32) (result i32)))
  (type (;1;) (func (param i32)))
  (type (;2;) (func (param i64)))
  (type (;3;) (func (result i32)))
  (type (;4;) (func))
  (import "wasi_snapshot_preview1" "fd_write" (func (;0;) (type 0)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (;1;) (type 1)))
  (func (;2;) (type 2) (local i32 i32)
    i32.const 16
    local.set 1
    loop
      local.get 1
      local.get 0
      i64.const 15
      i64.and
      i32.wrap_i64
      local.tee 2
      i32.const 87
      i32.const 48
      local.get 2
      i32.const 9
      i32.gt_u
      select
      i32.add
      i32.store8 offset=2559
      local.get 0
      i64.const 4
      i64.shr_u
      local.set 0
      local.get 1
      i32.const 1
      i32.sub
      local.tee 1
      br_if 0
    end
    i32.const 0
    i32.const 10
    i32.store8 offset=2576
    i32.const 0
    i32.const 2560
    i32.store offset=2592
    i32.const 0
    i32.const 17
    i32.store offset=2596
    i32.const 1
    i32.const 2592
    i32.const 1
    i32.const 2600
    call 0
    drop
  )
  (func (;3;) (type 3)
    i64.const 9
    call 2
    i32.const 65519
    i32.const 2560
    i32.const 17
    memory.copy
    i32.const 0
    i32.const 65519
    i32.store offset=2592
    i32.const 1
    i32.const 2592
    i32.const 1
    i32.const 2600
    call 0
    drop
    i32.const 0
  )
  (func (;4;) (type 4) (local i32)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 3
    local.set 0
    local.get 0
    if
      local.get 0
      call 1
    end
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "_start" (func 4)))
