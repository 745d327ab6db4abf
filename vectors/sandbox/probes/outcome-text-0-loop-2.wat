;; Run by sandbox/outcome/memory-text-0-loop.
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
    loop
      br 0
    end
  )
  (func (;2;) (type 2)
    i32.const 8196
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
  (export "done" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "done\00\00\00\00")
  (@custom "name" "\00\05\04done\01I\0c\00\04done\01\04done\02\04done\03\04done\04\04done\05\04done\06\04done\07\04done\08\04done\09\04done\0a\04done\0b\04done")
  (@custom "producers" "done"))
